"""Text with a signature: Ed25519 over a domain and the text, as one line of JSON. Pure; keys are passed in."""

from __future__ import annotations

import base64
import json

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gate.values.canonical import canonical


def sign_text(name: str, text: str, domain: bytes, key: Ed25519PrivateKey) -> str:
    """`{"NAME": text, "signature": ...}`. A signature for one `domain` never passes for another."""
    signature = base64.b64encode(key.sign(domain + text.encode())).decode()
    return canonical({name: text, "signature": signature})


def signed_text(name: str, signed: str, domain: bytes, key: Ed25519PublicKey) -> str:
    """The text, if `key` signed it for this domain.

    Raises:
        ValueError: unreadable or forged.
    """
    try:
        outer = json.loads(signed)
        text: str = outer[name]
        key.verify(base64.b64decode(outer["signature"], validate=True), domain + text.encode())
        return text
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, InvalidSignature) as wrong:
        raise ValueError(f"no {name} with a signature of this key: {type(wrong).__name__}") from None
