"""Signing a certificate and checking one: Ed25519 over its canonical text."""

from __future__ import annotations

import base64
import json

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gate.certificate.model import Certificate
from gate.values.canonical import canonical
from gate.values.errors import CertificateError

DOMAIN = b"ansible-gate/certificate/v1\n"  # a signature made for anything else can never pass for one of these


def sign(certificate: Certificate, key: Ed25519PrivateKey) -> str:
    """The signed certificate, as one line of JSON."""
    text = certificate.text()
    return canonical({"certificate": text, "signature": base64.b64encode(key.sign(DOMAIN + text.encode())).decode()})


def verify(signed: str, key: Ed25519PublicKey) -> Certificate:
    """The certificate, if `key` signed it.

    Raises:
        CertificateError: unreadable or forged.
    """
    try:
        outer = json.loads(signed)
        text = outer["certificate"]
        key.verify(base64.b64decode(outer["signature"], validate=True), DOMAIN + text.encode())
        return Certificate.parse(text)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, InvalidSignature):
        raise CertificateError(
            "A certificate is not one of this site's.",
            "It is unreadable, or its signature is not that of the site's certificate key.",
            "Prove the action again: gate catalog prove ACTION --hosts HOST,HOST",
        ) from None
