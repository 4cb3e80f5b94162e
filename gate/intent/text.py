"""Text from outside: what Ansible could take for more than text is refused, with the place."""

from __future__ import annotations

import math
import re
import unicodedata
from typing import Any

from gate.values.errors import IntentError
from gate.values.secret_shapes import certain

MARKS = ("{{", "}}", "{%", "%}", "{#", "#}")
_YAML_TAG = re.compile(r"!(unsafe|vault|vault-encrypted)\b|!!python")
_RESERVED_KEY = re.compile(r"__ansible|ansible_", re.IGNORECASE)


def refuse_hostile(value: Any, where: str) -> None:
    """Walks `value` and refuses template marks, YAML tags, control characters and reserved keys in any text.

    Raises:
        IntentError: naming the place inside the intent.
    """
    match value:
        case str():
            _refuse_text(value, where)
        case dict():
            for key, inner in value.items():
                _refuse_key(key, where)
                refuse_hostile(inner, f"{where}.{key}")
        case list() | tuple():
            for number, inner in enumerate(value):
                refuse_hostile(inner, f"{where}[{number}]")
        case bool() | None:
            pass
        case int() | float():
            _refuse_number(value, where)
        case _:
            raise IntentError(
                f"{where} is of a kind that an intent cannot carry.",
                f"It is a {type(value).__name__}; only text, numbers, booleans, null, lists and maps travel.",
                "Write the value as JSON would.",
            )


def _refuse_text(text: str, where: str) -> None:
    for mark in MARKS:
        if mark in text:
            raise IntentError(
                f"{where} contains the template mark {mark!r}.",
                "A parameter is data; the gate lets nothing through that Jinja could take for a template.",
                "Write the literal value. If the value really has these characters, keep it in a file on the host.",
            )
    if _YAML_TAG.search(text):
        raise IntentError(
            f"{where} contains a YAML tag.",
            "Tags such as !unsafe or !vault change how Ansible reads a value.",
            "Write the literal value.",
        )
    if any(certain(text)):
        raise IntentError(
            f"{where} contains a secret.",
            "It is a private key, vault text, a token or a password hash; what is asked for is shown, logged and kept.",
            "Name a secret of the site instead, where the action takes one (docs/howto/secrets.md); revoke this one.",
        )
    for number, character in enumerate(text):
        # Cc control, Cf invisible formatting (bidi overrides, zero width), Cs lone surrogates, Zl/Zp line breaks
        if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
            raise IntentError(
                f"{where} contains a control character (U+{ord(character):04X} at position {number}).",
                "Line breaks and invisible characters can hide or split what a person approves.",
                "Take the character out; use one line of plain text.",
            )


def _refuse_number(number: float, where: str) -> None:
    fits = -(2**63) <= number < 2**63 if isinstance(number, int) else math.isfinite(number)
    if not fits:
        raise IntentError(
            f"{where} is a number that an intent cannot carry.",
            "NaN and infinities are no JSON, and integers have 64 bits.",
            "Write a finite number.",
        )


def _refuse_key(key: Any, where: str) -> None:
    if not isinstance(key, str) or _RESERVED_KEY.match(key) or not key.replace("_", "").isalnum() or not key.isascii():
        raise IntentError(
            f"{where} has the key {key!r}, which an intent cannot carry.",
            "Keys are letters, digits and underscores; names that Ansible keeps for itself are refused.",
            "Use the parameter names that `gate catalog show ACTION` prints.",
        )
