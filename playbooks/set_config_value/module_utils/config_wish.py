"""What is wanted of a file whose values have types: the way to one scalar, and how it is written. Pure."""

from __future__ import annotations

import re

PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,6})?")  # every reader takes it for the same number
KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


class Refused(Exception):
    """A reason not to go on. Nothing was changed."""


def way_to(section, key):
    """The keys from the top of the file to the value: `section`, cut at its dots, and `key`, in which a dot is a dot.

    Raises:
        Refused: when a part of it could be no key, or more than one.
    """
    way = section.split(".") if section else []
    if any(not PART.fullmatch(part) for part in way):
        raise Refused(f"section is a list of keys with dots between, as in server.tls; it is {section!r}.")
    if not KEY.fullmatch(key):
        raise Refused(f"{key!r} is no plain key.")
    return [*way, key]


def refuse_untyped(value, kind):
    """Refuses a value that is not what `kind` (string, number, boolean or null) says."""
    if any(ord(character) < 32 or ord(character) > 126 or character in "\"'\\" for character in value):
        raise Refused("A value is printable ASCII without quotes and backslashes.")
    fits = {
        "string": True,
        "number": NUMBER.fullmatch(value) is not None,
        "boolean": value in ("true", "false"),
        "null": value == "null",
    }
    if not fits[kind]:
        raise Refused(f"{value!r} is no {kind}: numbers are as 8 or 0.5, booleans true or false, and null is null.")


def plain_text(data):
    """`data` as text.

    Raises:
        Refused: when it is not UTF-8 without a byte order mark and NUL bytes.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as wrong:
        raise Refused(f"The file is no UTF-8 text (byte {wrong.start}).") from None
    if "\0" in text or text.startswith("\ufeff"):
        raise Refused("The file is no plain text (it has NUL bytes or a byte order mark).")
    return text
