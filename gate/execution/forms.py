"""The ways in which a text can carry a secret: as it is, escaped, quoted, in base64 or hex, line by line. Pure."""

from __future__ import annotations

import base64
import html
import json
import re
import shlex
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

LEAST = 6  # characters; anything shorter would be found everywhere
_SHELL = re.compile(r"([^\w@%+=:,./-])")
_URL_SAFE = str.maketrans("+/", "-_")


def forms(secret: str) -> frozenset[str]:
    """Every form of `secret`, and of each of its lines, that is long enough to be looked for."""
    parts = {secret, secret.strip(), *(line.strip() for line in secret.splitlines())}
    return frozenset(form for part in parts if len(part) >= LEAST for form in _forms(part) if len(form) >= LEAST)


def _forms(text: str) -> Iterator[str]:
    yield text
    for ascii_only in (True, False):
        once = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        yield from (once, json.dumps(once, ensure_ascii=ascii_only)[1:-1], once.replace("/", "\\/"))
    yield repr(text)[1:-1]
    yield from (html.escape(text), html.escape(text, quote=False))
    yield from (quote(text), quote(text, safe=""), quote_plus(text))
    yield from (shlex.quote(text)[1:-1] if shlex.quote(text) != text else text, _SHELL.sub(r"\\\1", text))
    yield text.replace("'", "''")
    data = text.encode("utf-8", "surrogateescape")
    yield from (data.hex(), data.hex().upper())
    for core in _base64_cores(data):
        yield from (core, core.translate(_URL_SAFE))


def _base64_cores(data: bytes) -> Iterator[str]:
    # what base64 makes of it wherever it stands in a larger text: three alignments, without the characters at both
    # ends that its neighbours have a part in
    for offset, skipped in ((0, 0), (1, 2), (2, 3)):
        encoded = base64.b64encode(b"\0" * offset + data).decode().rstrip("=")
        shared = 1 if (offset + len(data)) % 3 else 0
        yield encoded[skipped : len(encoded) - shared]
