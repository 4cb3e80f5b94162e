"""The planner: from a sentence to a plan of intents. Untrusted by construction; the gate checks everything again.

- It sees the catalog as data and answers with data. It holds no credential but one that may propose.
- Never half a plan: a request that is not understood whole is refused, with the reason.
- `planner.propose.propose` hands a plan to the gate. Nothing else here has an effect.
- Importing this package, or using `RetrievalPlanner`, loads no model library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from planner.catalog import CatalogView
    from planner.model import ChatModelPlanner
    from planner.plan import CannotDo, Plan, Planner, Step
    from planner.retrieval import RetrievalPlanner

__all__ = ["CannotDo", "CatalogView", "ChatModelPlanner", "Plan", "Planner", "RetrievalPlanner", "Step"]

_HOMES = {
    "CannotDo": "planner.plan",
    "CatalogView": "planner.catalog",
    "ChatModelPlanner": "planner.model",
    "Plan": "planner.plan",
    "Planner": "planner.plan",
    "RetrievalPlanner": "planner.retrieval",
    "Step": "planner.plan",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'planner' has no attribute {name!r}")
