"""Signing a warrant, with Ed25519 over its canonical text."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate.values.signed import sign_text
from gate.warrant.model import Warrant

DOMAIN = b"ansible-gate/warrant/v1\n"  # a signature made for anything else can never pass for a warrant


def sign(warrant: Warrant, key: Ed25519PrivateKey) -> str:
    """The signed warrant, as one line of JSON."""
    return sign_text("warrant", warrant.text(), DOMAIN, key)
