"""`gate policy check, test`: are the rules sound, do they say what is meant, and would the tests notice."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gate.cli.output import say, show, state, talk, with_output
from gate.cli.policy.sources import parameters_of
from gate.values.errors import Exit, InventoryError, SettingsError

if TYPE_CHECKING:
    from gate.catalog.load import Catalog
    from gate.policy.rules.finding import Finding
    from gate.policy.rules.members import Members
    from gate.policy.tables.tables import Report
    from gate.policy.tools.mutants import Verdicts

_FOLDER = click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))


@click.command()
@_FOLDER
@with_output
@click.pass_context
def check(ctx: click.Context, folder: Path | None, output: str) -> None:
    """Read the rules, look for what can never match, compile them, and try each on both sides of its edges.

    In a site the parameters that rules ask for are compared with its actions, and groups and tags with its hosts.
    Tables that fail are told, too: rules that fail their own tables are not taken.
    """
    from gate.flow.action_facts import known_actions
    from gate.policy.generations.live import load_sound
    from gate.policy.rules.lint import lint
    from gate.policy.rules.rulebook import read_rulebook

    rules, catalog = _rules_and_catalog(ctx, folder)
    book = read_rulebook(rules)
    found = lint(book, parameters_of(catalog) if catalog else None, _members(ctx) if catalog else None)
    errors = [finding for finding in found if finding.severity == "error"]
    answer: dict[str, Any] = {
        "generation": None,
        "rules": list(book.rules),
        "findings": [one.as_json() for one in found],
    }
    if not errors:
        with load_sound(rules, actions=known_actions(catalog) if catalog else None) as loaded:
            answer["generation"] = loaded.generation
    show(output, answer, lambda: _tell_findings(found))
    if errors:
        talk(f"{rules}: {len(errors)} rules would never do what they say. They are not taken.")
        sys.exit(Exit.USAGE)
    talk(f"{rules}: {len(book.rules)} rules are sound. Generation {answer['generation']}")


@click.command()
@_FOLDER
@click.option("--mutate", is_flag=True, help="Change each rule a little, in turn: some case has to notice.")
@with_output
@click.pass_context
def test(ctx: click.Context, folder: Path | None, mutate: bool, output: str) -> None:  # noqa: FBT001
    """Run the tables in rules/tests/, and name the rules that no case fires."""
    from gate.flow.action_facts import known_actions
    from gate.policy.policy import Policy
    from gate.policy.tables.reading import read_tables
    from gate.policy.tables.tables import run_tables
    from gate.policy.tools.mutants import hunt

    rules, catalog = _rules_and_catalog(ctx, folder)
    cases = read_tables(rules / "tests", known_actions(catalog) if catalog else None)
    with Policy.load(rules) as policy:
        report = run_tables(policy, cases)
        verdicts = hunt(policy.book, cases) if mutate and not report.failed else None
        count = len(policy.rules)
    answer: dict[str, Any] = {
        "cases": [result.as_json() for result in report.results],
        "failed": len(report.failed),
        "uncovered": list(report.uncovered),
        "mutants": verdicts and {"tried": verdicts.tried, "survivors": [mutant.shown for mutant in verdicts.survivors]},
    }
    show(output, answer, lambda: _tell_report(report, verdicts, count))
    if report.failed or (verdicts and verdicts.survivors):
        sys.exit(Exit.FAILED)


def _rules_and_catalog(ctx: click.Context, folder: Path | None) -> tuple[Path, Catalog | None]:
    from gate.settings import find_site

    try:
        site = find_site(ctx.obj.site)
    except SettingsError:
        if folder is None:
            raise
        return folder, None
    return folder or site.rules, site.catalog()


def _members(ctx: click.Context) -> Members | None:
    """The groups and tags of the site's hosts; None if the inventory cannot be read."""
    from gate.inventory.read import InventoryReader
    from gate.settings import find_site

    site = find_site(ctx.obj.site)
    try:
        hosts = InventoryReader(site.inventory, site.state / "cache").read()
    except InventoryError as wrong:
        talk(f"Groups and tags of the rules are not compared with those of hosts: {wrong.what}")
        return None
    return {"group": hosts.groups, "tag": hosts.tags}


def _tell_findings(found: Sequence[Finding]) -> None:
    for one in found:
        say(f"{one.place}: {state('failed' if one.severity == 'error' else 'waiting')} {one.severity}: {one.what}")
        say(f"    why: {one.why}")
        say(f"    do:  {one.fix}")


def _tell_report(report: Report, verdicts: Verdicts | None, rules: int) -> None:
    for result in report.failed:
        say(f"{state('failed')}  {result.case.place}: {result.case.name}")
        for wrong in result.wrong:
            say(f"    {wrong}")
    say(f"{len(report.results) - len(report.failed)} of {len(report.results)} cases pass")
    say(f"{rules - len(report.uncovered)} of {rules} rules are fired by a case")
    for rule in report.uncovered:
        say(f"    never fired: {rule}")
    if verdicts is not None:
        say(f"{verdicts.tried - len(verdicts.survivors)} of {verdicts.tried} mutants are noticed")
        for mutant in verdicts.survivors:
            say(f"    survives: {mutant.shown}")
