from __future__ import annotations

from typing import Any

import pytest

from gate.intent import Intent
from gate.values.errors import ClientError
from planner.catalog import CatalogView
from planner.plan import CannotDo, Plan, Reason, Step
from planner.validate import problems, says, schema_problems

TEXT = {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5}


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        (True, {"type": "integer"}),
        (5.0, {"type": "integer"}),
        ("5", {"type": "integer"}),
        (1, {"type": "boolean"}),
        (None, {"type": "string"}),
        (0, {"type": "integer", "minimum": 1}),
        (float("nan"), {"type": "number", "minimum": 1}),
        ("abc\n", TEXT),
        ("abcdef", TEXT),
        ("-", {"type": "string"}),
        ("٣", {"type": "string", "pattern": "\\d"}),
        (True, {"type": "integer", "enum": [1]}),
        (["a", 1], {"type": "array", "items": {"type": "string"}}),
        (["a", "a"], {"type": "array", "items": {"type": "string"}, "uniqueItems": True}),
        ({"b": 1}, {"type": "object", "properties": {"a": {"type": "integer"}}}),
        ({}, {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}),
        ("a", {"type": "string", "pattern": "["}),
        ("a", {"type": "string", "format": "hostname"}),
        ("a", {"type": "string", "not": {"const": "a"}}),
        ("a", {}),
    ],
)
def test_what_is_not_exactly_right_is_wrong(value: Any, schema: dict[str, Any]) -> None:
    assert schema_problems(value, schema)


@pytest.mark.parametrize(
    ("value", "schema"),
    [("abc", TEXT), (5, {"type": "integer"}), (5, {"type": "number"}), (["a"], {"type": "array", "items": TEXT})],
)
def test_what_is_right_passes(value: Any, schema: dict[str, Any]) -> None:
    assert schema_problems(value, schema) == []


@pytest.mark.parametrize(
    ("request_", "text", "there"),
    [
        ("restart nginx on web-01.", "nginx", True),
        ("restart nginx on web-01.", "web-01", True),
        ("on web-01,web-02", "web-01", True),
        ("on web-011", "web-01", False),
        ("on web-01.example.org", "web-01", False),
        ("on my-web-01", "web-01", False),
        ("see /etc/shadow", "/etc", False),
        ("pull app:1.2", "app", False),
        ("wait 5.5", "5", False),
        ("wait=60", "60", True),
        ("wait -60", "60", False),
    ],
)
def test_only_a_whole_word_is_grounded(request_: str, text: str, there: bool, catalog: CatalogView) -> None:
    assert says(request_, text) is there


def intent(action: str, targets: list[str], **parameters: Any) -> Intent:
    return Intent.of(action, targets, parameters)


@pytest.mark.parametrize(
    ("request_", "wish", "part"),
    [
        ("restart nginx on web-01", intent("restart_service", ["web-01"], service="apache"), "neither in the request"),
        ("restart nginx on web-01", intent("restart_service", ["web-02"], service="nginx"), "not in the request"),
        ("restart nginx on web-01", intent("restart_service", ["web-01"], service="nginx", wait=31), "neither in"),
        ("restart nginx on mail-07", intent("restart_service", ["mail-07"], service="nginx"), "not in the inventory"),
        ("open port 80 on lb-01", intent("open_port", ["lb-01"], port=80, protocol="udp"), "neither in"),
        ("restart nginx on web-01", intent("restart_service", ["web-01"], service="nginx", force=True), "not a param"),
        ("reboot db-01 db-02", intent("reboot_host", ["db-01", "db-02"]), "1 hosts at most"),
        ("deploy shop 1.4.2 to db-01", intent("deploy_release", ["db-01"], app="shop", version="1.4.2"), "not be used"),
        ("format web-01", intent("format_disk", ["web-01"]), "no action"),
        ("restart Nginx on web-01", intent("restart_service", ["web-01"], service="nginx"), "neither in"),
    ],
)
def test_what_the_request_does_not_say_is_not_planned(
    request_: str, wish: Intent, part: str, catalog: CatalogView
) -> None:
    assert any(part in why for why in problems(wish, request_, catalog))


def test_a_declared_default_is_grounded(catalog: CatalogView) -> None:
    wish = intent("restart_service", ["web-01"], service="nginx", wait=30)
    assert problems(wish, "restart nginx on web-01", catalog) == []


def test_references_and_optional_types_of_the_gate_are_read(raw_catalog: dict[str, Any]) -> None:
    raw_catalog["actions"][0]["parameters"] = {
        "type": "object",
        "$defs": {"p": {"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": False}},
        "properties": {
            "service": {"anyOf": [{"type": "string", "maxLength": 9}, {"type": "null"}], "default": None},
            "limits": {"$ref": "#/$defs/p"},
        },
    }
    catalog = CatalogView.parse(raw_catalog)
    good = intent("restart_service", ["web-01"], service="nginx", limits={"a": 7})
    assert problems(good, "restart nginx on web-01 with a 7", catalog) == []
    bad = intent("restart_service", ["web-01"], service="nginx", limits={"b": 7})
    assert problems(bad, "restart nginx on web-01 with a 7", catalog)


def test_a_catalog_of_another_version_is_refused(raw_catalog: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="format_version"):
        CatalogView.parse({**raw_catalog, "format_version": 2})


def test_a_plan_has_steps_or_a_reason_and_never_both() -> None:
    step = Step(id="s1", intent=intent("reboot_host", ["web-01"]))
    no = CannotDo(reason=Reason.NO_ACTION, detail="no")
    for wrong in ({}, {"steps": (step,), "cannot": no}):
        with pytest.raises(ValueError, match="never both"):
            Plan(request="r", planner="p", **wrong)


def test_a_step_cannot_wait_for_a_later_one() -> None:
    wish = intent("reboot_host", ["web-01"])
    with pytest.raises(ValueError, match="earlier steps"):
        Plan(request="r", planner="p", steps=(Step(id="s1", intent=wish, after=("s2",)), Step(id="s2", intent=wish)))
