"""A decision in sentences, for people: what was said and why, and what would have to be different."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from gate.policy.decision import Decision
from gate.policy.language.normal import push_not
from gate.policy.language.predicate import Predicate
from gate.policy.language.reference import holds
from gate.policy.language.rule import All, AnyOf, Condition, Facts, Leaf, Not, Rule, Verdict, leaves
from gate.policy.risk.recipe import Part


def explain(decision: Decision, rules: Sequence[Rule] = ()) -> list[str]:
    """Lines of text. With the rules of the same generation it also says which facts mattered and what is missing.

    The nearest rule is the one that does not deny and has the fewest unmet conditions.
    """
    lines = [f"{_VERDICT[decision.verdict]} (rules {decision.generation[:19]}, {decision.at:%Y-%m-%d %H:%M:%S} UTC)"]
    for reason in decision.reasons:
        where = f" [{', '.join(reason.hosts)}]" if reason.hosts else ""
        lines.append(f"  {reason.verdict.value}: {reason.rule}: {reason.because}{where}")
    if decision.opens_at and decision.verdict is not Verdict.DENY:
        lines.append(f"  waits: until {decision.opens_at:%Y-%m-%d %H:%M} UTC, and is decided again then")
    if decision.frees:
        when = (
            f"from {decision.frees_at:%Y-%m-%d %H:%M:%S} UTC on"
            if decision.frees_at
            else "when others have come to rest"
        )
        lines.append(f"  room: {when}; nothing else is in the way")
    for need in decision.approvals:
        people = "1 person" if need.count == 1 else f"{need.count} people"
        lines.append(f"  needed: {people} of {need.group}, within {need.expires_s // 60} minutes")
    lines += [f"  shadow: {one.rule} would say {one.verdict.value}: {one.because}" for one in decision.shadow]
    for host, facts in decision.facts.items():
        lines += _host_lines(host, facts, decision, rules)
    return lines


_VERDICT = {
    Verdict.ALLOW: "Allowed",
    Verdict.NEEDS_APPROVAL: "Allowed once approved",
    Verdict.DENY: "Denied",
}


def _host_lines(host: str, facts: Facts, decision: Decision, rules: Sequence[Rule]) -> Iterator[str]:
    fired = decision.fired.get(host, ())
    said = [rule for rule in rules if rule.id in fired]
    looked_at = {leaf.fact for rule in said for leaf in leaves(rule.when)} if said else set(facts)
    yield f"  {host}: " + ", ".join(
        f"{decision.asked.get(name, name)}={value}" for name, value in facts.items() if name in looked_at
    )
    if parts := decision.risk.get(host, ())[1:]:
        own = decision.risk[host][0]
        more = "".join(f" {'-' if part.points < 0 else '+'} {abs(part.points)} ({_factor(part)})" for part in parts)
        yield f"    risk: {own.points} of {own.value}{more} = {facts['risk']}"
    for rule in said:
        if rule.verdict is Verdict.DENY and not rule.shadow:
            free = " and ".join(unmet(push_not(rule.when, negate=True), facts))
            yield f"    in the way: {rule.id} ({rule.place}), unless {free}"
    if any(rule.verdict is Verdict.ALLOW and not rule.shadow for rule in said):
        return
    others = (rule for rule in rules if rule.verdict in (Verdict.ALLOW, Verdict.NEEDS_APPROVAL) and not rule.shadow)
    if near := _nearest((rule for rule in others if rule.id not in fired), facts):
        rule, missing = near
        yield f"    nearest: {rule.id} ({rule.place}) would say {rule.verdict.value} if " + " and ".join(missing)


def _factor(part: Part) -> str:
    return f"{part.factor} {part.value}"


def _nearest(rules: Iterable[Rule], facts: Facts) -> tuple[Rule, list[str]] | None:
    near = ((rule, unmet(rule.when, facts)) for rule in rules)
    return min(near, key=lambda pair: (len(pair[1]), pair[0].verdict.strength), default=None)


def unmet(condition: Condition, facts: Facts) -> list[str]:
    """What would have to be different for the condition to hold; empty if it does. Of an `any`, the shortest way."""
    if holds(condition, facts):
        return []
    match condition:
        case All(of):
            return [missing for inner in of for missing in unmet(inner, facts)]
        case AnyOf(of):
            return min((unmet(inner, facts) for inner in of), key=len)
        case Not(inner):
            return [f"not ({_shown(inner)})"]
        case Leaf(asks=Predicate()):
            return [_shown(condition)]
        case Leaf():
            return [f"{_shown(condition)} (it is {facts[condition.fact]})"]


def _shown(condition: Condition) -> str:
    match condition:
        case All(of):
            return " and ".join(_shown(inner) for inner in of)
        case AnyOf(of):
            return " or ".join(_shown(inner) for inner in of)
        case Not(inner):
            return f"not ({_shown(inner)})"
        case Leaf(asks=Predicate() as asks):
            return asks.text if condition.op == "eq" else f"not ({asks.text})"
        case Leaf(fact=fact, op=op, value=tuple() as values):
            return f"{fact} {'is one of' if op == 'in' else 'is none of'} {', '.join(map(str, values))}"
        case Leaf():
            return f"{condition.fact} {_WORDS[condition.op]} {condition.value}"


_WORDS = {"eq": "is", "ne": "is not", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
