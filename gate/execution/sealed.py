"""Evidence with a secret in it: what can be shown is shown, the rest is sealed with a key that only executors have.

Undo needs the evidence byte for byte, and the ledger, the warrant and the events must not have its secrets: so they
carry it encrypted (ChaCha20-Poly1305, bound to the action and the host), beside what of it is no secret.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from gate.execution.redaction import Redactor
from gate.values.canonical import canonical
from gate.values.errors import WarrantError

SEALED = "sealed"
_NONCE = 12  # bytes


def protect(evidence: Any, redactor: Redactor, key: bytes, about: tuple[str, str]) -> Any:
    """The evidence as it may be written down: as it is, or with its secrets hidden and the whole of it sealed.

    `about` is the action and the host; only for them it can be opened.
    """
    shown = redactor.value(evidence)
    if shown == evidence and not is_sealed(evidence):
        return evidence
    return {**(shown if isinstance(shown, Mapping) else {"shown": shown}), SEALED: _packed(evidence, key, about)}


def protect_unseen(evidence: Any, key: bytes, about: tuple[str, str]) -> Any:
    """The same where nobody knows any more which secrets the run had: only the names of what it touched are shown."""
    resources = evidence.get("resources") if isinstance(evidence, Mapping) else None
    shown = {"resources": Redactor().value(resources)} if isinstance(resources, list) else {}
    return {**shown, SEALED: _packed(evidence, key, about)}


def is_sealed(evidence: Any) -> bool:
    """Whether it has to be opened before anybody can restore from it."""
    return isinstance(evidence, Mapping) and SEALED in evidence


def opened(evidence: Any, key: bytes, about: tuple[str, str]) -> Any:
    """The evidence as it was recorded.

    Raises:
        WarrantError: it was sealed with another key, or for another action or host, or was changed since.
    """
    if not is_sealed(evidence):
        return evidence
    try:
        packed = base64.b64decode(evidence[SEALED], validate=True)
        plain = ChaCha20Poly1305(key).decrypt(packed[:_NONCE], packed[_NONCE:], _bound(about))
    except (ValueError, TypeError, InvalidTag):
        raise WarrantError(
            f"The evidence of {about[1]} cannot be opened.",
            "It was sealed with another key, for another host or action, or it was changed since.",
            "Restore .gate/keys/evidence.key from the backup, or bring the host back by hand.",
        ) from None
    return json.loads(plain)


def hidden(written: Any, plain: Any) -> set[str]:
    """The texts of opened evidence that were not shown where it was written down; with what is base64 decoded, too."""
    if not is_sealed(written):
        return set()
    found = set(_texts(plain)) - set(_texts({key: one for key, one in written.items() if key != SEALED}))
    for text in tuple(found):
        with contextlib.suppress(ValueError):
            found.add(base64.b64decode(text, validate=True).decode())
    return found


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for inner in value.values():
                yield from _texts(inner)
        case list():
            for inner in value:
                yield from _texts(inner)


def _packed(evidence: Any, key: bytes, about: tuple[str, str]) -> str:
    nonce = os.urandom(_NONCE)
    sealed = ChaCha20Poly1305(key).encrypt(nonce, canonical(evidence).encode(), _bound(about))
    return base64.b64encode(nonce + sealed).decode()


def _bound(about: tuple[str, str]) -> bytes:
    return canonical(list(about)).encode()
