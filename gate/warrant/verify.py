"""Checking a warrant: signature first, then time. Single use is the executor's to enforce."""

from __future__ import annotations

from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gate.values.clock import stamp
from gate.values.errors import WarrantError
from gate.values.signed import signed_text
from gate.warrant.model import Warrant
from gate.warrant.sign import DOMAIN


def verify(signed: str, key: Ed25519PublicKey, now: datetime) -> Warrant:
    """The warrant, if `key` signed it and `now` is within its time.

    Raises:
        WarrantError: unreadable, forged, too early or expired.
    """
    try:
        warrant = Warrant.parse(signed_text("warrant", signed, DOMAIN, key))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise WarrantError(
            "The warrant is not one of this gate's.",
            "It is unreadable, or its signature is not that of the site's warrant key.",
            "Propose the change again; if this repeats, look who can write to the state folder.",
        ) from None
    if not warrant.not_before <= now < warrant.expires_at:
        raise WarrantError(
            f"The warrant of run {warrant.run_id} is not valid now.",
            f"It is for {stamp(warrant.not_before)} to {stamp(warrant.expires_at)}, and it is {stamp(now)}.",
            "Check the machine's clock, then propose the change again.",
        )
    return warrant
