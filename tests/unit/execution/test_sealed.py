from __future__ import annotations

import base64
import json
import secrets
from typing import Any

import pytest

from gate.execution.redaction import Redactor
from gate.execution.sealed import hidden, is_sealed, opened, protect, protect_unseen
from gate.values.errors import WarrantError

KEY = secrets.token_bytes(32)
ABOUT = ("rotate", "web-01")
CONTENT = base64.b64encode(b"[db]\npassword = canary-1\n").decode()
SECRET: list[Any] = [
    {"resources": ["file:/x"], "content": CONTENT},
    {"resources": ["file:/x"], "password": "x"},
    {"a": "known-canary"},
    {"sealed": "by the action itself"},
    {"sealed": "", "evidence": 1},
    ["known-canary"],
    "known-canary",
]


@pytest.mark.parametrize("evidence", [{"resources": ["a"], "workers": 4}, {}, [], "text", None, 7])
def test_evidence_without_a_secret_stays_as_it_is(evidence: Any) -> None:
    assert protect(evidence, Redactor(["known-canary"]), KEY, ABOUT) == evidence
    assert opened(evidence, KEY, ABOUT) == evidence


@pytest.mark.parametrize("evidence", SECRET)
def test_evidence_with_a_secret_is_sealed_and_comes_back_byte_for_byte(evidence: Any) -> None:
    sealed = protect(evidence, Redactor(["known-canary"]), KEY, ABOUT)
    assert is_sealed(sealed)
    assert "canary" not in json.dumps(sealed)
    assert CONTENT not in json.dumps(sealed)
    assert opened(sealed, KEY, ABOUT) == evidence
    assert opened(json.loads(json.dumps(sealed)), KEY, ABOUT) == evidence


def test_what_of_sealed_evidence_is_no_secret_is_shown() -> None:
    sealed = protect({"resources": ["file:/x"], "mode": "0600", "content": CONTENT}, Redactor(), KEY, ABOUT)
    assert {key: sealed[key] for key in ("resources", "mode", "content")} == {
        "resources": ["file:/x"],
        "mode": "0600",
        "content": "[hidden]",
    }


@pytest.mark.parametrize("evidence", [{"resources": ["file:/x"], "text": "unknown"}, {"text": "unknown"}, ["unknown"]])
def test_where_nobody_knows_the_secrets_everything_is_sealed(evidence: Any) -> None:
    sealed = protect_unseen(evidence, KEY, ABOUT)
    assert sealed.keys() <= {"resources", "sealed"}
    assert "unknown" not in json.dumps(sealed)
    assert opened(sealed, KEY, ABOUT) == evidence


@pytest.mark.parametrize("about", [("rotate", "web-02"), ("other", "web-01")])
def test_it_cannot_be_opened_for_another_host_or_action(about: tuple[str, str]) -> None:
    sealed = protect({"password": "x"}, Redactor(), KEY, ABOUT)
    with pytest.raises(WarrantError, match="cannot be opened"):
        opened(sealed, KEY, about)


@pytest.mark.parametrize("change", ["", "AAAA", "no base64!", None, 7, "A" * 80])
def test_it_cannot_be_opened_once_it_was_changed(change: Any) -> None:
    with pytest.raises(WarrantError, match="cannot be opened"):
        opened({"sealed": change}, KEY, ABOUT)
    with pytest.raises(WarrantError, match="cannot be opened"):
        opened(protect({"password": "x"}, Redactor(), KEY, ABOUT), secrets.token_bytes(32), ABOUT)


@pytest.mark.parametrize("seal", ["known", "unseen"])
def test_what_was_hidden_is_known_again_when_it_is_opened(seal: str) -> None:
    evidence = {"resources": ["file:/x"], "path": "/etc/app/x", "content": CONTENT, "keys": [{"a": "known-canary"}]}
    redactor = Redactor(["known-canary"])
    sealed = protect(evidence, redactor, KEY, ABOUT) if seal == "known" else protect_unseen(evidence, KEY, ABOUT)
    found = hidden(sealed, opened(sealed, KEY, ABOUT))
    assert {CONTENT, "[db]\npassword = canary-1\n", "known-canary"} <= found
    assert "file:/x" not in found
    told = Redactor(found).text("- password = canary-1, + known-canary")
    assert "canary" not in told


@pytest.mark.parametrize("evidence", [{"a": "text"}, ["text"], "text", None])
def test_what_was_not_sealed_hid_nothing(evidence: Any) -> None:
    assert hidden(evidence, evidence) == set()
