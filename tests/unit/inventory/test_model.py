from __future__ import annotations

from typing import Any

import pytest

from gate.inventory.model import Inventory, build
from gate.values.errors import InventoryError


def content(hosts: dict[str, list[str]] | None = None, **values: Any) -> dict[str, Any]:
    hosts = {"web-01": ["web", "prod"], "web-02": ["web", "prod"], "db-01": ["prod"]} if hosts is None else hosts
    names = {group for groups in hosts.values() for group in groups} | {"empty"}
    return {
        "hosts": {
            name: {"groups": groups, "environment": "prod", "criticality": "none", "local": False, "tags": []} | values
            for name, groups in hosts.items()
        },
        "groups": {group: [name for name, groups in hosts.items() if group in groups] for group in names},
    }


def made() -> Inventory:
    return build(content(), "sha256:1")


def test_groups_and_hosts_resolve_to_hosts_once_and_sorted() -> None:
    assert [host.name for host in made().resolve(["web", "db-01", "web-02"])] == ["db-01", "web-01", "web-02"]


def test_a_host_knows_its_groups_and_environment() -> None:
    [host] = made().resolve(["web-01"])
    assert (host.groups, host.environment, host.criticality) == (frozenset({"web", "prod"}), "prod", "none")


@pytest.mark.parametrize("name", ["web-1", "all", "*", "web*", "!web", "web:db", "", "localhost", "Web", "web-01\n"])
def test_an_unknown_name_is_refused_and_never_a_pattern(name: str) -> None:
    with pytest.raises(InventoryError, match="no host and no group"):
        made().resolve([name])


def test_a_group_without_hosts_is_refused() -> None:
    with pytest.raises(InventoryError, match="no hosts"):
        made().resolve(["empty"])


def test_a_name_of_both_kinds_is_refused() -> None:
    with pytest.raises(InventoryError, match="both a host and a group"):
        build(content({"web": ["x"], "a": ["web"]}), "d")


@pytest.mark.parametrize("name", ["-a", "a:b", "a,b", "web*", "!a", "a b", "", "@a", "~a", "a\n", "fe80::1", "web[1]"])
@pytest.mark.parametrize("kind", ["host", "group"])
def test_names_that_are_not_plain_are_refused(name: str, kind: str) -> None:
    hosts = {name: ["g"]} if kind == "host" else {"h": [name]}
    with pytest.raises(InventoryError, match=f"The {kind} "):
        build(content(hosts), "d")


@pytest.mark.parametrize("value", [None, True, [], {}, "", "{{ x }}", "two words", "a\n", "x" * 65, 1.5])
@pytest.mark.parametrize("name", ["environment", "criticality"])
def test_an_environment_is_a_plain_word(name: str, value: Any) -> None:
    with pytest.raises(InventoryError, match=f"gate_{name} of "):
        build(content(**{name: value}), "d")


@pytest.mark.parametrize("values", [{"environment": "hunter2 is secret"}, {"tags": ["hunter2 is secret"]}])
def test_a_wrong_value_is_not_repeated_in_the_error(values: dict[str, Any]) -> None:
    with pytest.raises(InventoryError) as wrong:
        build(content(**values), "d")
    assert "hunter2" not in str(wrong.value)


def test_tags_are_words_and_a_host_may_have_none() -> None:
    made = build(content({"a": [], "b": []}) | {"groups": {}}, "d")
    assert (made.hosts["a"].tags, made.tags) == (frozenset(), frozenset())
    made = build(content(tags=["pci", "_x", "Canary-2", "pci"]), "d")
    assert made.hosts["web-01"].tags == made.tags == {"pci", "_x", "Canary-2"}
    assert len(build(content(tags=[f"t{number}" for number in range(64)]), "d").tags) == 64


@pytest.mark.parametrize(
    "value",
    [
        None, True, 5, "", "pci", "pci, canary", {}, {"pci": True}, [None], [True], [5], [""], ["a b"], ["a,b"],
        ["pci\n"], ["{{ x }}"], ["1a"], ["-a"], ["a.b"], ["é"], ["x" * 64], [["pci"]], ["pci", None],
        [f"t{number}" for number in range(65)],
    ],
)  # fmt: skip
def test_tags_that_a_rule_might_misread_are_refused(value: Any) -> None:
    with pytest.raises(InventoryError, match="gate_tags of "):
        build(content(tags=value), "d")


def test_a_number_is_a_word_too() -> None:
    assert build(content(criticality=3), "d").hosts["db-01"].criticality == "3"
