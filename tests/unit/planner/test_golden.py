"""The figures of the retrieval planner. `heldout.jsonl` is measured and never tuned on.

Exact: the whole list of action, targets and parameters, or a refusal for one of the reasons given.
Wrong-executable: steps that are not the ones meant. One of them weighs more than any number of refusals.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from planner.catalog import CatalogView
from planner.plan import Plan
from planner.retrieval import RetrievalPlanner

GOLDEN = Path(__file__).parents[2] / "planner_golden"


@dataclass(frozen=True)
class Figures:
    rows: int
    missed: list[str]
    wrong: list[str]

    @property
    def exact(self) -> int:
        return self.rows - len(self.missed)


def rows(half: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (GOLDEN / f"{half}.jsonl").read_text().splitlines()]


def said(plan: Plan) -> list[dict[str, Any]]:
    steps = (step.intent.as_json() for step in plan.steps)
    return [{key: intent[key] for key in ("action", "targets", "parameters")} for intent in steps]


def is_exact(plan: Plan, row: dict[str, Any]) -> bool:
    if "steps" in row:
        return said(plan) == row["steps"]
    return plan.cannot is not None and plan.cannot.reason.value in row["cannot"]


def measure(half: str, catalog: CatalogView) -> Figures:
    missed, wrong = [], []
    for row in rows(half):
        plan = RetrievalPlanner().plan(row["request"], catalog)
        if not is_exact(plan, row):
            missed.append(row["request"])
            if plan.steps:
                wrong.append(row["request"])
    return Figures(rows=len(rows(half)), missed=missed, wrong=wrong)


@pytest.mark.slow
@pytest.mark.parametrize("half", ["dev", "heldout"])
def test_no_plan_is_executable_and_wrong(half: str, catalog: CatalogView) -> None:
    assert measure(half, catalog).wrong == []


@pytest.mark.slow
@pytest.mark.parametrize(("half", "floor"), [("dev", 90), ("heldout", 55)])
def test_the_figures_in_the_documentation_are_reached(half: str, floor: int, catalog: CatalogView) -> None:
    figures = measure(half, catalog)
    assert figures.exact >= floor, figures.missed


@pytest.mark.parametrize("half", ["dev", "heldout"])
def test_each_half_has_refusals_and_requests_of_several_steps(half: str) -> None:
    assert sum("cannot" in row for row in rows(half)) >= 8
    assert sum(len(row.get("steps", [])) > 1 for row in rows(half)) >= 2


def test_no_request_is_in_both_halves() -> None:
    assert not {row["request"] for row in rows("dev")} & {row["request"] for row in rows("heldout")}


@pytest.mark.slow
def test_a_word_that_nothing_explains_stops_every_plan_at_every_place(catalog: CatalogView) -> None:
    """Whatever the word means ("staging", "gracefully", "tomorrow"), it was not understood."""
    escaped = []
    for row in rows("dev"):
        words = row["request"].split()
        for at in range(len(words) + 1) if "steps" in row else ():
            for word in ("zzqx", "not"):
                request = " ".join([*words[:at], word, *words[at:]])
                plan = RetrievalPlanner().plan(request, catalog)
                escaped += [(request, said(plan))] if plan.steps else []
    assert escaped == []


@pytest.mark.slow
def test_without_its_action_no_request_becomes_another_one(raw_catalog: dict[str, Any]) -> None:
    """Takes each action out of the catalog: what asked for it must be refused, not done in another way."""
    escaped = []
    for row in rows("dev") + rows("heldout"):
        for name in {step["action"] for step in row.get("steps", [])}:
            left = [action for action in raw_catalog["actions"] if action["name"] != name]
            plan = RetrievalPlanner().plan(row["request"], CatalogView.parse({**raw_catalog, "actions": left}))
            escaped += [(row["request"], said(plan))] if plan.steps else []
    assert escaped == []


@pytest.mark.slow
def test_without_its_host_no_request_lands_on_another_one(raw_catalog: dict[str, Any]) -> None:
    escaped = []
    for row in rows("dev") + rows("heldout"):
        for name in {target for step in row.get("steps", []) for target in step["targets"]}:
            hosts = [host for host in raw_catalog["hosts"] if host["name"] != name]
            groups = [group for group in raw_catalog["groups"] if group != name]
            plan = RetrievalPlanner().plan(
                row["request"], CatalogView.parse({**raw_catalog, "hosts": hosts, "groups": groups})
            )
            escaped += [(row["request"], said(plan))] if plan.steps else []
    assert escaped == []
