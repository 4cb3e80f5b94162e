"""Canonical JSON: one byte string per value, so that a digest of it means something."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def canonical(value: Any) -> str:
    """The canonical JSON text of `value`: sorted keys, no spaces, ASCII; NaN and infinities are refused.

    Raises:
        ValueError: NaN or an infinity.
        TypeError: something that JSON has no word for.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON, as `sha256:<64 hex digits>`."""
    return digest_bytes(canonical(value).encode())


def digest_bytes(content: bytes) -> str:
    """SHA-256 of bytes, as `sha256:<64 hex digits>`."""
    return "sha256:" + hashlib.sha256(content).hexdigest()
