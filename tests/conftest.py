"""Sites of their own: small host trees, two actions, and rules that say what the tests need."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from gate.app import Gate
from gate.changes.model import Change
from gate.execution.warm.pool import Pool
from gate.identity.scopes import Identity
from gate.identity.tokens import os_identity, os_user
from gate.init import init
from gate.intent import Intent
from gate.inventory import read
from gate.settings import find_site
from gate.values.actor import Actor, ActorKind
from tests.inventories import remembering

pytest_plugins = ("tests.hosts.fixtures",)

AGENT = Actor(ActorKind.AGENT, "planner")
HOSTS = ("web-01", "web-02", "web-03", "db-01", "db-02")
APP_INI = "# the application\n[server]\nworkers = 4\n\n[log]\nlevel = info\n"
GATE_TOML = """\
[site]
name = "site"

[groups]
ops = ["{user}", "olga"]
sre = ["{user}", "alice", "bob", "planner"]
"""
RULES = """\
- rule: staging
  when: {environment: staging}
  then: allow
  because: Staging is free.
- rule: production
  when: {all: [{environment: prod}, {undo: no}]}
  then: {needs_approval: {from: sre, expires: 1h}}
  because: Production needs one SRE.
- rule: taking-back
  when: {all: [{environment: prod}, {undo: yes}]}
  then: allow
  because: What was done may be taken back.
- rule: not-on-db-01
  when: {target: db-01}
  then: deny
  because: Nothing is done to db-01.
"""


# nothing here may depend on how busy the machine is
settings.register_profile("gate", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("gate")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site: staging is allowed, production needs an SRE, db-01 is denied. web-03 and db-02 are staging."""
    root = tmp_path / "site"
    init(root, os_user().name)
    (root / "gate.toml").write_text(GATE_TOML.format(user=os_user().name))
    for path in (root / "rules").glob("*.yml"):
        path.unlink()
    shutil.rmtree(root / "rules" / "tests")  # tables for the shipped rules
    (root / "rules" / "rules.yml").write_text(RULES)
    for host in HOSTS:
        folder = root / "hosts" / host / "etc" / "app"
        folder.mkdir(parents=True)
        (folder / "app.ini").write_text(APP_INI)
    return root


@pytest.fixture(scope="session")
def warm_pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """Warm servers for whatever has no ansible.cfg of its own; what starts cold is told the same, and takes longer."""
    state = tmp_path_factory.mktemp("warm")
    pool = Pool(state, state / "ansible.cfg")
    pool.start()
    assert pool.ready(120)
    yield pool
    pool.close()


@pytest.fixture
def gate(site: Path, warm_pool: Pool) -> Iterator[Gate]:
    """The site, opened by the user of this machine, with the warm servers that all tests of a process share."""
    with Gate(find_site(site), os_identity(), warm=True, lent=warm_pool) as opened:
        yield opened


@pytest.fixture
def ask(gate: Gate) -> Callable[..., Change]:
    """Proposes a wish in the name of somebody: an agent, if nothing else is said."""

    def propose(wish: Any, actor: Actor = AGENT, key: str | None = None) -> Change:
        return gate.propose_for(Identity(actor=actor, scopes=frozenset({"propose"})), wish, key=key)

    return propose


@pytest.fixture
def workers() -> Callable[..., Intent]:
    """The wish to set `workers` in the application's file."""

    def make(*hosts: str, value: str = "8", key: str = "workers", path: str = "/etc/app/app.ini") -> Intent:
        parameters = {"path": path, "format": "ini", "section": "server", "key": key, "value": value}
        return Intent.of("set_config_value", list(hosts or ("web-03",)), parameters, "More load.")

    return make


@pytest.fixture
def app_ini(site: Path) -> Callable[[str], Path]:
    """The application's file of a host."""
    return lambda host="web-03": site / "hosts" / host / "etc" / "app" / "app.ini"


@pytest.fixture(scope="session")
def inventories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where readings of inventories are kept. See tests.inventories."""
    return tmp_path_factory.mktemp("inventories")


@pytest.fixture(autouse=True)
def _read_inventory(monkeypatch: pytest.MonkeyPatch, inventories: Path) -> None:
    monkeypatch.setattr(read, "read_in_child", remembering(inventories))


@pytest.fixture(autouse=True, scope="session")
def _no_site_from_outside() -> None:
    for name in ("GATE_SITE", "GATE_URL", "GATE_TOKEN"):
        os.environ.pop(name, None)


# minutes on one worker each, which has to begin with them; the order of all else is that of the files
LONGEST = ("tests/integration/molecule/", "tests/integration/proof/test_controls.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()  # thousands of tests that the collector would look through again and again
