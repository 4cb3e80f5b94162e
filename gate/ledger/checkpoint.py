"""Signed tree heads: C2SP checkpoints (tlog-checkpoint in a signed note), Ed25519. Pure; keys are passed in."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gate.values.errors import TamperedError

_DASH = "\u2014"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The ledger `origin` had `size` entries, and this was the root over them."""

    origin: str
    size: int
    root: bytes


def sign(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> str:
    """The signed note, ready to be kept anywhere."""
    body = f"{checkpoint.origin}\n{checkpoint.size}\n{base64.b64encode(checkpoint.root).decode()}\n"
    signature = _key_id(checkpoint.origin, key.public_key()) + key.sign(body.encode())
    return f"{body}\n{_DASH} {checkpoint.origin} {base64.b64encode(signature).decode()}\n"


def open_note(note: str, origin: str, key: Ed25519PublicKey) -> Checkpoint:
    """The checkpoint of a note, if `key` signed it for `origin`.

    Raises:
        TamperedError: another origin, no signature of this key, or a changed text.
    """
    body, _, signatures = note.partition("\n\n")
    body += "\n"
    for line in signatures.splitlines():
        if _signed_by(line, body, origin, key):
            return _parse(body, origin)
    raise TamperedError(
        "A checkpoint does not verify.",
        f"No signature on it is one of {origin}'s key over this text.",
        "Compare it with a copy kept elsewhere; do not trust the ledger beside it until one agrees.",
    )


def _signed_by(line: str, body: str, origin: str, key: Ed25519PublicKey) -> bool:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    if dash != _DASH or name != origin:
        return False
    try:
        raw = base64.b64decode(encoded, validate=True)
        if raw[:4] != _key_id(origin, key):
            return False
        key.verify(raw[4:], body.encode())
    except (binascii.Error, InvalidSignature):
        return False
    return True


def _parse(body: str, origin: str) -> Checkpoint:
    # only signed bodies come here, so a wrong form means that our own key signed something else
    try:
        name, size, root = body.splitlines()[:3]
        parsed = Checkpoint(origin=name, size=int(size), root=base64.b64decode(root, validate=True))
    except (ValueError, binascii.Error):
        parsed = Checkpoint(origin="", size=-1, root=b"")
    if parsed.origin != origin or parsed.size < 0:
        raise TamperedError(
            "A signed note is no checkpoint of this ledger.",
            f"Its text does not name {origin}, a size and a root.",
            "Take it out of the checkpoints folder and look who wrote it.",
        )
    return parsed


def _key_id(origin: str, key: Ed25519PublicKey) -> bytes:
    return hashlib.sha256(origin.encode() + b"\n\x01" + key.public_bytes_raw()).digest()[:4]
