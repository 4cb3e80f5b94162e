"""Two hosts that are there to be broken, and a site that knows them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from gate.app import Gate
from gate.init import init, shipped
from tests.hosts.fixtures import must_be_possible, teller
from tests.hosts.lab import Lab

PLAYBOOKS = shipped() / "playbooks"
VARIABLES = {"gate_environment": "staging", "gate_tags": ["throwaway"], "gate_packages": ["proof-hello"]}


@pytest.fixture(scope="session")
def ground_lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Hosts of its own: a bad undo leaves them broken, and nobody else should meet that."""
    must_be_possible()
    made = Lab.up(2, teller(request.config), containers=True)
    yield made
    made.down()


@pytest.fixture
def proving_site(tmp_path: Path, ground_lab: Lab) -> Path:
    """A site with all shipped actions, and these hosts to prove them on."""
    site = tmp_path / "site"
    init(site, "root")
    shutil.rmtree(site / "playbooks")
    shutil.copytree(PLAYBOOKS, site / "playbooks")
    shutil.rmtree(site / "inventory")
    (site / "inventory").mkdir()
    inventory = ground_lab.inventory
    inventory["all"]["vars"] |= VARIABLES
    (site / "inventory" / "hosts.yml").write_text(yaml.safe_dump(inventory))
    return site


@pytest.fixture
def gate(proving_site: Path) -> Iterator[Gate]:
    with Gate.open(proving_site) as opened:
        yield opened
