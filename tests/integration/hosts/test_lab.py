"""Hosts come up as Debian with systemd, are reached with host keys checked, and leave nothing behind."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from click.testing import CliRunner

from tests.hosts import ground
from tests.hosts.__main__ import main
from tests.hosts.host import Host
from tests.hosts.lab import Lab

PATIENCE_S = 120.0
ROOT = Path(__file__).parents[3]
Hosts = tuple[Host, ...]
Ansible = Callable[..., "subprocess.CompletedProcess[str]"]
KILLED = """\
import os, signal
from tests.hosts.lab import Lab
print(Lab.up(1, print).number, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def containers(lab: Lab) -> list[str]:
    return [
        name for name in lab.podman.lines("ps", "--all", "--format", "{{.Names}}") if name.startswith(f"{lab.name}-")
    ]


def tool(*words: str) -> str:
    return CliRunner().invoke(main, words).output


def test_a_host_is_debian_with_systemd_as_its_first_process(hosts: Hosts) -> None:
    for host in hosts:
        assert host.run("cat", "/proc/1/comm") == "systemd"
        assert host.run("systemctl", "is-active", "ssh", "nginx", "cron").split() == ["active"] * 3
        assert "Debian" in host.run("cat", "/etc/os-release")
        assert host.run("nft", "list", "ruleset") == ""


def test_ansible_becomes_root_over_ssh_with_host_keys_checked(lab: Lab, hosts: Hosts, ansible: Ansible) -> None:
    done = ansible(lab.folder / "inventory.yml", "all", "-m", "command", "-a", "id -un")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("| CHANGED | rc=0 >>\nroot\n") == len(hosts)


def test_a_host_with_another_key_is_not_spoken_to(lab: Lab, hosts: Hosts, ansible: Ansible, tmp_path: Path) -> None:
    right = (lab.folder / "known_hosts").read_text().splitlines()
    keys = [line.split(" ", 1)[1] for line in right]
    assert len(set(keys)) == len(hosts)  # nothing of the kind is in the image
    wrong = tmp_path / "known_hosts"
    wrong.write_text("".join(f"{host.address} {key}\n" for host, key in zip(hosts, reversed(keys), strict=True)))
    inventory = lab.inventory
    of_all = inventory["all"]["vars"]
    of_all["ansible_ssh_common_args"] = of_all["ansible_ssh_common_args"].replace(
        str(lab.folder / "known_hosts"), str(wrong)
    )
    done = ansible(inventory, "all", "-m", "raw", "-a", "touch /srv/was-here")
    assert done.returncode == 4
    for host in hosts:
        assert f"{host.name} | UNREACHABLE!" in done.stdout
        assert host.run("ls", "/srv") == ""
    assert "Host key verification failed" in done.stdout


def test_nobody_else_logs_in(lab: Lab, hosts: Hosts) -> None:
    assert (lab.folder / "id").stat().st_mode & 0o077 == 0
    config = str(lab.folder / "ssh_config")
    for words in (["-o", "PubkeyAuthentication=no"], ["-l", "root"]):
        done = subprocess.run(
            ["ssh", "-o", "BatchMode=yes", "-F", config, *words, hosts[0].name, "true"],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 255
        assert "Permission denied (publickey)" in done.stderr


def test_nothing_leads_out_of_the_network(hosts: Hosts) -> None:
    routes = hosts[0].run("ip", "route").splitlines()
    assert len(routes) == 1
    assert routes[0].startswith(hosts[0].address.rpartition(".")[0])


def test_what_a_killed_run_left_is_taken_away_by_the_next(lab: Lab) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED], cwd=ROOT, capture_output=True, text=True, check=False)
    left = Lab.load(int(done.stdout))
    assert left.hosts[0].state() == "running"
    with ground.locked():
        ground.sweep()
    assert containers(left) == []
    assert not left.folder.exists()
    assert all(host.state() == "running" for host in lab.hosts)


def test_the_tool_makes_hosts_that_stay_until_it_takes_them_away(lab: Lab) -> None:
    number = next(free for free in range(201, 255) if free not in ground.numbers())
    own = ("--lab", str(number))
    try:
        assert f"lab {number}  web-01  10.77.{number}.11  running" in tool("up", "1", *own)
        with ground.locked():
            ground.sweep()
        for verb, state in {"cut": "cut", "heal": "running", "freeze": "frozen", "thaw": "running"}.items():
            assert tool(verb, "web-01", *own) == ""
            assert f"lab {number}  web-01  10.77.{number}.11  {state}" in tool("status")
        assert f"ansible_host: 10.77.{number}.11" in tool("inventory", *own)
        assert "There is no host web-02" in tool("cut", "web-02", *own)
        assert f"Lab {number} is up already" in tool("up", "1", *own)
    finally:
        assert tool("down", *own) == ""
    assert f"Lab {number} is not up" in tool("down", *own)
    assert f"lab {lab.number}  web-01" in tool("status")
