"""Sets one scalar of a YAML file by position. Pure: bytes in, bytes out; the rest stays as it was written.

There is no YAML parser on a host that can be counted on. So this reads a subset, line by line, in which nothing goes
over a line end: mappings and lists in block style, plain and quoted scalars, flat `[a, b]` and `{a: b}`, comments.
A file with any line beyond that is refused as a whole, since every later line could mean something else then.
"""

from __future__ import annotations

import re

from ansible.module_utils.config_wish import Refused, plain_text, refuse_untyped, way_to

QUOTED = r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')"""
PLAIN = r"""(?:[^\s\-?:,\[\]{}#&*!|>'"%@`]|[-?:](?=\S))(?:[^\s:#]|:(?=\S)|(?<=\S)\#|\ +(?=[^\s#]))*"""
WORD = r"-?[A-Za-z0-9_./+][A-Za-z0-9_./+-]*"
WORDS = rf"{WORD}(?:\ +{WORD})*"
ITEM = rf"(?:(?:{WORDS}|{QUOTED}):\ +)?(?:{QUOTED}|{WORDS})"
ITEMS = rf"\ *(?:{ITEM}\ *(?:,\ *{ITEM}\ *)*)?"
FLOW = rf"(?:\[{ITEMS}\]|\{{{ITEMS}\}})"
KEY = r"""(?:"[^"\\]+"|'[^']+'|[A-Za-z0-9_./$](?:[A-Za-z0-9_./$~@+()-]|:(?=\S)|\ +(?=[^\s:#]))*)"""
VALUE = rf"(?P<value>{QUOTED}|{FLOW}|{PLAIN})"
END = r"\ *(?:(?<=\ )\#.*)?"
SETS = re.compile(rf"(?P<key>{KEY}):(?:\ +{VALUE})?{END}", re.VERBOSE)
HOLDS = re.compile(rf"{VALUE}{END}", re.VERBOSE)
DASH = re.compile(r"-(?:\ +|$)")
NOTHING = re.compile(r"\ *(?:\#.*)?", re.VERBOSE)
START = re.compile(rf"---{END}", re.VERBOSE)
# breaks and blanks beyond line feed and space, of which readers think differently; and what YAML does not allow
STRANGE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\xa0\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
# as a plain scalar to every reader this is a string and nothing else
SURE = re.compile(r"[A-Za-z_/](?:[A-Za-z0-9_./+=-]|[: ](?=[A-Za-z0-9_./+=-]))*")
WORDS_OF_YAML = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
MAX_KEY = 200  # parsers look no further than 1024 characters for the colon
STEP = "  "


class Node:
    """A mapping or list that is open while lines are read. `way` is None for all that is in a list."""

    def __init__(self, indent, kind, way):
        self.indent, self.kind, self.way, self.keys = indent, kind, way, set()


class Found:
    """One key: its line, how it is written, the span of its value in the line, and what stands below it."""

    def __init__(self, line, key="", span=(0, 0), value=None):
        self.line, self.key, self.value = line, key, value
        self.start, self.end = span
        self.last, self.indent, self.kind = line, None, None  # last line, indentation and kind of what is below


class Reading:
    """Reads the lines from the first to the last. `found` has each key that is not in a list, by the way to it."""

    def __init__(self, lines):
        self.found, self.open = {(): Found(-1)}, []
        self.below = (-1, ())  # indentation and way of what the last line left open; None if that was nothing
        started = False
        for number, line in enumerate(lines):
            text = line.rstrip("\r\n")
            if not NOTHING.fullmatch(text):
                if started or not START.fullmatch(text):
                    self.line(number, text)
                started = True

    def line(self, number, text):
        indent = len(text) - len(text.lstrip(" "))
        dash = DASH.match(text, indent)
        self.enter(number, indent, "list" if dash else "mapping")
        if dash:
            self.item(number, text, indent, dash.end())
        else:
            self.entry(number, text, indent)
        for node in self.open:
            if node.way is not None:
                self.found[node.way].last = number

    def enter(self, number, indent, kind):
        """Closes what ended before this line and opens what starts with it; refuses what does neither."""
        while self.open and self.open[-1].indent > indent:
            self.open.pop()
        if self.open and self.open[-1].indent == indent and (self.open[-1].kind, kind) == ("list", "mapping"):
            self.open.pop()  # a list may stand as far left as the key that it belongs to
        if self.open and (self.open[-1].indent, self.open[-1].kind) == (indent, kind):
            return
        room, way = self.below or (indent, None)
        if not (indent > room or (self.below and indent == room and kind == "list")):
            refuse(number, "it fits to no line before it (a value over several lines, or a strange indentation)")
        self.open.append(Node(indent, kind, way))
        if way is not None:
            self.found[way].indent, self.found[way].kind = indent, kind

    def entry(self, number, text, start):
        match = SETS.fullmatch(text, start)
        if not match or len(match["key"]) > MAX_KEY:
            refuse(number, "it is none of `key: value`, `- value` and a comment, each whole in its line")
        node, name = self.open[-1], bare(match["key"])
        if name in node.keys:
            refuse(number, f"{name} is there twice")
        node.keys.add(name)
        way = None if node.way is None else (*node.way, name)
        span = match.span("value") if match["value"] else (match.end("key") + 1,) * 2
        if way is not None:
            self.found[way] = Found(number, match["key"], span, match["value"])
        self.below = None if match["value"] else (start, way)

    def item(self, number, text, indent, start):
        self.below = (indent, None)
        if SETS.fullmatch(text, start):
            self.open.append(Node(start, "mapping", None))
            self.entry(number, text, start)
        elif HOLDS.fullmatch(text, start):
            self.below = None
        elif not NOTHING.fullmatch(text, start):
            refuse(number, "it is no item that is whole in its line")


