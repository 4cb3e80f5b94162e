"""How the hosts of a lab are reached: an inventory for Ansible, and ssh's own files. Host keys are always checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.hosts.host import Host
from tests.hosts.keys import Key

_SSH_CONFIG = """\
Host {name}
    HostName {address}
    User deploy
    IdentityFile {folder}/id
    IdentitiesOnly yes
    UserKnownHostsFile {folder}/known_hosts
    GlobalKnownHostsFile /dev/null
"""


def write(folder: Path, hosts: Sequence[Host], login: Key, own: Mapping[str, Key]) -> None:
    """Writes `id`, `known_hosts`, `ssh_config` and `inventory.yml` for hosts with the keys `own`."""
    login.write(folder / "id")
    known = [f"{host.address} {own[host.name].public.decode()}" for host in hosts]
    (folder / "known_hosts").write_text("".join(known))
    told = [_SSH_CONFIG.format(name=host.name, address=host.address, folder=folder) for host in hosts]
    (folder / "ssh_config").write_text("".join(told))
    (folder / "inventory.yml").write_text(yaml.safe_dump(inventory(folder, hosts), sort_keys=False))


def inventory(folder: Path, hosts: Sequence[Host]) -> dict[str, Any]:
    """The hosts as groups `web` and `staging`, reached as `deploy` who becomes root."""
    options = {
        "UserKnownHostsFile": folder / "known_hosts",
        "GlobalKnownHostsFile": "/dev/null",
        "IdentitiesOnly": "yes",
    }
    return {
        "all": {
            "vars": {
                "ansible_user": "deploy",
                "ansible_become": True,
                "ansible_python_interpreter": "/usr/bin/python3",
                "ansible_ssh_private_key_file": str(folder / "id"),
                "ansible_ssh_common_args": " ".join(f"-o {name}={value}" for name, value in options.items()),
            },
            "children": {
                "web": {"hosts": {host.name: {"ansible_host": host.address} for host in hosts}},
                "staging": {"children": {"web": {}}},
            },
        }
    }
