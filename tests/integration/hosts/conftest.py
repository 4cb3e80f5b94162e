"""A site whose machines are real, and what a test needs to speak with them as Ansible does."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from gate.init import shipped

if TYPE_CHECKING:
    from tests.hosts.host import Host
    from tests.hosts.lab import Lab

PATIENCE_S = 120.0
# a cut link says nothing: without questions of its own ssh would wait for an answer for ever
CONFIG = """\
[defaults]
timeout = 5
[ssh_connection]
pipelining = True
control_path_dir = {sockets}
ssh_args = -o ControlMaster=auto -o ControlPersist=20 -o ServerAliveInterval=1 -o ServerAliveCountMax=2
"""
BINARIES = Path(sys.executable).parent

Ansible = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def settings() -> Iterator[str]:
    """An ansible.cfg. The path of a unix socket has 107 bytes at most, so those of ssh get a short folder."""
    sockets = Path(tempfile.mkdtemp(prefix="cp-", dir="/tmp"))
    yield CONFIG.format(sockets=sockets)
    for socket in sockets.iterdir():
        subprocess.run(
            ["ssh", "-q", "-o", f"ControlPath={socket}", "-O", "exit", "any"], check=False, timeout=PATIENCE_S
        )
    shutil.rmtree(sockets)


@pytest.fixture
def ansible(tmp_path: Path, settings: str) -> Ansible:
    """Runs `ansible -i INVENTORY WORDS` with these settings and host keys checked."""
    config = tmp_path / "ansible.cfg"
    config.write_text(settings)

    def run(inventory: Path | dict[str, Any], *words: str) -> subprocess.CompletedProcess[str]:
        if isinstance(inventory, dict):
            source = tmp_path / "inventory.yml"
            source.write_text(yaml.safe_dump(inventory))
        else:
            source = inventory
        return subprocess.run(
            [BINARIES / "ansible", "-i", source, *words],
            env={
                "ANSIBLE_CONFIG": str(config),
                "ANSIBLE_HOME": str(tmp_path / "ansible"),
                "ANSIBLE_HOST_KEY_CHECKING": "True",
                "ANSIBLE_NOCOLOR": "True",
                "HOME": str(Path.home()),
                "LANG": "C.UTF-8",
                "PATH": f"{BINARIES}:/usr/bin:/bin:/usr/sbin:/sbin",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )

    return run


@pytest.fixture
def site(site: Path, lab: Lab, hosts: tuple[Host, ...], settings: str) -> Path:
    """The site of the other tests, with `restart_service` and the hosts of the lab, all of them staging."""
    shutil.copytree(shipped() / "playbooks" / "restart_service", site / "playbooks" / "restart_service")
    shutil.rmtree(site / "inventory")
    (site / "inventory").mkdir()
    inventory = lab.inventory
    inventory["all"]["vars"] |= {"gate_environment": "staging", "gate_services": ["nginx", "app"]}
    (site / "inventory" / "hosts.yml").write_text(yaml.safe_dump(inventory))
    # of ssh only where its sockets lie: that a cut link is noticed is what the gate does by itself
    own = [line for line in settings.splitlines() if not line.startswith(("ssh_args", "pipelining"))]
    (site / "ansible.cfg").write_text("\n".join(own) + "\n")
    return site
