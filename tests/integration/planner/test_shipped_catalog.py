"""The retrieval planner on the actions that are shipped, read by the gate's own catalog."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gate.catalog.load import load_catalog
from planner.catalog import CatalogView
from planner.retrieval import RetrievalPlanner

PLAYBOOKS = Path(__file__).parents[3] / "playbooks"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB1oRfzrd0YIz17NRyJDxZvp8FoRvBQyQfmDuYPZVyYE"
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


@pytest.fixture(scope="module")
def shipped() -> CatalogView:
    hosts = [{"name": f"{group}-0{n}", "groups": [group]} for group in ("web", "db") for n in (1, 2, 3)]
    actions = [action.as_json() for action in load_catalog([PLAYBOOKS]).actions]
    return CatalogView.parse({"format_version": 1, "actions": actions, "hosts": hosts, "groups": ["web", "db"]})


@pytest.mark.parametrize(
    ("request_", "action", "parameters"),
    [
        ("restart nginx on web-01", "restart_service", {"service": "nginx"}),
        ("restart nginx on web-01 and wait up to 120 seconds", "restart_service", {"service": "nginx", "wait": 120}),
        ("restart docker on web-01", "restart_service", {"service": "docker"}),
        ("rotate the secret in /etc/app/session.key on web-01", "rotate_credentials", {"path": "/etc/app/session.key"}),
        ("reboot web-01", "reboot_host", {}),
        (f"let alice log in on web-01 with the ssh key {KEY}", "add_authorized_key", {"user": "alice", "key": KEY}),
        (
            f"let alice log in on web-01 with the ssh key {KEY} alice@laptop",
            "add_authorized_key",
            {"user": "alice", "key": f"{KEY} alice@laptop"},
        ),
        ("renew the certificate shop on web-01", "renew_certificate", {"certificate": "shop"}),
        (
            "set workers to 8 in section server of /etc/app/app.ini on web-01",
            "set_config_value",
            {"path": "/etc/app/app.ini", "format": "ini", "section": "server", "key": "workers", "value": "8"},
        ),
        (
            f"deploy shop 1.4.2 to web-01, sha256 {SHA256}",
            "deploy_release",
            {"app": "shop", "version": "1.4.2", "sha256": SHA256},
        ),
    ],
)
def test_plain_requests_are_planned(
    request_: str, action: str, parameters: dict[str, Any], shipped: CatalogView
) -> None:
    plan = RetrievalPlanner().plan(request_, shipped)
    assert [step.intent.action for step in plan.steps] == [action], plan.cannot
    assert plan.steps[0].intent.parameters == parameters


@pytest.mark.parametrize(
    "request_",
    [
        "restart nginx on mail-07",
        "restart web-01",
        "format the disk of web-01",
        "power web-01 off",
        "deploy shop 1.4.2 to web-01",
        "change /etc/app/app.ini on web-01",
        "set workers to 8 in /etc/app/app.conf on web-01",
        "remove the secret in /etc/app/session.key on web-01",
        "renew the certificate on web-01",
        f"let alice log in with the ssh key {KEY}",
        f"let alice log in on web-01 with the ssh key {KEY} and {KEY}",
        f"let alice log in on web-01 with the ssh key {KEY.replace(' ', chr(10))}",
        "give dave ssh access to db-02 with his public key",
    ],
)
def test_what_is_not_said_or_not_offered_is_refused(request_: str, shipped: CatalogView) -> None:
    assert RetrievalPlanner().plan(request_, shipped).steps == ()


def test_an_example_of_an_action_never_plans_another_one(shipped: CatalogView) -> None:
    for action in shipped.actions:
        for phrase in action.phrases:
            plan = RetrievalPlanner().plan(phrase, shipped)
            assert {step.intent.action for step in plan.steps} <= {action.name}, phrase
