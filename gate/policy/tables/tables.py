"""Table tests: what a case asks, what it expects, and whether a decision is what was expected.

`rules/tests/*.yml` are read by `reading`. A case is complete: it looks at no inventory, no clock and no ledger, so
that it says the same on every machine and at every time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gate.policy.decision import Decision, Fired
from gate.policy.language.rule import Requirement, Verdict
from gate.policy.policy import Policy
from gate.policy.question import History, Question
from gate.values.clock import stamp
from gate.values.errors import PolicyError


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The verdict; rules that have to fire, and that must not; None: whatever it is.

    Each approval is a map with the keys of `Requirement.as_json` that matter, and `opens_at` is a time or `never`.
    """

    verdict: Verdict
    rules: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    approvals: tuple[Mapping[str, Any], ...] | None = None
    opens_at: datetime | str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One line of a table. `place` is `file:line`."""

    name: str
    place: str
    question: Question
    history: History
    at: datetime
    expected: Expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A case, the decision, and in words what is not as expected; nothing, if it passes."""

    case: Case
    decision: Decision
    wrong: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "case": self.case.name,
            "place": self.case.place,
            "verdict": self.decision.verdict.value,
            "rules": sorted(_all_of(self.decision.fired)),
            "wrong": list(self.wrong),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All results, and the rules that no case fires."""

    results: tuple[Result, ...]
    uncovered: tuple[str, ...]

    @property
    def failed(self) -> tuple[Result, ...]:
        return tuple(result for result in self.results if result.wrong)


def run_tables(policy: Policy, cases: Iterable[Case]) -> Report:
    """Asks the policy, with its real engine, every case."""
    results = tuple(_run(policy, case) for case in cases)
    fired = {rule for result in results for rule in _all_of(result.decision.fired)}
    return Report(results=results, uncovered=tuple(rule.id for rule in policy.rules if rule.id not in fired))


def refuse_failing(policy: Policy, cases: Iterable[Case]) -> None:
    """Refuses rules that do not pass their own tests.

    Raises:
        PolicyError: naming the first case that fails, and how many do.
    """
    failed = run_tables(policy, cases).failed
    if failed:
        first, others = failed[0], f", and {len(failed) - 1} others" if failed[1:] else ""
        raise PolicyError(
            f"{first.case.place}: the rules fail their own test {first.case.name!r}{others}.",
            f"{first.wrong[0]}.",
            "Mend the rule, or the case if it is no longer meant: gate policy test",
        )


def judge(
    expected: Expected,
    verdict: Verdict,
    fired: Fired,
    approvals: Iterable[Requirement],
    opens_at: datetime | None,
) -> tuple[str, ...]:
    """In words what is not as expected."""
    said = _all_of(fired)
    found = []
    if verdict is not expected.verdict:
        found.append(
            f"it is {verdict.value} instead of {expected.verdict.value}, by {', '.join(sorted(said)) or 'no rule'}"
        )
    found += [f"{rule} did not fire" for rule in expected.rules if rule not in said]
    found += [f"{rule} fired" for rule in expected.silent if rule in said]
    found += _wrong_approvals(expected.approvals, [one.as_json() for one in approvals])
    if expected.opens_at is not None and _opening(opens_at) != _opening(expected.opens_at):
        found.append(f"it opens at {_opening(opens_at)} instead of {_opening(expected.opens_at)}")
    return tuple(found)


def _run(policy: Policy, case: Case) -> Result:
    decision = policy.decide(case.question, case.history, case.at)
    wrong = judge(case.expected, decision.verdict, decision.fired, decision.approvals, decision.opens_at)
    trouble = tuple(f"{one.because}" for one in decision.reasons if one.rule in ("gate/engine", "gate/reference"))
    return Result(case=case, decision=decision, wrong=wrong + trouble)


def _wrong_approvals(expected: tuple[Mapping[str, Any], ...] | None, actual: list[dict[str, Any]]) -> list[str]:
    if expected is None:
        return []
    left = list(actual)
    missing = []
    for wanted in expected:
        match = next((one for one in left if all(one.get(key) == value for key, value in wanted.items())), None)
        if match is None:
            missing.append(wanted)
        else:
            left.remove(match)
    return [f"no approval is {dict(wanted)}" for wanted in missing] + [f"an approval is {one}" for one in left]


def _opening(at: datetime | str | None) -> str:
    return "never" if at is None else at if isinstance(at, str) else stamp(at)


def _all_of(fired: Fired) -> frozenset[str]:
    return frozenset(rule for ids in fired.values() for rule in ids)
