"""Words of a request: tokens with their kind, and the few closed lists of words that carry no wish.

A word that is on no list here, in no phrase of the chosen action and no value is *unexplained*, and an
unexplained word is a refusal. So these lists are short on purpose: each word added is a word that is ignored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a token looks like, before anybody knows what it is for."""

    QUOTED = "quoted"
    PAIR = "pair"
    PATH = "path"
    ADDRESS = "address"
    NUMBER = "number"
    VERSION = "version"
    HEX = "hex"
    PUBLIC_KEY = "public key"
    WORD = "word"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One word of the request as it was written; `low` is for comparing only."""

    text: str
    kind: Kind

    @property
    def low(self) -> str:
        return self.text.casefold()

    @property
    def plain(self) -> bool:
        """A bare word: the only kind that can be grammar."""
        return self.kind is Kind.WORD


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# before the verb: politeness and wishes
OPENING = _set(
    "please kindly can could would will you i we i'd we'd want need like to let's lets go ahead and just now first "
    "also finally next hey hi hello must have"
)
# after it: emptiness
EMPTY = _set("please kindly now thanks thank you the a an")
DETERMINERS = _set("the a an all every each")
ON = _set("on at in across for")
PREPOSITIONS = ON | _set("to from of off into onto with by as via out up")
# between a parameter's name and its value
LINKS = _set("to of is as = for at by up the named called number with set")
HOST_NOUNS = _set("host hosts server servers machine machines node nodes box boxes group groups tier fleet")
PASSIVE = _set("must be needs need has to a")
# never ignored, whatever a catalog's phrases say, and never a value unless quoted
VETO = _set(
    "not no never don't dont do doesn't cannot can't without except unless if but or nor instead until while when "
    "before after because cancel abort revert undo pretend ignore who what why how was were did had is are it its "
    "them they this that these those both others other rest same everything anything something stuff things "
    "whatever all every each any there here"
)
AND = frozenset({"and", "&", ","})

# of SSH: the one value of which the words belong together unquoted, with its comment
_PUBLIC_KEY = (
    r"(?:ssh|ecdsa|sk)-[A-Za-z0-9.@-]+ AAAA[A-Za-z0-9+/]{36,}={0,2}"
    r"(?: [A-Za-z0-9_.+-]+@[A-Za-z0-9_.+-]*[A-Za-z0-9])?"
)
_TOKEN = re.compile(rf"\"([^\"]*)\"|`([^`]*)`|(?<!\w)'([^']*)'(?!\w)|([,;])|(?<!\S)({_PUBLIC_KEY})|([^\s,;]+)")
_SHAPES = (
    (Kind.PAIR, re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*=.+|[a-z_]+[0-9]*:[^/\s].*")),
    (Kind.PATH, re.compile(r"/.*")),
    (Kind.ADDRESS, re.compile(r"\d{1,3}(\.\d{1,3}){3}(/\d{1,2})?|[0-9a-fA-F]*:[0-9a-fA-F:]+(/\d{1,3})?")),
    (Kind.NUMBER, re.compile(r"-?\d+")),
    (Kind.HEX, re.compile(r"(?=.*\d)[0-9a-fA-F]{32,128}")),
    (Kind.VERSION, re.compile(r"v?\d+(\.\d+)+[\w.+-]*")),
)
_HOST_LIKE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*-?[0-9]+|[a-z0-9-]+(\.[a-z0-9-]+)+\.?", re.IGNORECASE)


def tokens(text: str) -> list[Token]:
    """The tokens of a text; commas and semicolons are tokens of their own, other end punctuation is dropped."""
    found = []
    for match in _TOKEN.finditer(text):
        *quoted, mark, key, bare = match.groups()
        inside = next((one for one in quoted if one is not None), None)
        if inside is not None:
            found.append(Token(text=inside, kind=Kind.QUOTED))
        elif key:
            found.append(Token(text=key, kind=Kind.PUBLIC_KEY))
        elif mark:
            found.append(Token(text=mark, kind=Kind.WORD))
        else:
            word = bare.strip("()[]\"'`").rstrip(".!?:")
            if word:
                found.append(Token(text=word, kind=_kind(word)))
    return found


def _kind(word: str) -> Kind:
    return next((kind for kind, shape in _SHAPES if shape.fullmatch(word)), Kind.WORD)


def host_like(token: Token) -> bool:
    """Could a person mean a host by this? Said too often rather than too seldom."""
    if token.kind is Kind.ADDRESS:
        return "/" not in token.text
    return token.plain and _HOST_LIKE.fullmatch(token.text) is not None


def stem(word: str) -> str:
    """A rough stem, equal for `rotate`, `rotates`, `rotated` and `rotating`."""
    word = word.casefold()
    for ending in ("ing", "ed", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            word = word[: -len(ending)]
            if ending != "s" and len(word) > 3 and word[-1] == word[-2] and word[-1] not in "sl":
                word = word[:-1]
            break
    return word.removesuffix("e") if len(word) > 3 else word
