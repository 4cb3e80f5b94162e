"""The redactor: every text that leaves a run passes it. It knows the run's secrets, and what secrets look like.

- Known secrets are found in every plausible form (see `forms`), even if line breaks or colours were put into them.
- Base64 is looked into, so that what would be hidden in plain text is hidden there, too.
- What is hidden is replaced as a whole; texts are cut only after that, because half a secret is not found.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gate.execution.forms import LEAST, forms
from gate.values.secret_shapes import HIDDEN, Mark, hide, is_secret_name

_GAP = re.compile(r"(?:\s|\\[nrt]|\x1b\[[0-9;?]*[A-Za-z])+")  # can be put into a secret by wrapping and colouring
_ESCAPE = re.compile(r"%[0-9a-fA-F]{2}")  # of a URL: its letters are large or small
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{20,}(?:(?:\r?\n|\\r|\\n)+[ \t]*[A-Za-z0-9+/_-]+)*={0,2}")
_STANDARD = str.maketrans("-_", "+/", "\r\n \t")
_DEEPEST = 2  # base64 within base64
Span = tuple[int, int, str]  # start, end, the secret


class Redactor:
    """Hides `secrets` and whatever looks like one. Without any secrets it goes by looks alone."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._by_start: dict[str, list[tuple[str, str]]] = {}  # first characters -> (form without gaps, secret)
        self._whole = {secret.strip() for secret in secrets if len(secret.strip()) >= LEAST}
        for secret in self._whole:
            for form in {_squeezed(form) for form in forms(secret)}:
                if len(form) >= LEAST:
                    self._by_start.setdefault(form[:LEAST], []).append((form, secret))
        for known in self._by_start.values():
            known.sort(key=lambda one: -len(one[0]))  # the longest first: nothing of it may be left over

    def text(self, text: str, mark: Mark = lambda _: HIDDEN) -> str:
        """`text` without secrets. `mark` says what stands in the place of one; by default it is always the same."""
        return self._text(text, mark, _DEEPEST)

    def value(self, value: Any, mark: Mark = lambda _: HIDDEN) -> Any:
        """Plain JSON data without secrets; of a key that names a secret all that is below it is hidden."""
        match value:
            case str():
                return self.text(value, mark)
            case Mapping():
                return {self.text(str(key), mark): self._below(str(key), inner, mark) for key, inner in value.items()}
            case list() | tuple():
                return [self.value(inner, mark) for inner in value]
            case int() | float() if str(value) in self._whole:
                return mark(str(value))
        return value

    def knows(self, value: Any) -> bool:
        """Whether there is a secret in plain JSON data."""
        return bool(self.value(value) != value)

    def _below(self, key: str, value: Any, mark: Mark) -> Any:
        if not is_secret_name(key):
            return self.value(value, mark)
        match value:
            case str() if value and not value.startswith(HIDDEN[:-1]):
                return mark(value)
            case Mapping():
                return {inner: self._below(key, below, mark) for inner, below in value.items()}
            case list() | tuple():
                return [self._below(key, below, mark) for below in value]
        return self.value(value, mark)

    def _text(self, text: str, mark: Mark, depth: int) -> str:
        hidden = _replaced(text, self._known(text), mark)
        if depth:
            hidden = _BASE64.sub(lambda found: self._encoded(found[0], mark, depth), hidden)
        return hide(hidden, mark)

    def _encoded(self, text: str, mark: Mark, depth: int) -> str:
        packed = text.translate(_STANDARD).replace("\\n", "").replace("\\r", "").rstrip("=")
        try:
            data = base64.b64decode(packed + "=" * (-len(packed) % 4))
        except binascii.Error:  # one character too many: a piece of it
            data = base64.b64decode(packed[: len(packed) // 4 * 4])
        decoded = data.decode("utf-8", "replace")
        return text if self._text(decoded, mark, depth - 1) == decoded else mark(text)

    def _known(self, text: str) -> list[Span]:
        if not self._by_start:
            return []
        found = list(self._found(_squeezed(text)))
        if not found:
            return []
        places = _places(text)
        return [(places[start], places[end - 1] + 1, secret) for start, end, secret in found]

    def _found(self, squeezed: str) -> Iterator[Span]:
        size, done = len(squeezed), 0
        for start in range(size - LEAST + 1):
            for form, secret in self._by_start.get(squeezed[start : start + LEAST], ()) if start >= done else ():
                end = min(start + len(form), size)  # at the end of a text that was cut, the beginning is enough
                if end > done and squeezed.startswith(form[: end - start], start):
                    yield start, end, secret
                    done = end


def _squeezed(text: str) -> str:
    return _ESCAPE.sub(lambda found: found[0].upper(), _GAP.sub("", text))


def _places(text: str) -> list[int]:
    """Of each character that is left without the gaps, where it stands in `text`."""
    places: list[int] = []
    last = 0
    for gap in _GAP.finditer(text):
        places.extend(range(last, gap.start()))
        last = gap.end()
    places.extend(range(last, len(text)))
    return places


def _replaced(text: str, spans: list[Span], mark: Mark) -> str:
    parts, last = [], 0
    for start, end, secret in spans:
        parts += [text[last:start], mark(secret)]
        last = end
    return "".join([*parts, text[last:]])
