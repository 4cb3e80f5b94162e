"""What the policy is told of an action: the same for a real question and for a case of a table."""

from __future__ import annotations

from gate.catalog.action import Action
from gate.catalog.load import Catalog
from gate.policy.tables.reading import ActionFacts, Actions


def action_facts(action: Action, *, certified: bool = False) -> ActionFacts:
    """What a decision on this action looks at."""
    return ActionFacts(
        risk=action.risk,
        reversibility=action.reversibility,
        check=action.check,
        certified=certified,
        timeout_s=action.timeout_s,
    )


def known_actions(catalog: Catalog) -> Actions:
    """Answers for `catalog: NAME` in tables; None for an action that the catalog does not have.

    A case that wants it certified says so: tables must not fail because an action was edited.
    """
    return {action.name: action_facts(action) for action in catalog.actions}.get
