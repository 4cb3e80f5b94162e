"""Policies with the real engine, from text, and questions with defaults."""

import dataclasses
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gate.policy.decision import Decision
from gate.policy.policy import Policy
from gate.policy.question import History, Host, Question
from gate.values.actor import Actor

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)  # a Monday


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Callable[..., Policy]]:
    """Loads a policy from the text of rules, windows and limits; all are closed at the end."""
    made: list[Policy] = []

    def of(rules: str, windows: str = "", limits: str = "") -> Policy:
        folder = tmp_path / f"rules{len(made)}"
        folder.mkdir()
        for name, text in (("rules.yml", rules), ("windows.yml", windows), ("limits.yml", limits)):
            (folder / name).write_text(text)
        made.append(Policy.load(folder))
        return made[-1]

    yield of
    for policy in made:
        policy.close()


@pytest.fixture
def ask() -> Callable[..., Decision]:
    """Asks a policy about one host; keywords change the host, the question, the history or the time."""

    def of(policy: Policy, *, history: History | None = None, now: datetime = NOW, **changed: object) -> Decision:
        return policy.decide(question(**changed), history or History(), now)

    return of


def question(**changed: object) -> Question:
    host = Host(name="web-01", groups=frozenset({"web"}), environment="prod", criticality="none")
    fields = {field.name for field in dataclasses.fields(Host)}
    host = dataclasses.replace(host, **{key: value for key, value in changed.items() if key in fields})
    asked = Question(
        action="restart_service",
        risk=30,
        reversibility="full",
        check="full",
        certified=True,
        actor=Actor.parse("agent:planner"),
        hosts=(host,),
    )
    return dataclasses.replace(asked, **{key: value for key, value in changed.items() if key not in fields})
