from __future__ import annotations

import base64
import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate.values.canonical import canonical
from gate.values.errors import WarrantError
from gate.warrant.model import Phase, Warrant
from gate.warrant.sign import sign
from gate.warrant.verify import verify

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
WARRANT = Warrant(
    run_id="run-1",
    change_id="chg-1",
    phase=Phase.DO,
    action="restart_service",
    folder="/site/playbooks/restart_service",
    action_digest="sha256:a",
    inventory="/site/inventory",
    inventory_digest="sha256:i",
    hosts=("web-01", "web-02"),
    parameters={"service": "nginx", "wait": 30},
    evidence={},
    timeout_s=300,
    not_before=NOW,
    expires_at=NOW + timedelta(seconds=60),
    nonce="00" * 16,
    grace_s=10,
    local=("web-01",),
)
CHANGED: dict[str, Any] = {
    "run_id": "run-2",
    "change_id": "chg-2",
    "phase": Phase.UNDO,
    "action": "deploy_release",
    "folder": "/else/x",
    "action_digest": "sha256:b",
    "inventory": "/else/i",
    "inventory_digest": "sha256:j",
    "hosts": ("web-01",),
    "parameters": {"service": "sshd", "wait": 30},
    "evidence": {"web-01": 1},
    "timeout_s": 301,
    "not_before": NOW - timedelta(days=1),
    "expires_at": NOW + timedelta(days=1),
    "nonce": "11" * 16,
    "grace_s": 600,
    "local": (),
}


def test_a_signed_warrant_says_the_same_again() -> None:
    assert verify(sign(WARRANT, KEY), KEY.public_key(), NOW) == WARRANT


def test_the_table_below_changes_every_field() -> None:
    assert CHANGED.keys() == {field.name for field in fields(Warrant)}


@pytest.mark.parametrize("name", CHANGED)
def test_a_field_that_was_changed_after_signing_is_seen(name: str) -> None:
    signature = json.loads(sign(WARRANT, KEY))["signature"]
    forged = canonical({"warrant": replace(WARRANT, **{name: CHANGED[name]}).text(), "signature": signature})
    with pytest.raises(WarrantError, match="not one of this gate's"):
        verify(forged, KEY.public_key(), NOW)


def test_a_warrant_of_another_key_is_refused() -> None:
    with pytest.raises(WarrantError):
        verify(sign(WARRANT, OTHER), KEY.public_key(), NOW)


def test_a_signature_that_was_made_for_something_else_is_no_warrant() -> None:
    text = WARRANT.text()
    bare = base64.b64encode(KEY.sign(text.encode())).decode()
    with pytest.raises(WarrantError):
        verify(canonical({"warrant": text, "signature": bare}), KEY.public_key(), NOW)


@pytest.mark.parametrize(
    "signed",
    [
        "",
        "{}",
        "[]",
        "null",
        "1",
        '"x"',
        "garbage",
        '{"warrant": 1, "signature": "AA=="}',
        '{"warrant": "{}", "signature": 1}',
        '{"warrant": "{}", "signature": "!"}',
        '{"warrant": "{}", "signature": ""}',
        '{"warrant": "\\ud800", "signature": "AA=="}',
        "[" * 100_000,
    ],
)
def test_garbage_is_refused(signed: str) -> None:
    with pytest.raises(WarrantError):
        verify(signed, KEY.public_key(), NOW)


def _signed_text(text: str) -> str:
    signature = KEY.sign(b"ansible-gate/warrant/v1\n" + text.encode())
    return canonical({"warrant": text, "signature": base64.b64encode(signature).decode()})


def test_another_version_is_refused_though_it_is_signed() -> None:
    plain = json.loads(WARRANT.text())
    with pytest.raises(WarrantError):
        verify(_signed_text(canonical({**plain, "version": 2})), KEY.public_key(), NOW)
    with pytest.raises(WarrantError):
        verify(_signed_text(canonical({**plain, "more": 1})), KEY.public_key(), NOW)
    verify(_signed_text(canonical(plain)), KEY.public_key(), NOW)


@pytest.mark.parametrize(
    ("seconds", "good"), [(-0.000001, False), (0, True), (59.999999, True), (60, False), (86_400, False)]
)
def test_a_warrant_has_its_time(seconds: float, good: bool) -> None:
    now = NOW + timedelta(seconds=seconds)
    if good:
        assert verify(sign(WARRANT, KEY), KEY.public_key(), now) == WARRANT
        return
    with pytest.raises(WarrantError, match="not valid now"):
        verify(sign(WARRANT, KEY), KEY.public_key(), now)
