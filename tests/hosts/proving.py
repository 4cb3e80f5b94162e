"""A site with all shipped actions and with hosts to prove them on: for the tests of proofs, and for `make prove`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml

from gate.init import init, shipped
from tests.hosts.lab import Lab

VARIABLES = {"gate_environment": "staging", "gate_tags": ["throwaway"], "gate_packages": ["proof-hello"]}


def proving_inventory(lab: Lab) -> dict[str, Any]:
    """The inventory of the lab, as that of hosts on which all shipped actions may be tried."""
    inventory = lab.inventory
    inventory["all"]["vars"] |= VARIABLES
    return inventory


def proving_site(folder: Path, lab: Lab) -> Path:
    """Makes the site in `folder`; its hosts are those of the lab, which are there to be thrown away."""
    init(folder, "root")
    shutil.rmtree(folder / "playbooks")
    shutil.copytree(shipped() / "playbooks", folder / "playbooks")
    shutil.rmtree(folder / "inventory")
    (folder / "inventory").mkdir()
    (folder / "inventory" / "hosts.yml").write_text(yaml.safe_dump(proving_inventory(lab)))
    return folder
