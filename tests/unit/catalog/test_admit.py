from __future__ import annotations

import pytest

from gate.catalog.admit import admit
from gate.catalog.load import Catalog, load_catalog
from gate.intent import Intent
from gate.inventory.model import Inventory, build
from gate.values.errors import IntentError, InventoryError, UnknownActionError


@pytest.fixture
def catalog(make_action) -> Catalog:
    return load_catalog([make_action().parent])


def inventory() -> Inventory:
    def host(*groups: str) -> dict[str, object]:
        return {"groups": list(groups), "environment": "prod", "criticality": "none", "tags": [], "local": False}

    hosts = {"web-01": host("web"), "web-02": host("web"), "db-01": host("db"), "mail-01": host("mail")}
    groups = {"web": ["web-01", "web-02"], "db": ["db-01"], "mail": ["mail-01"], "empty": []}
    return build({"hosts": hosts, "groups": groups}, "sha256:x")


def wish(*targets: str, **parameters: object) -> Intent:
    return Intent.of("restart_unit", list(targets), {"unit": "nginx"} | parameters)


def test_an_intent_becomes_exact(catalog: Catalog) -> None:
    made = admit(wish("web", "web-01"), catalog, inventory())
    assert [host.name for host in made.hosts] == ["web-01", "web-02"]
    assert made.parameters == {"unit": "nginx", "wait": 30, "flags": []}
    assert made.action is catalog.get("restart_unit")
    assert made.hosts[0].environment == "prod"


def test_an_unknown_host_is_refused_with_the_one_that_was_meant(catalog: Catalog) -> None:
    with pytest.raises(InventoryError, match="Did you mean web-01"):
        admit(wish("web-1"), catalog, inventory())


def test_a_host_outside_the_groups_of_the_action_is_refused(catalog: Catalog) -> None:
    with pytest.raises(IntentError, match="not for mail-01"):
        admit(wish("web-01", "mail-01"), catalog, inventory())


def test_too_many_hosts_are_refused(catalog: Catalog) -> None:
    with pytest.raises(IntentError, match="wanted on 3 hosts"):
        admit(wish("web", "db"), catalog, inventory())


def test_a_group_without_hosts_is_refused(catalog: Catalog) -> None:
    with pytest.raises(InventoryError, match="no hosts"):
        admit(wish("empty"), catalog, inventory())


def test_a_wrong_parameter_is_refused(catalog: Catalog) -> None:
    with pytest.raises(IntentError, match="wait"):
        admit(wish("web-01", wait=True), catalog, inventory())


def test_an_unknown_action_is_refused(catalog: Catalog) -> None:
    with pytest.raises(UnknownActionError):
        admit(Intent.of("reboot", ["web-01"]), catalog, inventory())


def test_an_action_without_groups_takes_any_host(make_action) -> None:
    folder = make_action()
    file = folder / "action.yml"
    file.write_text(file.read_text().replace("groups: [web, db], ", ""))
    made = admit(wish("mail-01"), load_catalog([folder.parent]), inventory())
    assert [host.name for host in made.hosts] == ["mail-01"]
