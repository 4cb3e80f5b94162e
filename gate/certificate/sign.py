"""Signing a certificate and checking one: Ed25519 over its canonical text."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gate.certificate.model import Certificate
from gate.values.errors import CertificateError
from gate.values.signed import sign_text, signed_text

DOMAIN = b"ansible-gate/certificate/v1\n"  # a signature made for anything else can never pass for one of these


def sign(certificate: Certificate, key: Ed25519PrivateKey) -> str:
    """The signed certificate, as one line of JSON."""
    return sign_text("certificate", certificate.text(), DOMAIN, key)


def verify(signed: str, key: Ed25519PublicKey) -> Certificate:
    """The certificate, if `key` signed it.

    Raises:
        CertificateError: unreadable or forged.
    """
    try:
        return Certificate.parse(signed_text("certificate", signed, DOMAIN, key))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise CertificateError(
            "A certificate is not one of this site's.",
            "It is unreadable, or its signature is not that of the site's certificate key.",
            "Prove the action again: gate catalog prove ACTION --hosts HOST,HOST",
        ) from None
