"""The policy: loaded from a folder, asked one question at a time, closed to trouble."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Self

from gate.policy.decision import ENGINE, REFERENCE, Decision, Fired, Reason, Verdict, combine, denied, shadows
from gate.policy.engine.compile import Compiled, compile_rules
from gate.policy.engine.evaluator import Evaluator
from gate.policy.engine.probe import probes
from gate.policy.facts import Situation, note, situation
from gate.policy.frees import frees
from gate.policy.language.reference import Reference
from gate.policy.language.rule import Facts, Rule
from gate.policy.limits.limit import Limit
from gate.policy.question import History, Lookback, Question
from gate.policy.rules.lint import refuse_silent
from gate.policy.rules.rulebook import Rulebook, read_rulebook
from gate.values.canonical import digest
from gate.values.errors import PolicyError

_log = logging.getLogger(__name__)


class Policy:
    """One generation of rules. Safe to use from several threads; close it at the end."""

    def __init__(self, book: Rulebook, compiled: Compiled, evaluator: Evaluator) -> None:
        self.rules: tuple[Rule, ...] = tuple(book.rules.values())
        self.horizon: timedelta = book.horizon
        self.lookback: Lookback = book.lookback
        self.limits: tuple[Limit, ...] = book.limits
        self.book = book
        self.generation = digest(_identity(book, compiled, evaluator.engine))
        self._book = book
        self._evaluator = evaluator
        self._reference = Reference(self.rules)
        self._lock = threading.Lock()

    @classmethod
    def load(cls, folder: Path) -> Policy:
        """Reads, checks and compiles the rules, starts the engine, and tries every rule on both sides of its edges.

        Raises:
            PolicyError: with file, line, reason and mend. Nothing of an earlier policy is touched.
        """
        book = read_rulebook(folder)
        compiled = compile_rules(book)
        refuse_silent(book)
        evaluator, reference = Evaluator(compiled), Reference(book.rules.values())
        try:
            evaluator.start()
            for facts in probes(book):
                _refuse_difference(evaluator.fired(facts), reference.fired(facts))
        except BaseException:
            evaluator.close()
            raise
        return cls(book, compiled, evaluator)

    def decide(self, question: Question, history: History, now: datetime) -> Decision:
        """The decision. It does not fail: whatever goes wrong is a deny by `gate/engine` or `gate/reference`.

        Raises:
            ValueError: `now` has no zone.
        """
        if now.tzinfo is None:
            raise ValueError("`now` has to be aware")
        hosts = tuple(host.name for host in question.hosts)
        decision = partial(Decision, generation=self.generation, at=now)
        try:
            found = situation(self._book, question, history, now)
            fired = self._ask(found)
            if different := self._difference(found, fired):
                return _stop(decision, denied(REFERENCE, different, hosts), found.facts, fired)
            verdict, reasons, approvals = combine(self._book.rules, fired, partial(self._note, found))
            passes, frees_at = frees(self._book.rules, fired, found.used)
        except Exception as trouble:  # noqa: BLE001 - the one place where anything unexpected becomes a deny
            return _stop(decision, denied(ENGINE, f"This could not be decided: {_short(trouble)}", hosts), {}, {})
        return decision(
            verdict=verdict,
            reasons=reasons,
            approvals=approvals,
            facts=found.facts,
            fired=fired,
            shadow=shadows(self._book.rules, fired),
            asked={asked.name: asked.text for asked in self._book.asked},
            opens_at=found.opens_at,
            risk=found.risk,
            frees=passes,
            frees_at=frees_at,
        )

    def fired(self, facts: Facts) -> tuple[str, ...]:
        """The ids of the rules that match recorded facts of one host, in their order.

        Raises:
            PolicyError: the engine gave no answer, or another one than the reference.
        """
        with self._lock:
            said = self._evaluator.fired(facts)
        _refuse_difference(said, self._reference.fired(facts))
        return tuple(sorted(said))

    def close(self) -> None:
        """Ends the engine."""
        with self._lock:
            self._evaluator.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, found: Situation) -> Fired:
        with self._lock:
            return {host: tuple(sorted(self._evaluator.fired(facts))) for host, facts in found.facts.items()}

    def _difference(self, found: Situation, fired: Fired) -> str:
        for host, facts in found.facts.items():
            expected = tuple(sorted(self._reference.fired(facts)))
            if fired[host] != expected:
                self.close()  # an engine that was wrong once is not asked again
                return f"On {host} the engine says {_ids(fired[host])}, the reference {_ids(expected)}."
        return ""

    def _note(self, found: Situation, rule_id: str, host: str) -> str:
        return note(self._book, rule_id, host, found)


def _stop(decision: Callable[..., Decision], reason: Reason, facts: Mapping[str, Facts], fired: Fired) -> Decision:
    _log.error("%s: %s", reason.rule, reason.because)
    return decision(verdict=Verdict.DENY, reasons=(reason,), approvals=(), facts=facts, fired=fired)


def _identity(book: Rulebook, compiled: Compiled, engine: str) -> dict[str, Any]:
    return {
        "engine": engine,
        "vocabulary": [[fact.name, fact.kind.__name__, list(fact.values)] for fact in book.facts],
        "rules": [rule.as_json() for rule in book.rules.values()],
        "windows": [window.as_json() for window in book.windows],
        "limits": [limit.as_json() for limit in book.limits],
        "risk": book.risk.as_json(),
        "compiled": compiled.as_json(),
    }


def _refuse_difference(engine: frozenset[str], expected: frozenset[str]) -> None:
    if engine != expected:
        raise PolicyError(
            "The engine and the reference disagree on these rules.",
            f"The engine says {_ids(tuple(sorted(engine)))}, the reference {_ids(tuple(sorted(expected)))}.",
            "Keep the earlier rules, and report this: it is a fault of the gate or of the engine.",
        )


def _ids(ids: tuple[str, ...]) -> str:
    return ", ".join(ids) or "nothing"


def _short(trouble: Exception) -> str:
    return f"{type(trouble).__name__}: {trouble}"[:500]
