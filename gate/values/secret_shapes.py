"""What a secret looks like when nobody has said that it is one. Pure.

- Certain shapes (private keys, vault text, tokens of known makers, password hashes) are secrets wherever they stand.
- Named ones (`password = ...`, `"token": "..."`, `--secret ...`, `https://user:...@host`) are secrets by their name.

A name counts by its end: `db_password` does, `password_file` does not. Every pattern takes time in proportion to the
text, because a text can be hostile.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

HIDDEN = "[hidden]"
Mark = Callable[[str], str]  # from a secret to what stands in its place

_WORDS = (
    r"pass(?:word|wd|phrase|code)|[_-]pass|pwd|secret|token|credentials?|api[_-]?key|(?:access|secret|private|encryption|signing|"
    r"master|session)[_-]?key"
)
_BREAK = r"(?:\s|\\n|\\r)+"  # in a text that was put into JSON, too
_CERTAIN = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:.*?-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|.*)"
    rf"|\$ANSIBLE_VAULT;[0-9.]+;AES256?(?:;[^\s;\\]+)?(?:{_BREAK}[0-9a-f]{{4,}})*"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"  # JSON web tokens
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}|\bglpat-[A-Za-z0-9_-]{16,}|\bnpm_[A-Za-z0-9]{30,}"
    r"|\bxox[abeoprs]-[A-Za-z0-9-]{10,}|\bsk-[A-Za-z0-9_-]{20,}|\bhv[sb]\.[A-Za-z0-9_-]{20,}|\bAIza[A-Za-z0-9_-]{30,}"
    r"|\bgate_[A-Za-z0-9_-]{40,}"
    r"|\$(?:1|2[abxy]|5|6|7|y|gy|argon2id?|scrypt)\$[A-Za-z0-9./$=,+_-]{20,}",
    re.DOTALL,
)
_NOT_YET = r"(?!\[hidden(?: \d+)?\])"
_QUOTED = r""""(?:[^"\\\n]|\\.)*"?|'[^'\n]*'?|\\"(?:[^"\\\n]|\\[^"])*"""
_VALUE = rf"""{_NOT_YET}(?:{_QUOTED}|(?![|>][0-9+-]{{0,3}}\s)[^\s"',;&<>}}\])]+)"""
_NAMED = (
    re.compile(  # a YAML block
        rf"^([ \t]*)(?:- )?[\w.-]{{0,80}}?(?:{_WORDS}):[ \t]*[|>][0-9+-]{{0,3}}[ \t]*\r?\n"
        rf"(?P<value>(?:\1[ \t]+{_NOT_YET}[^\n]*(?:\n|\Z))+)",
        re.IGNORECASE | re.MULTILINE,
    ),
    re.compile(  # all of the line, where it is a line of a configuration
        rf"^[ \t+-]*+(?:export[ \t]+)?[\w.\[\]-]{{0,80}}?(?:{_WORDS})[ \t]*(?:=|:[ \t])[ \t]*"
        rf"(?P<value>{_NOT_YET}[^\s\[{{\"'|>][^\r\n]*)",
        re.IGNORECASE | re.MULTILINE,
    ),
    re.compile(rf"(?:{_WORDS})(?:\\?[\"'])?[ \t]*(?>=>|:=|=|:)[ \t]*+(?P<value>{_VALUE})", re.IGNORECASE),
    re.compile(rf"--(?P<name>[a-z0-9]+(?:-[a-z0-9]+)*+)(?:[ \t]+|=)(?P<value>{_VALUE})", re.IGNORECASE),
    re.compile(r"\b(?:password|identified by)[ \t]+(?P<value>'[^'\n]+'|\"[^\"\n]+\")", re.IGNORECASE),
    re.compile(rf"\blogin[ \t]+\S{{1,80}}[ \t]+password[ \t]+(?P<value>{_NOT_YET}\S+)", re.IGNORECASE),
    re.compile(rf"^[ \t]*(?:requirepass|masterauth)[ \t]+(?P<value>{_NOT_YET}\S+)", re.IGNORECASE | re.MULTILINE),
    re.compile(
        rf"\b(?:proxy-)?authorization(?:\\?[\"'])?[ \t]*[:=][ \t]*(?:\\?[\"'])?[a-z]+[ \t]+(?P<value>{_VALUE})",
        re.IGNORECASE,
    ),
    re.compile(rf"\bbearer[ \t]+(?P<value>{_NOT_YET}[A-Za-z0-9._~+/=-]{{12,}})", re.IGNORECASE),
    re.compile(rf"[a-z0-9]://[^\s/:@\"']{{0,80}}:(?P<value>{_NOT_YET}[^\s/@\"']+)@", re.IGNORECASE),
    re.compile(rf"<(?:\w{{0,40}}?(?:{_WORDS}))>(?P<value>{_NOT_YET}[^<]+)<", re.IGNORECASE),
)
NAME = rf"(?:{_WORDS})s?\Z"  # of a variable or key that holds a secret; small and large letters are the same
_NAME = re.compile(NAME, re.IGNORECASE)


def is_secret_name(name: str) -> bool:
    """Whether a variable or key of this name holds a secret, by its end."""
    return _NAME.search(name) is not None


def certain(text: str) -> Iterator[str]:
    """The parts of `text` that are secrets whatever stands around them."""
    yield from (found[0] for found in _CERTAIN.finditer(text))


def hide_certain(text: str, mark: Mark = lambda _: HIDDEN) -> str:
    """`text` without its certain secrets."""
    return _CERTAIN.sub(lambda found: mark(found[0]), text)


def hide_certain_in(value: Any) -> Any:
    """Plain JSON data without certain secrets."""
    match value:
        case str():
            return hide_certain(value)
        case Mapping():
            return {key: hide_certain_in(inner) for key, inner in value.items()}
        case list() | tuple():
            return [hide_certain_in(inner) for inner in value]
    return value


def hide(text: str, mark: Mark = lambda _: HIDDEN) -> str:
    """`text` without certain and named secrets; of a named one the name stays. What is hidden already stays so."""
    hidden = hide_certain(text, mark)
    for pattern in _NAMED:
        hidden = pattern.sub(lambda found: _in_place(found, mark), hidden)
    return hidden


def _in_place(found: re.Match[str], mark: Mark) -> str:
    if not is_secret_name(found.groupdict().get("name", "secret")):
        return found[0]
    start, end = found.start("value") - found.start(), found.end("value") - found.start()
    value = found["value"]
    indent, line_end = value[: len(value) - len(value.lstrip())], value[len(value.rstrip()) :]
    return found[0][:start] + indent + mark(value.strip()) + line_end + found[0][end:]
