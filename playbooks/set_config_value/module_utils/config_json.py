"""Sets one scalar of a JSON file by position. Pure: bytes in, bytes out; the rest stays as it was written."""

from __future__ import annotations

import json
import re
from decimal import Decimal

from ansible.module_utils.config_wish import Refused, plain_text, refuse_untyped, way_to

BLANK = re.compile(r"[ \t\r\n]*")
POSITIONS = json.JSONDecoder(parse_int=str, parse_float=str)  # only to see where a value ends
MAX_DEPTH = 60


def edited(data, section, key, value, kind):
    """The bytes of the file with the value at `section`.`key` set; `data` itself if that is so already.

    Raises:
        Refused: the file is no plain JSON, the way leads through something that is no object, or to an object or list.
    """
    way = way_to(section, key)
    refuse_untyped(value, kind)
    text = plain_text(data)
    literal = f'"{value}"' if kind == "string" else value
    if not text:
        return f"{json.dumps(nested(way, json.loads(literal)), indent=2)}\n".encode()
    whole = parsed(text)
    after = spliced(text, whole, way, literal)
    refuse_more(whole, after, way, literal)
    return after.encode()


def parsed(text):
    """What the text says, with numbers as they are written.

    Raises:
        Refused: it is no JSON, has a key twice, or is nested too deeply.
    """
    try:
        whole = json.loads(
            text, object_pairs_hook=once, parse_int=Decimal, parse_float=Decimal, parse_constant=no_constant
        )
    except RecursionError:
        raise Refused("The file is nested too deeply.") from None
    except (ValueError, ArithmeticError) as wrong:
        raise Refused(f"The file is no JSON: {wrong}.") from None
    refuse_deep(whole, MAX_DEPTH)
    return whole


def once(pairs):
    made = dict(pairs)
    if len(made) < len(pairs):
        raise Refused("An object of the file has a key twice; which one counts depends on the reader.")
    return made


def no_constant(name):
    raise Refused(f"The file is no JSON: {name} is no number.")


def refuse_deep(whole, left):
    if left == 0:
        raise Refused(f"The file is nested more than {MAX_DEPTH} levels deep.")
    for inner in whole.values() if isinstance(whole, dict) else whole if isinstance(whole, list) else ():
        refuse_deep(inner, left - 1)


def spliced(text, whole, way, literal):
    """The text with `literal` in the place of the value, or behind the last member of the object that lacks it."""
    start, inside = after_blank(text, 0), whole
    for depth, name in enumerate(way):
        if not isinstance(inside, dict):
            raise Refused(f"{'.'.join(way[:depth]) or 'The top of the file'} is no object.")
        found = members(text, start)
        if name not in inside:
            return added(text, start, found, name, nested_text(way[depth + 1 :], literal))
        start, end = next((first, last) for key, _, _, first, last in found if key == name)
        inside = inside[name]
    if isinstance(inside, (dict, list)):
        raise Refused(f"{'.'.join(way)} is an object or a list, not one value.")
    return text[:start] + literal + text[end:]


def members(text, start):
    """The members of the object at `start`: key, where the key starts and ends, where the value starts and ends."""
    found, at = [], after_blank(text, start + 1)
    while text[at] != "}":
        key, behind = POSITIONS.raw_decode(text, at)
        value = after_blank(text, after_blank(text, behind) + 1)
        end = POSITIONS.raw_decode(text, value)[1]
        found.append((key, at, behind, value, end))
        at = after_blank(text, end)
        at = after_blank(text, at + 1) if text[at] == "," else at
    return found


def added(text, start, found, name, inner):
    """The text with one more member at the end of the object at `start`, in the manner of the one before it."""
    if not found:
        return f'{text[: start + 1]}"{name}": {inner}{text[start + 1 :]}'
    _, at, behind, value, end = found[-1]
    blank = text[len(text[:at].rstrip(" \t\r\n")) : at]
    return f'{text[:end]},{blank}"{name}"{text[behind:value]}{inner}{text[end:]}'


def nested(way, value):
    for name in reversed(way):
        value = {name: value}
    return value


def nested_text(way, literal):
    for name in reversed(way):
        literal = f'{{"{name}": {literal}}}'
    return literal


def after_blank(text, at):
    return BLANK.match(text, at).end()


def refuse_more(whole, after, way, literal):
    """Reads the result again: it must say what the file said, but for the one value."""
    inside = whole
    for name in way[:-1]:
        inside = inside.setdefault(name, {})
    inside[way[-1]] = parsed(literal)
    # as text: to Python True is 1
    if repr(parsed(after)) != repr(whole):
        raise Refused("The edit would change more than the one value.")
