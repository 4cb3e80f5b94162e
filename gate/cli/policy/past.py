"""`gate policy backtest, diff, replay`: what other rules would have said, and whether the record is what rules said."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gate.cli.output import say, show, talk, with_output
from gate.cli.policy.sources import books, past_decisions, rules_folder
from gate.values.clock import duration
from gate.values.errors import Exit

if TYPE_CHECKING:
    from gate.policy.tools.outcome import Difference, Undecided

_EXAMPLES = 10


def _a_duration(_ctx: click.Context, _param: click.Parameter, text: str | None) -> str | None:
    try:
        if text is not None:
            duration(text)
    except ValueError as wrong:
        raise click.BadParameter(f"{wrong}.") from None
    return text


_SINCE = click.option(
    "--since", metavar="DURATION", callback=_a_duration, help="Only decisions of the last 30d, say. Left out: all."
)


@click.command()
@click.argument("candidate", type=click.Path(exists=True, file_okay=False, path_type=Path))
@_SINCE
@click.option("--fail-on-looser", is_flag=True, help="Exit with 1 if anything would become more permissive.")
@with_output
@click.pass_context
def backtest(ctx: click.Context, candidate: Path, since: str | None, fail_on_looser: bool, output: str) -> None:  # noqa: FBT001
    """Decide what was decided here again, by the rules in the folder CANDIDATE; what would be let through first."""
    from gate.policy.policy import Policy
    from gate.policy.tools.backtest import backtest as run

    with Policy.load(candidate) as loaded, ctx.obj(works=False) as gate:
        result = run(loaded.book, past_decisions(gate, since), books(gate))
    answer = {
        "compared": result.compared,
        "looser": len(result.looser),
        "differences": [one.as_json() for one in result.differences],
        "undecided": [_undecided(one) for one in result.undecided],
    }

    def tell() -> None:
        say(f"{result.compared} decisions compared, {len(result.differences)} would be different")
        _tell_differences(result.differences)
        _tell_undecided(result.undecided)

    show(output, answer, tell)
    if fail_on_looser and result.looser:
        talk(f"{len(result.looser)} past decisions would be more permissive.")
        sys.exit(Exit.FAILED)


@click.command()
@click.argument("old")
@click.argument("new")
@_SINCE
@with_output
@click.pass_context
def diff(ctx: click.Context, old: str, new: str, since: str | None, output: str) -> None:
    """What is different between OLD and NEW rules: in the rules, in the cases of their tables, in past decisions.

    Each is a folder, or a generation by the beginning of its digest.
    """
    from gate.policy.rules.rulebook import read_rulebook
    from gate.policy.tables.reading import read_tables
    from gate.policy.tools import difference

    with ctx.obj(works=False) as gate:
        folders = [rules_folder(gate, name) for name in (old, new)]
        before, after = (read_rulebook(folder) for folder in folders)
        tables = {case.name: case for folder in folders for case in read_tables(folder / "tests", gate.action_facts)}
        edits = difference.edits(before, after)
        cases = difference.case_changes(before, after, tables.values())
        past, undecided = difference.past_changes(before, after, past_decisions(gate, since), books(gate))
    answer: dict[str, Any] = {
        "edits": [one.as_json() for one in edits],
        "cases": [{"case": one.case.name, "was": one.was.shown, "now": one.now.shown} for one in cases],
        "decisions": [one.as_json() for one in past],
        "undecided": [_undecided(one) for one in undecided],
    }

    def tell() -> None:
        for edit in edits:
            say(f"{edit.how:9} {edit.kind} {edit.name}")
        say(f"{len(cases)} cases come out otherwise")
        for one in cases:
            say(f"    {one.case.place}: {one.case.name}: {one.was.shown} -> {one.now.shown}")
        say(f"{len(past)} past decisions would be different")
        _tell_differences(past)
        _tell_undecided(undecided)

    show(output, answer, tell)


@click.command()
@_SINCE
@with_output
@click.pass_context
def replay(ctx: click.Context, since: str | None, output: str) -> None:
    """Decide every decision of the ledger again, by its archived rules: each has to agree exactly."""
    from gate.policy.policy import Policy
    from gate.policy.tools.replay import replay as run

    with ctx.obj(works=False) as gate:
        found = run(past_decisions(gate, since), lambda generation: Policy.load(gate.archive.get(generation).folder))
    answer = {
        "agreed": found.agreed,
        "not_by_rules": found.not_by_rules,
        "disagreements": [{"entry": one.seq, "change": one.change_id, "what": one.what} for one in found.disagreements],
    }

    def tell() -> None:
        for one in found.disagreements:
            say(f"entry {one.seq} ({one.change_id}): {one.what}")
        say(f"{found.agreed} decisions agree, {len(found.disagreements)} do not")
        if found.not_by_rules:
            say(f"{found.not_by_rules} more were denied because the engine could not be asked")

    show(output, answer, tell)
    if found.disagreements:
        sys.exit(Exit.TAMPERED)


def _tell_differences(differences: Sequence[Difference]) -> None:
    counts = Counter((one.looser, one.step) for one in differences)
    for (looser, step), count in sorted(counts.items(), key=lambda item: not item[0][0]):
        say(f"  {'MORE PERMISSIVE  ' if looser else ''}{step}: {count}")
        for one in [one for one in differences if (one.looser, one.step) == (looser, step)][:_EXAMPLES]:
            about = one.as_json()
            where = ", ".join(about["hosts"])
            say(f"    {about['change']}  {about['actor']} {about['action']} on {where} ({about['at'][:16]})")
            say(f"      was: {', '.join(one.was.rules) or 'no rule'}; now: {', '.join(one.now.rules) or 'no rule'}")


def _tell_undecided(undecided: Sequence[Undecided]) -> None:
    if undecided:
        say(f"{len(undecided)} cannot be decided from what was recorded")
        for facts, count in Counter(one.unknown for one in undecided).most_common():
            say(f"    {count} lack {', '.join(facts)}")


def _undecided(one: Undecided) -> dict[str, Any]:
    return {"entry": one.record.seq, "change": one.record.change_id, "unknown": list(one.unknown)}
