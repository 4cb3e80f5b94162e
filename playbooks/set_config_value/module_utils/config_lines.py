"""Sets one key of an ini or env file. Pure: bytes in, bytes out; the rest stays as it was written."""

from __future__ import annotations

import re

from ansible.module_utils.config_wish import KEY, Refused

ENV_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
ENV_VALUE = re.compile(r"[A-Za-z0-9_./:,@%+=-]*")  # means the same to a shell, systemd and container engines


def edited(data, style, section, key, value):
    """The bytes of the file with `key` set to `value`; `data` itself if that is so already.

    Raises:
        Refused: when it cannot be said without doubt which bytes are the value.
    """
    refuse_unwritable(data, style, section, key, value)
    lines = re.findall(rb"[^\n]*\n|[^\n]+", data)
    newline = b"\r\n" if lines and lines[0].endswith(b"\r\n") else b"\n"
    start, end = part_of(lines, section)
    if start is None:
        gap = newline if lines else b""
        return (
            ended(data, newline) + gap + b"[%b]" % section.encode() + newline + assignment(style, key, value, newline)
        )
    number = line_of(lines, start, end, style, key)
    if number is None:
        number = after_last_setting(lines, start, end)
        lines[:number] = [ended(line, newline) for line in lines[:number]]
        lines.insert(number, assignment(style, key, value, newline))
    else:
        lines[number] = replaced(lines, number, style, key, value)
    return b"".join(lines)


def refuse_unwritable(data, style, section, key, value):
    if b"\0" in data or data.startswith(b"\xef\xbb\xbf"):
        raise Refused("The file is no plain text (it has NUL bytes or a byte order mark).")
    if any(ord(character) < 32 or ord(character) > 126 for character in section + key + value):
        raise Refused("Section, key and value must be printable ASCII.")
    if (
        not KEY.fullmatch(key)
        or value != value.strip()
        or re.search(r"""["'\\`#;]""", value)
        or set("[]") & set(section)
    ):
        raise Refused("Quotes, backslashes, comment marks and outer spaces mean different things to different readers.")
    if style == "env" and (section or not ENV_KEY.fullmatch(key) or not ENV_VALUE.fullmatch(value)):
        raise Refused("An env file has no sections, plain keys, and values without spaces or anything a shell acts on.")


def part_of(lines, section):
    """First and last+1 line of the section's inside; (None, None) if the file has no such section."""
    headers = [(n, m[1].strip()) for n, line in enumerate(lines) if (m := re.match(rb"[ \t]*\[([^\]\n]*)\]", line))]
    if not section:
        return 0, headers[0][0] if headers else len(lines)
    hits = [n for n, name in headers if name == section.encode()]
    if len(hits) > 1:
        raise Refused(f"Section [{section}] is there {len(hits)} times; which one counts depends on the reader.")
    if not hits:
        return None, None
    return hits[0] + 1, next((n for n, _ in headers if n > hits[0]), len(lines))


def line_of(lines, start, end, style, key):
    """Number of the line that sets `key`, or None. Anything that only some readers take for it is refused."""
    name = re.escape(key.encode())
    if style == "env":
        strict, loose = rb"(?:export )?%b=" % name, re.compile(rb"[ \t]*(?:export[ \t]+)?%b[ \t]*(?:=|\r?\n|$)" % name)
    else:
        strict, loose = rb"%b[ \t]*[=:]" % name, re.compile(rb"[ \t]*%b[ \t]*(?:[=:]|\r?\n|$)" % name, re.IGNORECASE)
    hits = [n for n in range(start, end) if loose.match(lines[n])]
    if len(hits) > 1:
        raise Refused(f"{key} is set {len(hits)} times here; which one counts depends on the reader.")
    if not hits:
        return None
    if not re.match(strict, lines[hits[0]]):
        raise Refused(f"Line {hits[0] + 1} sets {key} in a way that readers take differently.")
    if is_stretched(lines, hits[0], style):
        raise Refused(f"Line {hits[0] + 1}: the value of {key} goes over several lines.")
    return hits[0]


def is_stretched(lines, number, style):
    before = lines[number - 1] if number else b""
    after = lines[number + 1] if number + 1 < len(lines) else b""
    if any(line.rstrip(b"\r\n").endswith(b"\\") for line in (before, lines[number])):
        return True
    if style == "env":
        return any(lines[number].count(quote) % 2 for quote in (b'"', b"'"))
    return bool(after.strip()) and after[:1] in b" \t"


def after_last_setting(lines, start, end):
    """Where a new line goes: behind the last line of the part that is neither empty nor a comment."""
    last = max(
        (n for n in range(start, end) if lines[n].strip() and lines[n].strip()[:1] not in b"#;"), default=start - 1
    )
    if last >= 0 and lines[last].rstrip(b"\r\n").endswith(b"\\"):
        raise Refused(f"Line {last + 1} goes on in the next one; nothing can be added behind it.")
    return last + 1


def replaced(lines, number, style, key, value):
    pattern = rb"(?:export )?%b=" if style == "env" else rb"%b[ \t]*[=:][ \t]*"
    head = re.match(pattern % re.escape(key.encode()), lines[number])[0]
    body = lines[number].rstrip(b"\r\n")
    return head + value.encode() + lines[number][len(body) :]


def assignment(style, key, value, newline):
    between = b"=" if style == "env" else b" = "
    return (key.encode() + between + value.encode()).rstrip(b" ") + newline


def ended(data, newline):
    return data + newline if data and not data.endswith(b"\n") else data
