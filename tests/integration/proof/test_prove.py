"""What is proved is proved on real hosts, by the gate's own way; what is not true is not certified."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gate.app import Gate
from gate.intent import Intent
from gate.values.errors import CertificateError, IdentityError
from tests.hosts.lab import Lab

VALUE = {"path": "/etc/app/app.ini", "format": "ini", "section": "server", "key": "workers", "value": "8"}


def only_case(action: Path, name: str) -> None:
    """Leaves one case in the action's proof.yml, to save time."""
    cases = yaml.safe_load((action / "proof.yml").read_text())
    (action / "proof.yml").write_text(yaml.safe_dump([case for case in cases if case["name"] == name], sort_keys=False))


def test_an_action_that_can_be_taken_back_is_certified_and_rules_know_it(gate: Gate, proving_site: Path) -> None:
    action = proving_site / "playbooks" / "set_config_value"
    wish = Intent.of("set_config_value", ["web-01"], VALUE, "A proof.")

    def certified() -> str:
        return str(gate.decide(wish)["decision"]["facts"]["web-01"]["certified"])

    cases = yaml.safe_load((action / "proof.yml").read_text())
    (action / "proof.yml").write_text(yaml.safe_dump(cases[:3]))
    assert certified() == "no"
    told: list[str] = []
    (proof,) = gate.prove(["set_config_value"], say=told.append)
    assert proof.fault is None
    assert proof.certificate is not None
    assert set(proof.certificate.hosts) == {"web-01", "web-02"}
    assert all("Debian GNU/Linux 12" in system for system in proof.certificate.hosts.values())
    first, second, third = proof.certificate.cases
    assert (first.changed, second.changed, third.changed) == (("files",), ("files",), ())
    assert first.broken_off == ("Record the evidence",)
    assert any("undone in" in line for line in told)
    assert certified() == "yes"
    assert gate.entries(1)[0].kind == "certified"
    (action / "README.md").write_text("Edited.\n")
    assert certified() == "no"


def test_an_action_that_fails_its_proof_loses_the_certificate_that_it_had(gate: Gate, proving_site: Path) -> None:
    action = proving_site / "playbooks" / "set_config_value"
    only_case(action, "it is so already")
    cases = yaml.safe_load((action / "proof.yml").read_text())
    cases[0] |= {"changes": True, "vars": {**cases[0]["vars"], "value": "9"}}
    (action / "proof.yml").write_text(yaml.safe_dump(cases))
    (proof,) = gate.prove(["set_config_value"])
    assert proof.certificate is not None
    cases[0] |= {"vars": {**cases[0]["vars"], "value": "8"}}  # as it is already
    (action / "proof.yml").write_text(yaml.safe_dump(cases))
    (proof,) = gate.prove(["set_config_value"])
    assert proof.fault is not None
    assert (proof.fault.step, proof.fault.what) == ("do", "Nothing on web-01 is different after it.")
    assert gate.certificates.read("set_config_value") is None
    assert gate.entries(1)[0].kind == "proof-failed"


def test_what_should_change_nothing_and_does_is_a_fault(gate: Gate, proving_site: Path) -> None:
    action = proving_site / "playbooks" / "set_config_value"
    cases = yaml.safe_load((action / "proof.yml").read_text())
    cases[0]["changes"] = False  # the others keep it provable, and are not come to
    (action / "proof.yml").write_text(yaml.safe_dump(cases))
    (proof,) = gate.prove(["set_config_value"])
    assert proof.fault is not None
    assert "It should change nothing, but on web-01: files: /etc/app/app.ini" in proof.fault.what


def test_a_host_that_is_needed_is_not_touched(gate: Gate, proving_site: Path, ground_lab: Lab) -> None:
    inventory = ground_lab.inventory
    inventory["all"]["vars"]["gate_environment"] = "staging"
    (proving_site / "inventory" / "hosts.yml").write_text(yaml.safe_dump(inventory))
    with pytest.raises(CertificateError, match="There is no host to prove set_config_value on"):
        list(gate.prove(["set_config_value"]))
    with pytest.raises(CertificateError, match="Nothing can be proved on web-02"):
        list(gate.prove(["set_config_value"], hosts=["web-02"]))
    assert gate.changes() == []


def test_without_cases_there_is_nothing_to_prove(gate: Gate, proving_site: Path) -> None:
    (proving_site / "playbooks" / "set_config_value" / "proof.yml").unlink()
    with pytest.raises(CertificateError, match="does not say how it can be proved"):
        list(gate.prove(["set_config_value"]))
    assert "set_config_value" not in {proof.action for proof in gate.prove([])}


def test_an_agent_proves_nothing(proving_site: Path) -> None:
    from datetime import timedelta

    from gate.values.actor import Actor

    with Gate.open(proving_site) as owner:
        _, token = owner.new_token(Actor.parse("agent:planner"), ["propose"], timedelta(hours=1))
    with Gate.open(proving_site, token=token) as agent, pytest.raises(IdentityError):
        agent.prove(["set_config_value"])
