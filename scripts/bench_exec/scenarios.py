"""What is measured."""

from __future__ import annotations

import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from place import Place, drop_connections, served, write_inventories
from times import Memory, Way, interleaved, table
from ways import PlaybookFailedError, bare, governed

TUNED = {
    "ANSIBLE_PIPELINING": "True",
    "ANSIBLE_FORKS": "20",
    "ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -o ControlPersist=600s",
}


def one_host(place: Place, title: str, action: str, host: str, rounds: int, *, cold: bool = False) -> list[str]:
    tuned = {**TUNED, "ANSIBLE_SSH_CONTROL_PATH_DIR": str(place.root / "tuned")}
    ways: dict[str, Way] = {
        "ansible-playbook": lambda times: bare(place, action, "plain", host, {}, times),
        "ansible-playbook, tuned": lambda times: bare(place, action, "tuned", host, tuned, times),
        "**gate**": lambda times: governed(place, action, host, times),
    }
    return table(title, interleaved(ways, rounds, (lambda: drop_connections(place.root)) if cold else (lambda: None)))


def many(place: Place, title: str, action: str, hosts: list[str], rounds: int, count: int = 20) -> list[str]:
    tuned = {**TUNED, "ANSIBLE_SSH_CONTROL_PATH_DIR": str(place.root / "tuned")}
    ways: dict[str, Callable[[str], None]] = {
        "ansible-playbook": lambda host: bare(place, action, "plain", host, {}, None),
        "ansible-playbook, tuned": lambda host: bare(place, action, "tuned", host, tuned, None),
        "**gate**": lambda host: governed(place, action, host, None),
    }
    speeds: dict[str, list[float]] = {name: [] for name in ways}
    peaks: dict[str, float] = dict.fromkeys(ways, 0.0)
    failed = dict.fromkeys(ways, 0)
    for number in range(rounds):
        for name in list(ways) if number % 2 == 0 else list(ways)[::-1]:
            for host in hosts:
                ways[name](host)  # the connections are there
            began = time.perf_counter()
            with Memory() as memory, ThreadPoolExecutor(count) as threads:
                ended = list(threads.map(partial(_succeeds, ways[name]), [hosts[n % len(hosts)] for n in range(count)]))
            speeds[name].append(sum(ended) / (time.perf_counter() - began) * 60)
            failed[name] += ended.count(False)
            peaks[name] = max(peaks[name], memory.peak)
    base, second = (statistics.median(list(speeds.values())[n]) for n in (0, 1))
    lines = [f"### {title}", "", "| | a minute | to plain | to tuned | memory, MB |", "|---|--:|--:|--:|--:|"]
    for name, found in speeds.items():
        middle = statistics.median(found)
        lines.append(f"| {name} | {middle:,.0f} | {middle / base:.1f}x | {middle / second:.1f}x | {peaks[name]:,.0f} |")
    lines.append("")
    lines += [f"Of {rounds * count} of {name} {one} failed.\n" for name, one in failed.items() if one]
    return lines


def _succeeds(way: Callable[[str], None], host: str) -> bool:
    """Many at once can be too many for a bare command. The gate may not fail: then there is nothing to compare."""
    try:
        way(host)
    except PlaybookFailedError:
        return False
    return True


def fan_out(place: Place, names: list[str], rounds: int) -> list[str]:
    ways: dict[str, Way] = {
        "ansible-playbook": lambda times: bare(place, "ask", "plain", "fleet", {}, times),
        "ansible-playbook, tuned": lambda times: bare(place, "ask", "tuned", "fleet", TUNED, times),
        "**gate**": lambda times: governed(place, "ask", "fleet", times),
    }
    return table(f"{len(names)} SSH endpoints, one task", interleaved(ways, rounds, uncounted=1))


def fleet(rounds: int) -> list[str]:
    from tests.hosts.fleet import Fleet

    with contextlib.ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gb-")))
        (root / "fleet").mkdir()
        endpoints = stack.enter_context(Fleet(root / "fleet", 200))
        told = endpoints.inventory["all"]
        hosts = {"fleet": {"hosts": told["children"]["web"]["hosts"], "vars": told["vars"]}}
        write_inventories(root, hosts)
        stack.callback(drop_connections, root)
        place = stack.enter_context(served(root, hosts))
        return fan_out(place, endpoints.names, rounds)
