"""From a wish to its end, beside ansible-playbook: the same playbooks, hosts and results, in one run. Asserts nothing.

Every figure of the gate is that of a whole change, asked for over HTTP: typed, decided, recorded, dispatched, run,
judged, sealed. Hosts over SSH are real ones, so those need root.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

from benchmarks_page import write_part
from place import LOCAL_HOSTS, Place, drop_connections, groups, served, write_inventories
from rulebook import race
from scenarios import fleet, many, one_host

ONE, THREE = "one task", "three tasks"
Scenario = Callable[[Place, int], list[str]]
LOCAL: dict[str, Scenario] = {
    "local": lambda place, n: (
        one_host(place, f"Local connection, {ONE}", "one", "local-01", n)
        + one_host(place, f"Local connection, {THREE}", "local_three", "local-01", n)
    ),
    "20-local": lambda place, n: many(
        place, f"20 changes at once, {THREE}, local connections", "local_three", LOCAL_HOSTS, max(2, n // 4)
    ),
}
SSH: dict[str, Scenario] = {
    "ssh": lambda place, n: (
        one_host(place, f"SSH with sudo, the connection is there, {ONE}", "one", "web-01", n)
        + one_host(place, f"SSH with sudo, the connection is there, {THREE}", "ssh_three", "web-01", n)
    ),
    "cold-ssh": lambda place, n: (
        one_host(place, f"SSH with sudo, no connection yet, {ONE}", "one", "web-01", max(4, n // 2), cold=True)
        + one_host(
            place, f"SSH with sudo, no connection yet, {THREE}", "ssh_three", "web-01", max(4, n // 2), cold=True
        )
    ),
    "20-ssh": lambda place, n: many(
        place, f"20 changes at once, {THREE}, two hosts over SSH", "ssh_three", ["web-01", "web-02"], max(2, n // 4)
    ),
}


def main() -> None:
    """Measures what is asked for, and prints each table when it is there."""
    names = [*LOCAL, *SSH, "rulebook", "fleet"]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", metavar="WHAT", help=f"of {', '.join(names)}; all of it by default")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--rulebook", type=Path, help="a Python with ansible-rulebook installed beside it")
    parser.add_argument("--loaded", action="store_true", help="with two busy processes for each core beside it")
    parser.add_argument("--write", action="store_true", help="put them into docs/benchmarks.md")
    given = parser.parse_args()
    if unknown := sorted({*given.what} - {*names}):
        parser.error(f"there is no {unknown[0]}; there are {', '.join(names)}")
    given.what = given.what or names
    with busy(2 * (os.cpu_count() or 1) if given.loaded else 0):
        measure(given)


def measure(given: argparse.Namespace) -> None:
    told = [head() + f"Beside it {2 * (os.cpu_count() or 1)} processes that only compute.\n" * given.loaded]
    print(told[0], flush=True)

    def tell(lines: list[str]) -> None:
        told.append("\n".join(lines))
        print(told[-1], flush=True)

    here = {name: deed for name, deed in {**LOCAL, **SSH}.items() if name in given.what}
    if given.rulebook and "rulebook" in given.what:
        here["rulebook"] = lambda place, n: race(place, given.rulebook.absolute(), n)
    with site(real_hosts=not SSH.keys().isdisjoint(here)) as place:
        for deed in here.values():
            tell(deed(place, given.rounds))
    if "fleet" in given.what:
        tell(fleet(max(2, given.rounds // 4)))
    if given.write:
        write_part("execution under load" if given.loaded else "execution", "\n".join(told))


@contextlib.contextmanager
def busy(processes: int) -> Iterator[None]:
    """So many processes that take what they get of the cores."""
    started = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for one in started:
            one.kill()
            one.wait()


@contextlib.contextmanager
def site(*, real_hosts: bool) -> Iterator[Place]:
    """A site that is served, with twenty local hosts, and two real ones if they are wanted."""
    with contextlib.ExitStack() as stack:
        lab = None
        if real_hosts:
            from tests.hosts.lab import Lab

            lab = Lab.up(2, print)
            stack.callback(lab.down)
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gb-")))
        hosts = groups(root, lab)
        write_inventories(root, hosts)
        stack.callback(drop_connections, root)
        yield stack.enter_context(served(root, hosts))


def head() -> str:
    """The machine, the time, and what ran."""
    about = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in about if line.startswith("model name")), "unknown")
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC on {os.cpu_count()} x {model}, load {os.getloadavg()[0]:.2f} at the"
        f" start; Linux {platform.release()}, Python {platform.python_version()},"
        f" ansible-core {version('ansible-core')}, ansible-runner {version('ansible-runner')}.\n"
    )


if __name__ == "__main__":
    main()
