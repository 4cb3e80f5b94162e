"""The card that a person sees before a yes: what, where, who, why, which rules, what would change, how it is undone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from gate.approval import store as approvals
from gate.approval.quorum import Need
from gate.catalog.action import Action
from gate.changes import store
from gate.changes.model import Change
from gate.execution.outcome import Outcome
from gate.flow import previewed, runs
from gate.flow.approve import still_needed
from gate.flow.expire import expires_at
from gate.flow.ports import Site
from gate.values.errors import CatalogError


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """Everything that one screen shows of a change. `preview` is None until it is made."""

    change: dict[str, Any]
    binding: str
    summary: str
    parameters: Mapping[str, Any]
    reversibility: str
    undo: str
    check: str
    preview: dict[str, Any] | None
    preview_state: str
    preview_at: str  # when it was seen; empty without one
    given: list[dict[str, Any]]
    missing: list[dict[str, Any]]
    expires_at: str
    evidence: Mapping[str, Any]  # of the original, when this is an undo

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def card(site: Site, change_id: str) -> Card:
    """The card of a change.

    Raises:
        NotFoundError: no such change.
    """
    now = site.clock.now()
    with site.database.read() as connection:
        change = store.get(connection, change_id)
        given = approvals.of_change(connection, change.id)
        seen = previewed.latest(connection, change.id)
        shown = seen if seen and seen.data["preview"] == change.preview else None
        checks = [run for run in runs.of_change(connection, change.id) if shown and run.id == shown.data["run"]]
        evidence = runs.evidence_of(connection, change.undo_of) if change.undo_of else {}
        left = still_needed(connection, change, now)
    action = _action(site, change)
    return Card(
        change=change.as_json(),
        binding=change.binding,
        summary=action.summary if action else "This action is no longer in the catalog.",
        parameters=change.parameters,
        reversibility=action.reversibility if action else "none",
        undo=_undo(change, action),
        check=action.check if action else "none",
        preview=_preview(checks[-1].outcome if checks else None),
        preview_state=_preview_state(change),
        preview_at=str(shown.data.get("made_at", shown.at)) if shown else "",
        given=[
            {
                "approver": str(one.approver),
                "at": one.at.isoformat(),
                "comment": one.comment,
                "counts": one.binding == change.binding and now < one.expires_at,
            }
            for one in given
        ],
        missing=[{"group": need.group, "count": need.count} | _others(need, now) for need in left],
        expires_at=_iso(expires_at(change)),
        evidence=evidence,
    )


def _others(need: Need, now: datetime) -> dict[str, Any]:
    others = need.options(now)[1:]
    return {"or": [{"group": group, "count": count} for group, count in others]} if others else {}


def _action(site: Site, change: Change) -> Action | None:
    try:
        return site.catalog().get(change.intent.action)
    except CatalogError:
        return None


def _undo(change: Change, action: Action | None) -> str:
    if change.undo_of is not None:
        return f"It is an undo: it restores what {change.undo_of} recorded. It cannot be undone itself."
    if action is None or action.reversibility == "none":
        return "It cannot be undone."
    automatic = " By itself if it fails." if action.on_failure == "undo" else ""
    return f"gate undo {change.id}, for {action.undo_window.days} days, from recorded evidence.{automatic}"


def _preview_state(change: Change) -> str:
    if change.preview is None:
        return "being made"
    return change.preview if change.preview in {"none", "failed"} else "made"


def _preview(outcome: Outcome | None) -> dict[str, Any] | None:
    if outcome is None:
        return None
    shown = outcome.as_json()
    return {name: shown[name] for name in ("status", "hosts", "diff", "note")}


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
