"""The environment of a run: a list, not an inheritance. ansible-runner writes all of it into its artifacts."""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Iterable, Mapping, MutableMapping
from pathlib import Path

PASSED = ("HOME", "USER", "LOGNAME", "SSH_AUTH_SOCK", "TZ")
SYSTEM_PATH = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin")
LONGEST_TMPDIR = 107 - len("/pymp-12345678/listener-12345678")  # bytes: a socket's path may have 107 on Linux
NO_CONFIG = Path(__file__).parent / "ansible.cfg"
# A connection is kept for the tasks and runs that follow within a minute; one that is cut is noticed after 15 seconds,
# also in the middle of a task. What the site's ansible.cfg says about any of these is left as it says.
CONNECTION = {
    "ANSIBLE_PIPELINING": ("True", (("defaults", "pipelining"), ("connection", "pipelining"))),
    "ANSIBLE_SSH_ARGS": (
        "-o ControlMaster=auto -o ControlPersist=60s -o ServerAliveInterval=5 -o ServerAliveCountMax=2",
        (("ssh_connection", "ssh_args"),),
    ),
    # apart from the user's own: a connection that somebody else opened has somebody else's options
    "ANSIBLE_SSH_CONTROL_PATH_DIR": ("~/.ansible/gate", (("ssh_connection", "control_path_dir"),)),
}  # fmt: skip


def worker_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """What the worker's process gets: where to find programs and keys, and nothing else."""
    kept = {name: inherited[name] for name in PASSED if name in inherited}
    path = os.pathsep.join((str(Path(sys.executable).parent), *SYSTEM_PATH))
    return {**kept, "PATH": path, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}


def take_secrets(environment: MutableMapping[str, str], secrets: Iterable[str]) -> dict[str, str]:
    """Takes the site's `secrets` out of the worker's environment: ansible-runner copies all of it into a file."""
    return {name: environment.pop(name) for name in secrets if name in environment}


def ansible_environment(private: Path, config: Path | None) -> dict[str, str]:
    """What Ansible is told through its environment; it wins over every ansible.cfg."""
    return {
        "ANSIBLE_CONFIG": str(config or NO_CONFIG),  # the site's, or an empty one: never the user's
        "ANSIBLE_HOST_KEY_CHECKING": "True",  # ansible-runner turns it off unless it is set
        "ANSIBLE_LOCAL_TEMP": str(private / "tmp"),
        "ANSIBLE_LOCALHOST_WARNING": "False",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "False",
        "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "True",
        "ANSIBLE_RETRY_FILES_ENABLED": "False",
        "ANSIBLE_NOCOWS": "True",
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",  # a preview reads why a task was skipped
        "MAX_EVENT_RES": "8000000",  # of a larger result ansible-runner passes nothing on: no diff, no evidence
        "ANSIBLE_DEPRECATION_WARNINGS": "False",
        "ANSIBLE_FORKS": "20",
        **_temporary(private / "tmp"),
        **_connection(config),
    }


def _temporary(folder: Path) -> dict[str, str]:
    """For plugins too, that ask Python or the shell for a place; but Ansible 2.21 listens on a socket there."""
    return {"TMPDIR": str(folder)} if len(os.fsencode(folder)) <= LONGEST_TMPDIR else {}


def _connection(config: Path | None) -> dict[str, str]:
    said = configparser.ConfigParser(interpolation=None, strict=False)
    if config is not None:
        try:
            said.read_string(config.read_text())
        except (OSError, ValueError, configparser.Error):
            return {}  # Ansible will say what is wrong with it
    return {
        name: value
        for name, (value, options) in CONNECTION.items()
        if not any(said.has_option(*one) for one in options)
    }
