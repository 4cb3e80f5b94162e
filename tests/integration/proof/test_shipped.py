"""A shipped action that promises an undo keeps the promise, on real hosts, in every case that it names.

All of them take half an hour. That docs/certificates.md is about the actions as they are is demanded by that page's own
test, and Molecule does and undoes each of them in every run. So two are proved anew here, and all by `make prove`
and by `make exhaustive`.
"""

from __future__ import annotations

import pytest

from gate.app import Gate
from gate.init import shipped

ANEW = ("deploy_release", "restart_service")
ACTIONS = sorted(path.parent.name for path in (shipped() / "playbooks").glob("*/proof.yml"))
MARKED = [pytest.param(name, marks=[] if name in ANEW else [pytest.mark.exhaustive]) for name in ACTIONS]


@pytest.mark.parametrize("name", MARKED)
def test_what_a_shipped_action_does_can_be_taken_back(gate: Gate, name: str) -> None:
    (proof,) = gate.prove([name])
    assert proof.fault is None
    assert proof.certificate is not None
    action = gate.catalog().get(name)
    assert gate.certificates.has(name, action.digest)
    assert any(case.broken_off for case in proof.certificate.cases)
