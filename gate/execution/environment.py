"""The environment of a run: a list, not an inheritance. ansible-runner writes all of it into its artifacts."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

PASSED = ("HOME", "USER", "LOGNAME", "SSH_AUTH_SOCK", "TZ")
SYSTEM_PATH = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin")


def worker_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """What the worker's process gets: where to find programs and keys, and nothing else."""
    kept = {name: inherited[name] for name in PASSED if name in inherited}
    path = os.pathsep.join((str(Path(sys.executable).parent), *SYSTEM_PATH))
    return {**kept, "PATH": path, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "PYTHONUNBUFFERED": "1"}


def ansible_environment(private: Path, config: Path | None) -> dict[str, str]:
    """What Ansible is told through its environment; it wins over every ansible.cfg."""
    return {
        "ANSIBLE_CONFIG": str(config or private / "ansible.cfg"),  # the site's, or an empty one: never the user's
        "ANSIBLE_HOST_KEY_CHECKING": "True",  # ansible-runner turns it off unless it is set
        "ANSIBLE_LOCAL_TEMP": str(private / "tmp"),
        "ANSIBLE_LOCALHOST_WARNING": "False",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "False",
        "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "True",
        "ANSIBLE_RETRY_FILES_ENABLED": "False",
        "ANSIBLE_NOCOWS": "True",
        "ANSIBLE_DEPRECATION_WARNINGS": "False",
        "ANSIBLE_FORKS": "20",
    }
