"""Are the recorded decisions what those rules say of those facts? Every one is made again, and has to agree exactly.

The rules come from the archive, the facts from the ledger, and the answer from the engine and the reference both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from gate.policy.decision import Decision, combine, shadows
from gate.policy.language.rule import Facts, Verdict
from gate.policy.policy import Policy
from gate.policy.risk.recipe import total
from gate.policy.tools.recorded import Record
from gate.values.errors import GateError

Loader = Callable[[str], Policy]  # the policy of an archived generation; GateError if there is none


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """Entry `seq` of the ledger, about `change_id`, and what is not as recorded."""

    seq: int
    change_id: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """How many agreed, how many were denied because the engine could not be asked, and all that does not agree."""

    agreed: int
    not_by_rules: int
    disagreements: tuple[Disagreement, ...]


def replay(records: Iterable[Record], load: Loader) -> Replay:
    """Makes every recorded decision again. `load` is asked once a generation; what it returns is closed."""
    agreed = by_gate = 0
    found: list[Disagreement] = []
    policies: dict[str, Policy | GateError] = {}
    try:
        for record in records:
            wrong = list(_compare(record, _policy(record.decision.generation, policies, load)))
            found += [Disagreement(seq=record.seq, change_id=record.change_id, what=what) for what in wrong]
            by_gate += not wrong and not record.by_rules
            agreed += not wrong and record.by_rules
    finally:
        for policy in policies.values():
            if isinstance(policy, Policy):
                policy.close()
    return Replay(agreed=agreed, not_by_rules=by_gate, disagreements=tuple(found))


def _policy(generation: str, known: dict[str, Policy | GateError], load: Loader) -> Policy | GateError:
    if generation not in known:
        try:
            known[generation] = load(generation)
        except GateError as wrong:
            known[generation] = wrong
    return known[generation]


def _compare(record: Record, policy: Policy | GateError) -> Iterator[str]:
    """What does not agree, in words."""
    decision = record.decision
    if not record.by_rules:
        if decision.verdict is not Verdict.DENY:
            yield f"the engine could not be asked, and yet it says {decision.verdict.value}"
        return
    if isinstance(policy, GateError):
        yield f"its generation {decision.generation[:19]} cannot be had: {policy.what} {policy.why}"
        return
    if policy.generation != decision.generation:
        yield (
            f"the archived rules are generation {policy.generation[:19]} to this gate and its engine, "
            f"not {decision.generation[:19]}"
        )
        return
    if strange := [host for host, facts in decision.facts.items() if not _are_of(policy, facts)]:
        yield f"the facts of {', '.join(strange)} are not those of its vocabulary"
        return
    try:
        fired = {host: policy.fired(facts) for host, facts in decision.facts.items()}
    except GateError as wrong:
        yield f"its facts cannot be decided: {wrong}"
        return
    yield from _differences(decision, policy, fired)


def _are_of(policy: Policy, facts: Facts) -> bool:
    """Whether these are all facts of the vocabulary, each of its type, and no others."""
    kinds = {fact.name: fact.kind for fact in policy.book.facts}
    return {name: type(value) for name, value in facts.items()} == kinds


def _differences(decision: Decision, policy: Policy, fired: dict[str, tuple[str, ...]]) -> Iterator[str]:
    for host, ids in fired.items():
        if ids != decision.fired.get(host):
            said = ", ".join(decision.fired.get(host, ())) or "nothing"
            yield f"on {host} it says that {said} fired, but {', '.join(ids) or 'nothing'} does"
    verdict, reasons, approvals = combine(policy.book.rules, fired, lambda _rule, _host: "")
    if verdict is not decision.verdict:
        yield f"it says {decision.verdict.value}, but the rules say {verdict.value}"
    if approvals != decision.approvals:
        yield "it asks for other approvals than the rules do"
    if {(one.rule, host) for one in reasons for host in one.hosts} != {
        (one.rule, host) for one in decision.reasons for host in one.hosts
    }:
        yield "it names other reasons than the rules do"
    yield from _other_words(decision, policy)
    if shadows(policy.book.rules, fired) != decision.shadow:
        yield "it says something else of the rules that only report"
    told = {host: facts.get("risk") for host, facts in decision.facts.items()}
    if wrong := [host for host, parts in decision.risk.items() if total(parts) != told.get(host)]:
        yield f"the parts of the risk of {', '.join(wrong)} are not its sum"


def _other_words(decision: Decision, policy: Policy) -> Iterator[str]:
    """A reason may end with how it stood at the time, but has to begin as the rule does; a question is as it was."""
    rules = policy.book.rules
    for reason in decision.reasons:
        if reason.rule in rules and not reason.because.startswith(rules[reason.rule].because):
            yield f"the reason of {reason.rule} is not what the rule says"
    words = {asked.name: asked.text for asked in policy.book.asked}
    if any(words.get(name) != text for name, text in decision.asked.items()):
        yield "it asks in other words than the rules do"
