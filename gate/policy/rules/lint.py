"""What is wrong with rules although they can be read: what can never match, and what can never have an effect.

An error is a rule that would be silent for ever, and so deny nothing or allow nothing: such rules are refused. A
warning is something that is probably not meant.
"""

from __future__ import annotations

import difflib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from gate.policy.language.predicate import ORDER, PATTERNS, Comparison, Parameter, Predicate
from gate.policy.language.rule import Rule, Verdict, condition_json, leaves
from gate.policy.language.vocabulary import Fact
from gate.policy.rules.boxes import Box, Texts, boxes, empty_fact, within
from gate.policy.rules.finding import Finding
from gate.policy.rules.members import Members, unknown_members
from gate.policy.rules.rulebook import Rulebook
from gate.values.errors import PolicyError

Parameters = Mapping[str, Mapping[str, Parameter]]  # action -> name -> what is known of it
_KINDS = {"int": "number", "float": "number", "bool": "yes or no", "list": "list", "dict": "map"}


def lint(book: Rulebook, parameters: Parameters | None = None, members: Members | None = None) -> list[Finding]:
    """All findings, errors first. With the parameters of the site's actions, and the groups and tags of its hosts, what
    rules ask of these is checked, too.
    """
    facts = {fact.name: fact for fact in book.facts}
    ways = {rule.id: boxes(rule.when, facts) for rule in book.rules.values()}
    found = [*_never(book.rules.values(), ways), *_without_effect(book.rules.values(), ways, facts)]
    if parameters is not None:
        found += _foreign_parameters(book.rules.values(), parameters)
    if members is not None:
        found += unknown_members(book, members)
    return sorted(found, key=lambda one: one.severity)


def refuse_silent(book: Rulebook) -> None:
    """Refuses rules of which one can never match.

    Raises:
        PolicyError: with file, line, reason and mend.
    """
    facts = {fact.name: fact for fact in book.facts}
    for rule in book.rules.values():
        for finding in _never([rule], {rule.id: boxes(rule.when, facts)}):
            if finding.severity == "error":
                raise PolicyError(f"{finding.place}: {finding.what}", finding.why, finding.fix)


def _never(rules: Iterable[Rule], ways: Mapping[str, list[Box]]) -> Iterator[Finding]:
    for rule in rules:
        impossible = [fact for fact in map(empty_fact, ways[rule.id]) if fact]
        if not impossible or "/" in rule.id:
            continue
        asks = {leaf.asks.name: leaf.asks.text for leaf in leaves(rule.when) if leaf.asks}
        fact = asks.get(impossible[0], impossible[0])
        never = len(impossible) == len(ways[rule.id])
        yield Finding(
            severity="error" if never else "warning",
            place=rule.place,
            rule=rule.id,
            what=f"The rule {rule.id!r} can never match."
            if never
            else f"The rule {rule.id!r} cannot match in {len(impossible)} of the {len(ways[rule.id])} ways it says.",
            why=f"No value of {fact} is left: {_wanted(rule, impossible[0])}.",
            fix="Mend the values, or write `any` where one of them is enough.",
        )


def _wanted(rule: Rule, fact: str) -> str:
    subject = fact.partition(" (")[0]
    asked = [leaf for leaf in leaves(rule.when) if leaf.fact == fact or (leaf.asks and leaf.asks.subject == subject)]
    shown = "; ".join(str(condition_json(leaf)) for leaf in asked)
    return f"it would have to be {shown}" if len(asked) > 1 else f"it is never {shown}"


def _without_effect(
    rules: Iterable[Rule], ways: Mapping[str, list[Box]], facts: Mapping[str, Fact]
) -> Iterator[Finding]:
    """Rules that never decide anything, because a stronger one always does."""
    rules = [rule for rule in rules if not rule.shadow]
    strong = _Finder([rule for rule in rules if rule.verdict in (Verdict.DENY, Verdict.NEEDS_APPROVAL)], ways)
    for rule in rules:
        possible = [box for box in ways[rule.id] if not empty_fact(box)]
        if "/" in rule.id or rule.verdict is Verdict.DENY or not possible:
            continue
        near = (one for one in strong.around(possible[0]) if one.verdict.strength > rule.verdict.strength)
        over = next((one for one in near if _covers(ways[one.id], possible, facts)), None)
        if over is not None:
            yield Finding(
                severity="warning",
                place=rule.place,
                rule=rule.id,
                what=f"The rule {rule.id!r} never decides anything.",
                why=f"Wherever it matches, {over.id!r} ({over.place}) matches too and says {over.verdict.value}.",
                fix="Narrow the one, or take out the other.",
            )


def _covers(outer: list[Box], inner: list[Box], facts: Mapping[str, Fact]) -> bool:
    return all(any(within(box, other, facts) for other in outer) for box in inner)


