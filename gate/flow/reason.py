"""What people say with a deed: one line of text, kept in the ledger for ever and shown to others."""

from __future__ import annotations

from gate.intent.text import refuse_hostile
from gate.values.errors import IntentError

MOST = 500


def check_reason(said: str, what: str = "reason") -> None:
    """Raises IntentError unless `said` is a line of text that people can be shown."""
    refuse_hostile(said, what)
    if len(said) > MOST:
        raise IntentError(f"The {what} is too long.", f"At most {MOST} characters are kept.", "Say it shorter.")
