"""Every shipped action that promises an undo keeps the promise, on real hosts, in every case that it names."""

from __future__ import annotations

import pytest

from gate.app import Gate
from gate.init import shipped

ACTIONS = sorted(path.parent.name for path in (shipped() / "playbooks").glob("*/proof.yml"))


@pytest.mark.parametrize("name", ACTIONS)
def test_what_a_shipped_action_does_can_be_taken_back(gate: Gate, name: str) -> None:
    (proof,) = gate.prove([name])
    assert proof.fault is None
    assert proof.certificate is not None
    action = gate.catalog().get(name)
    assert gate.certificates.has(name, action.digest)
    assert any(case.broken_off for case in proof.certificate.cases)
