"""What comes over a wire or out of a file: JSON that means one thing only, and the caller's name for a request."""

from __future__ import annotations

import json
from typing import Any

from gate.values.errors import IntentError

MAX_KEY = 200


def read_json(text: str | bytes) -> Any:
    """The JSON value in `text`. Repeated keys, NaN and infinities are refused: two readers could differ on them.

    Raises:
        IntentError: with the place.
    """
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as wrong:
        raise IntentError("This is no JSON.", f"{wrong}."[:200], "Send one intent as a JSON object.") from None


def check_key(key: str) -> str:
    """The request key, if it can travel in a header.

    Raises:
        IntentError: empty, too long, or not printable ASCII.
    """
    if key.isascii() and key.isprintable() and 0 < len(key) <= MAX_KEY:
        return key
    raise IntentError(
        "The request key is unusable.", f"It takes 1 to {MAX_KEY} printable ASCII characters.", "Use a UUID."
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # of two equal keys a reader could see one and the gate the other
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("an object has the same key twice")
    return dict(pairs)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