class _Finder:
    """Finds the rules that could cover a box, without a look at all of them: by a text that both ask for."""

    def __init__(self, rules: Sequence[Rule], ways: Mapping[str, list[Box]]) -> None:
        self._of_text: dict[tuple[str, str], list[Rule]] = defaultdict(list)
        self._others: list[Rule] = []
        values = {pair for rule in rules for box in ways[rule.id] for pair in _texts(box)}
        variety = Counter(name for name, _ in values)
        for rule in rules:
            for box in ways[rule.id]:
                name, texts = max(_texts(box), key=lambda pair: variety[pair[0]], default=("", frozenset()))
                if not texts:
                    self._others.append(rule)
                for text in texts:
                    self._of_text[name, text].append(rule)

    def around(self, box: Box) -> Iterator[Rule]:
        """Every rule that covers the box, and some that do not."""
        for name, texts in _texts(box):
            yield from self._of_text.get((name, min(texts)), ())
        yield from self._others


def _texts(box: Box) -> list[tuple[str, frozenset[str]]]:
    return [(name, one.named) for name, one in box.items() if isinstance(one, Texts) and one.named and not one.all_but]


def _foreign_parameters(rules: Iterable[Rule], parameters: Parameters) -> Iterator[Finding]:
    for rule in rules:
        for leaf in leaves(rule.when):
            if leaf.asks is not None and leaf.asks.subject.startswith("param."):
                yield from _check_parameter(rule, leaf.asks, parameters)


def _check_parameter(rule: Rule, asked: Predicate, parameters: Parameters) -> Iterator[Finding]:
    _, *action, name = asked.subject.split(".")
    among = {one: parameters.get(one, {}) for one in action} if action else parameters
    having = {one: known[name] for one, known in among.items() if name in known}
    if not having:
        names = sorted({f"param.{name}" for known in parameters.values() for name in known})
        near = difflib.get_close_matches(asked.subject, names, 1)
        yield _error(
            rule,
            f"No action has the parameter that {asked.subject!r} asks for.",
            "The question would always be answered with no.",
            f"Write {near[0]}." if near else "`gate policy vocabulary` lists the parameters of this site.",
        )
    for one, known in having.items():
        if wrong := _mismatch(asked.test, known):
            yield _error(
                rule,
                f"{asked.subject!r} asks of {one} what cannot be: whether {asked.text}.",
                f"{wrong}, so that every change of {one} would be denied or pass unseen.",
                f"Mend the value; if another action is meant, write param.ACTION.{name}.",
            )


def _mismatch(test: Comparison, known: Parameter) -> str:
    """Why the comparison does not fit the parameter; empty if it does."""
    kind = _KINDS.get(known.kind, "text")
    if test.op == "absent":
        return ""
    if isinstance(test.value, Comparison):
        if kind != "list":
            return f"The parameter is a {kind}, and {test.op} is for lists"
        member = Parameter(kind=known.elements or "str", choices=known.choices, low=known.low, high=known.high)
        return "" if test.op == "count" else _mismatch(test.value, member)
    if test.op in PATTERNS:
        return "" if kind == "text" else f"The parameter is a {kind}, and patterns are for text"
    return _mismatch_of_value(test, known, kind)


def _mismatch_of_value(test: Comparison, known: Parameter, kind: str) -> str:
    many = test.value if isinstance(test.value, tuple) else (test.value,)
    if test.op in ORDER:
        return (
            _beyond(test, known) if kind == "number" else f"The parameter is a {kind}, and an order is one of numbers"
        )
    wanted = {"number": int, "text": str, "yes or no": str}.get(kind)
    for value in many:
        if wanted is None or not isinstance(value, wanted):
            return f"The parameter is a {kind}, and {value!r} is none"
        if kind == "yes or no" and value not in ("yes", "no", "true", "false"):
            return f"The parameter is yes or no, and never {value!r}"
        if known.choices and value not in known.choices:
            return f"The parameter is one of {', '.join(map(str, known.choices))}, and never {value!r}"
        if isinstance(value, int) and (_less(value, known.low) or _less(known.high, value)):
            return f"The parameter is between {known.low} and {known.high}, and never {value}"
    return ""


def _beyond(test: Comparison, known: Parameter) -> str:
    value = test.value if isinstance(test.value, int) else 0
    never = {
        "lt": known.low is not None and value <= known.low,
        "le": _less(value, known.low),
        "gt": known.high is not None and value >= known.high,
        "ge": _less(known.high, value),
    }
    return f"The parameter is between {known.low} and {known.high}" if never[test.op] else ""


def _less(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and one < other


def _error(rule: Rule, what: str, why: str, fix: str) -> Finding:
    return Finding(severity="error", place=rule.place, rule=rule.id, what=what, why=why, fix=fix)
