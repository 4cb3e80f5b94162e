"""Reads comparisons that the engine never sees: of parameters, of lists, and patterns. See `predicate`."""

from __future__ import annotations

import re

from gate.policy.language.pattern import MAX_PATTERN
from gate.policy.language.predicate import COMPARE, OF_MEMBERS, ORDER, PATTERNS, Comparison, Predicate
from gate.policy.language.source import Item, did_you_mean
from gate.policy.language.vocabulary import YES_NO, Value, Vocabulary

LISTS = ("groups", "tags")
_PARAMETER = re.compile(r"param(?:\.[a-z][a-z0-9_]{0,63})?\.[A-Za-z_][A-Za-z0-9_]{0,62}")
_OF_PARAMETERS = (*COMPARE, *PATTERNS, *OF_MEMBERS, "count", "absent")


def read_predicate(name: str, item: Item, vocabulary: Vocabulary) -> Predicate | None:
    """The predicate that `name: item` writes down; None if it is a plain comparison of a fact of the engine.

    Raises:
        PolicyError: with the place, the reason and the mend.
    """
    if name in LISTS:
        return Predicate(subject=name, test=_comparison(item, (*OF_MEMBERS, "count"), texts=True))
    if name.startswith("param."):
        if _PARAMETER.fullmatch(name) is None:
            raise item.error(
                f"{name!r} names no parameter.",
                "A parameter is asked for as param.NAME, or as param.ACTION.NAME.",
                "Mend the name: `gate catalog show ACTION` lists them.",
            )
        return Predicate(subject=name, test=_comparison(item, _OF_PARAMETERS))
    fact = vocabulary.find(name)
    if fact and fact.is_free_text and isinstance(item.value, dict) and item.value.keys() & PATTERNS.keys():
        return Predicate(subject=name, test=_comparison(item, tuple(PATTERNS)))
    return None


def _comparison(item: Item, known: tuple[str, ...], *, texts: bool = False) -> Comparison:
    if not isinstance(item.value, dict):
        if "eq" not in known:
            raise item.error(
                "A list is compared with one value.",
                "Whether some or every member is meant is not clear.",
                f"Write one of {', '.join(known)}: for example `{{{known[0]}: ...}}`.",
            )
        return Comparison(op="eq", value=_value(item, texts=texts))
    if len(item.value) != 1:
        raise item.error(f"This is compared {len(item.value)} times.", "One is taken.", "Write `all: [..., ...]`.")
    ((op, inner),) = item.value.items()
    if op not in known:
        raise inner.error(
            f"There is no comparison {op!r} here.",
            f"It can be {', '.join(known)}.",
            f"Write {did_you_mean(op, list(known))}.",
        )
    return Comparison(op=op, value=_operand(op, inner, texts=texts))


def _operand(op: str, item: Item, *, texts: bool) -> Value | tuple[Value, ...] | Comparison:
    if op in PATTERNS:
        return _pattern(op, item)
    if op in ORDER:
        return _number(op, item)
    if op == "absent":
        return item.choice("`absent`", YES_NO)
    if op == "count":
        found = _comparison(item, ("eq", "ne", *ORDER))
        _number("count", item if not isinstance(item.value, dict) else next(iter(item.value.values())))
        return found
    if op in OF_MEMBERS:
        return _comparison(
            item,
            ("eq", *(one for one in COMPARE if one != "eq" and not (texts and one in ORDER)), *PATTERNS),
            texts=texts,
        )
    if op in ("in", "not_in"):
        return _values(item, texts=texts)
    return _value(item, texts=texts)


def _pattern(op: str, item: Item) -> str:
    text = item.text(f"`{op}`")
    try:
        PATTERNS[op](text)
    except ValueError as wrong:
        raise item.error(
            f"{text[:MAX_PATTERN]!r} cannot be matched.",
            f"{wrong}.",
            "docs/reference/rules.md says what patterns can have.",
        ) from None
    return text


def _number(op: str, item: Item) -> int:
    if isinstance(item.value, int):
        return item.value
    raise item.error(f"`{op}` compares with {item.kind()}.", "It is about whole numbers.", "Write one, unquoted.")


def _values(item: Item, *, texts: bool) -> tuple[Value, ...]:
    found = tuple(dict.fromkeys(_value(inner, texts=texts) for inner in item.items("The list of values")))
    if not found:
        raise item.error("The list of values is empty.", "Nothing is in an empty list.", "Name a value.")
    if len({type(value) for value in found}) > 1:
        raise item.error("The list has text and numbers.", "A value is one or the other.", "Quote the numbers.")
    return found


def _value(item: Item, *, texts: bool) -> Value:
    if isinstance(item.value, str) or (isinstance(item.value, int) and not texts):
        return item.value
    wanted = "text" if texts else "text or a whole number"
    raise item.error(f"This is compared with {item.kind()}.", f"It is compared with {wanted}.", "Write one value.")
