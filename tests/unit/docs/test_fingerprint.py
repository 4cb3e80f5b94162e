"""What the page says of the fingerprint is what the module on the host does."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from gate.proof.ground import FINGERPRINT

MODULE = FINGERPRINT / "library" / "host_fingerprint.py"
PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "fingerprint.md").read_text()


def constant(name: str) -> Any:
    """A constant of the module, which is no module of ours: it is never imported here."""
    for node in ast.parse(MODULE.read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name:
            return ast.literal_eval(node.value)
    raise AssertionError(name)


NOISE = constant("NOISE")


def test_the_page_names_all_noise_and_no_other() -> None:
    table = PAGE.split("\n## Noise\n")[1].split("\n## ")[0]
    told = re.findall(r"^\| `(\w+)` \| `(.*)` \| (.*) \|$", table, re.MULTILINE)
    assert told == [(section, pattern.replace("|", "\\|"), why) for section, pattern, why in NOISE]


def test_the_page_names_every_folder_that_is_looked_at() -> None:
    (row,) = re.findall(r"^\| `files` \| in (.*): kind", PAGE, re.MULTILINE)
    assert tuple(row.split(", ")) == constant("TREES")


@pytest.mark.parametrize(
    ("section", "name", "noisy"),
    [
        ("files", "/etc/passwd-", True),
        ("files", "/etc/passwd", False),
        ("files", "/etc/shadow", False),
        ("files", "/etc/hosts.allow", False),
        ("files", "/home/alice/.ansible/tmp", True),
        ("files", "/home/alice/.ssh/authorized_keys", False),
        ("files", "/root/.bashrc", False),
        ("files", "/root/.ansible/tmp/x", True),
        ("files", "/srv/root/.cache/x", False),
        ("files", "/srv/etc/passwd-", False),
        ("files", "/opt/app/__pycache__/a.cpython-311.pyc", True),
        ("files", "/var/lib/dpkg/status", True),
        ("files", "/var/lib/dpkg/alternatives/editor", False),
        ("files", "/var/lib/postgresql/15/main/base/1/1259", True),
        ("files", "/var/lib/postgresql/15/main/PG_VERSION", False),
        ("files", "/var/lib/postgresql/15/main", False),
        ("files", "/etc/systemd/system/multi-user.target.wants/nginx.service", False),
        ("units", "session-4.scope", True),
        ("units", "nginx.service", False),
        ("units", "gate-job-tidy.timer", False),
        ("sysctl", "kernel/random/uuid", True),
        ("sysctl", "net/core/somaxconn", False),
        ("sysctl", "vm/swappiness", False),
        ("listening", "tcp 0.0.0.0:80", False),
        ("listening", "tcp 0.0.0.0:8080", False),
        ("listening", "udp 10.0.0.1:44321", True),
        ("nftables", "table inet filter set open_tcp elements = { 8080 }", False),
    ],
)
def test_noise_is_noise_and_what_counts_is_not(section: str, name: str, noisy: bool) -> None:
    patterns = [pattern for of, pattern, _ in NOISE if of == section]
    found = re.compile("|".join(f"(?:{one})" for one in patterns))
    assert bool(found.match(name)) is noisy
