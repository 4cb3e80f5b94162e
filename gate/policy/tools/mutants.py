"""Are the tables any good? Each rule is changed a little, one change at a time, and some case has to notice.

Only changes of meaning are made: a rule is taken out, turned around or made weaker; a comparison is turned around, its
number moved by one, a value of its list left out; a part of `all` or `any` is left out. What surely means the same as
before (`risk >= 0`) is no mutant. Mutants are decided by the plain reference evaluator.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from gate.policy.decision import Fired, combine
from gate.policy.facts import Situation, situation
from gate.policy.language.reference import fired, holds
from gate.policy.language.rule import All, AnyOf, Condition, Leaf, Not, Requirement, Rule, Verdict, condition_json
from gate.policy.rules.boxes import same
from gate.policy.rules.rulebook import Rulebook
from gate.policy.tables.tables import Case, judge

_NOT: Mapping[str, str] = {"eq": "ne", "ne": "eq", "in": "not_in", "not_in": "in"}
_WEAKER = {Verdict.DENY: (Verdict.ALLOW,), Verdict.NEEDS_APPROVAL: (Verdict.ALLOW,), Verdict.ALLOW: (Verdict.DENY,)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A rule as it is not meant; `rule` is None if it was taken out. `what` says what was done to it."""

    original: Rule
    rule: Rule | None
    what: str

    @property
    def shown(self) -> str:
        return f"{self.original.place}: {self.original.id}: {self.what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """How many mutants there were, and those that no case noticed."""

    tried: int
    survivors: tuple[Mutant, ...]


def hunt(book: Rulebook, cases: Iterable[Case]) -> Verdicts:
    """Tries every mutant of every rule. The cases have to pass on the rules as they are.

    Raises:
        ValueError: a case asks what cannot be decided at all.
    """
    known = [_known(book, case) for case in cases]
    found = list(mutants(book))
    survivors = tuple(mutant for mutant in found if not any(_notices(book, mutant, *one) for one in known))
    return Verdicts(tried=len(found), survivors=survivors)


def mutants(book: Rulebook) -> Iterator[Mutant]:
    """Every mutant of every rule, those that the gate makes of windows and limits included."""
    facts = {fact.name: fact for fact in book.facts}
    for rule in book.rules.values():
        yield Mutant(original=rule, rule=None, what="taken out")
        for changed, what in _of_verdict(rule):
            yield Mutant(original=rule, rule=changed, what=what)
        for condition, what in [(Not(rule.when), "turned around"), *_of_condition(rule.when)]:
            if not same(condition, rule.when, facts) and not _counted_already(rule, what):
                yield Mutant(original=rule, rule=replace(rule, when=condition), what=what)


def _counted_already(rule: Rule, what: str) -> bool:
    """What a limit is not asked for it mostly does not count either, so without its scope it often means the same."""
    return rule.id.startswith("limit/") and what.startswith("without ")


def _of_verdict(rule: Rule) -> Iterator[tuple[Rule, str]]:
    if rule.shadow:
        return  # it decides nothing
    for verdict in _WEAKER.get(rule.verdict, ()):
        yield replace(rule, verdict=verdict, requirement=None), f"says {verdict.value} instead of {rule.verdict.value}"
    need = rule.requirement
    if need is not None:
        for weaker, what in _of_requirement(need):
            yield replace(rule, requirement=weaker), what


def _of_requirement(need: Requirement) -> Iterator[tuple[Requirement, str]]:
    yield replace(need, group=f"not-{need.group}"[:63]), f"asks another group than {need.group}"
    yield replace(need, count=need.count + 1), f"asks {need.count + 1} people instead of {need.count}"
    yield replace(need, expires_s=max(1, need.expires_s // 2)), "waits half as long"
    if need.alternatives:
        yield replace(need, alternatives=()), "has no alternative"
    if need.escalate_to is not None:
        yield replace(need, escalate_after_s=None, escalate_to=None), "does not escalate"


def _of_condition(condition: Condition) -> Iterator[tuple[Condition, str]]:
    """The condition with one thing changed, and what that was."""
    match condition:
        case Leaf():
            yield from _of_leaf(condition)
        case Not(inner):
            yield from ((Not(changed), what) for changed, what in _of_condition(inner))
        case All(of) | AnyOf(of):
            kind = All if isinstance(condition, All) else AnyOf
            for number, inner in enumerate(of):
                before, after = of[:number], of[number + 1 :]
                if before or after:
                    yield kind((*before, *after)), f"without {_shown(inner)}"
                for changed, what in _of_condition(inner):
                    yield kind((*before, changed, *after)), what


def _of_leaf(leaf: Leaf) -> Iterator[tuple[Leaf, str]]:
    if leaf.op in _NOT:
        turned = replace(leaf, op=_NOT[leaf.op])  # type: ignore[arg-type]  # the table has operators only
        yield turned, f"{_shown(leaf)} turned around"
    if isinstance(leaf.value, tuple):
        for value in leaf.value if len(leaf.value) > 1 else ():
            left = tuple(one for one in leaf.value if one != value)
            yield replace(leaf, value=left), f"{_shown(leaf)} without {value}"
    elif isinstance(leaf.value, int):
        for value in (leaf.value - 1, leaf.value + 1):
            yield replace(leaf, value=value), f"{_shown(leaf)} with {value}"


def _known(book: Rulebook, case: Case) -> tuple[Case, Situation, Fired]:
    found = situation(book, case.question, case.history, case.at)
    said = {host: tuple(sorted(fired(book.rules.values(), facts))) for host, facts in found.facts.items()}
    return case, found, said


def _notices(book: Rulebook, mutant: Mutant, case: Case, found: Situation, said: Fired) -> bool:
    """Whether the case comes out otherwise than expected, if the mutant stands in the place of its rule."""
    name, changed = mutant.original.id, mutant.rule
    now_said: dict[str, tuple[str, ...]] = {}
    for host, ids in said.items():
        others = tuple(one for one in ids if one != name)
        now_said[host] = (*others, name) if changed and holds(changed.when, found.facts[host]) else others
    if now_said == said and (changed is None or changed.when == mutant.original.when) and name not in _any(said):
        return False
    rules = dict(book.rules) | ({name: changed} if changed else {})
    verdict, _, approvals = combine(rules, now_said, lambda _rule, _host: "")
    return bool(judge(case.expected, verdict, now_said, approvals, found.opens_at))


def _any(said: Fired) -> set[str]:
    return {one for ids in said.values() for one in ids}


def _shown(condition: Condition) -> str:
    return str(condition_json(condition)).replace("'", "")