def bare(key):
    return key[1:-1] if key[0] in "\"'" else key


def refuse(number, why):
    raise Refused(f"Line {number + 1} is not plain enough to be sure of the rest: {why}.")


def edited(data, section, key, value, kind):
    """The bytes of the file with the value at `section`.`key` set; `data` itself if that is so already.

    Raises:
        Refused: a line is beyond the subset, or the way leads through or to something that is no mapping or scalar.
    """
    way = tuple(way_to(section, key))
    refuse_untyped(value, kind)
    lines = lines_of(plain_text(data))
    before = Reading(lines).found
    there = next(way[:n] for n in range(len(way), -1, -1) if way[:n] in before)
    for n in range(1, len(there) + 1):
        refuse_unsure(before[way[:n]])
    if there == way:
        literal = replaced(lines, before[way], way, value, kind)
    else:
        literal = added(lines, before[there], way, len(there), value, kind)
    after = "".join(lines)
    refuse_more(before, Reading(lines_of(after)).found, way, literal)
    return after.encode()


def lines_of(text):
    if STRANGE.search(text.replace("\r\n", "\n")):
        raise Refused("The file has tabs, or other characters that readers of YAML take differently.")
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def refuse_unsure(found):
    if bare(found.key) == found.key and not is_sure(found.key):
        raise Refused(f"Line {found.line + 1}: the key {found.key} is a text to some readers and not to others.")


def is_sure(text):
    return SURE.fullmatch(text) is not None and text.lower() not in WORDS_OF_YAML


def replaced(lines, found, way, value, kind):
    if found.kind or (found.value or "").startswith(("[", "{")):
        raise Refused(f"{'.'.join(way)} is a mapping or a list, not one value.")
    line, literal = lines[found.line], literal_of(value, kind, found.value)
    gap = "" if found.value else " "
    lines[found.line] = line[: found.start] + gap + literal + line[found.end :]
    return literal


def added(lines, found, way, there, value, kind):
    """Puts a line, and those of the mappings that lack above it, behind the last line of the mapping that is there."""
    if found.kind != "mapping" and (there or found.kind):
        raise Refused(f"{'.'.join(way[:there]) or 'The top of the file'} is no mapping in block style.")
    newline = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    number = found.last + 1 if found.kind else len(lines)
    literal, margin = literal_of(value, kind), " " * (found.indent or 0)
    new = [f"{margin}{STEP * depth}{literal_of(name)}:" for depth, name in enumerate(way[there:])]
    new[-1] += f" {literal}"
    if number and not lines[number - 1].endswith("\n"):
        lines[number - 1] += newline
    lines[number:number] = [line + newline for line in new]
    return literal


def literal_of(value, kind="string", old=None):
    """How the value is written: a string in the quotes of the old one, or plain where nobody can take it for more."""
    if kind != "string":
        return value
    if old and old[0] in "\"'":
        return f"{old[0]}{value}{old[0]}"
    return value if is_sure(value) else f'"{value}"'


def refuse_more(before, after, way, literal):
    """What the result says must be what the file said, but for the one value."""
    then, now = ({name: found.value for name, found in read.items()} for read in (before, after))
    made = {way[:n]: None for n in range(1, len(way)) if way[:n] not in then}
    if now != {**then, **made, way: literal}:
        raise Refused("The edit would change more than the one value.")
