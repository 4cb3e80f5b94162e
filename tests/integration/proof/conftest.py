"""Two hosts that are there to be broken, and a site that knows them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gate.app import Gate
from gate.execution.warm.pool import Pool
from gate.identity.tokens import os_identity
from gate.settings import find_site
from tests.hosts.fixtures import must_be_possible, teller
from tests.hosts.lab import Lab
from tests.hosts.proving import proving_site as make_site


@pytest.fixture(scope="module")
def ground_lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Hosts of each file's own: a bad undo leaves them broken, and nobody else should meet that."""
    must_be_possible()
    made = Lab.up(2, teller(request.config), containers=True)
    yield made
    made.down()


@pytest.fixture
def proving_site(tmp_path: Path, ground_lab: Lab) -> Path:
    """A site with all shipped actions, and these hosts to prove them on."""
    return make_site(tmp_path / "site", ground_lab)


@pytest.fixture
def gate(proving_site: Path, warm_pool: Pool) -> Iterator[Gate]:
    with Gate(find_site(proving_site), os_identity(), lent=warm_pool) as opened:
        yield opened
