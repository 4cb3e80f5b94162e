"""Where the commands get rules, parameters and past decisions from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gate.values.clock import duration
from gate.values.errors import GateError

if TYPE_CHECKING:
    from gate.catalog.load import Catalog
    from gate.policy.language.rule import Rule
    from gate.policy.rules.lint import Parameters
    from gate.policy.rules.rulebook import Rulebook
    from gate.policy.tools.recorded import Record


def parameters_of(catalog: Catalog) -> Parameters:
    """What the catalog knows of the parameters of its actions."""
    from gate.policy.language.predicate import Parameter

    return {
        action.name: {
            name: Parameter(
                kind=option.type,
                elements=option.elements or "",
                choices=option.choices,
                low=option.min,
                high=option.max,
                meaning=option.description,
            )
            for name, option in action.parameters.options.items()
        }
        for action in catalog.actions
    }


def rules_folder(gate: Any, name: str) -> Path:
    """A folder of rules by its path, or an archived generation by the beginning of its digest."""
    path = Path(name)
    if path.is_dir():
        return path
    folder: Path = gate.archive.get(name).folder
    return folder


def rules_of_generation(gate: Any, generation: str) -> tuple[Rule, ...]:
    """The rules of a generation, from the archive; none if it is not there."""
    from gate.policy.rules.rulebook import read_rulebook

    if gate.policy.generation == generation:
        rules: tuple[Rule, ...] = gate.policy.rules
        return rules
    try:
        return tuple(read_rulebook(gate.archive.get(generation).folder).rules.values())
    except GateError:
        return ()


def books(gate: Any) -> Mapping[str, Rulebook]:
    """The rulebook of every archived generation that can still be read."""
    from gate.policy.rules.rulebook import read_rulebook

    found: dict[str, Rulebook] = {}
    for kept in gate.archive.all():
        try:
            found[kept.generation] = read_rulebook(gate.archive.get(kept.generation).folder)
        except GateError:
            continue
    return found


def past_decisions(gate: Any, since: str | None) -> list[Record]:
    """The decisions on the ledger, the oldest first. `since` is a duration, as 30d; None means all."""
    from gate.ledger import store
    from gate.ledger.entry import Entry
    from gate.policy.tools.recorded import records

    after: datetime | None = gate.clock.now() - duration(since) if since else None
    with gate.database.read() as connection:
        entries: Iterator[Entry] = (Entry.parse(body) for _, body, _ in store.bodies(connection))
        return [record for record in records(entries) if after is None or record.at >= after]
