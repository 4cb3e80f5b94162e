"""`gate catalog` and `gate inventory`: what can be wanted, and where."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gate.cli.complete import action_names
from gate.cli.output import say, show, table, talk, with_output
from gate.values.errors import Exit

if TYPE_CHECKING:
    from gate.catalog.finding import Finding


@click.group()
def catalog() -> None:
    """What can be wanted."""


@catalog.command("list")
@with_output
@click.pass_context
def list_actions(ctx: click.Context, output: str) -> None:
    """The actions of this site."""
    with ctx.obj(works=False) as gate:
        found = gate.catalog()
    actions = [action.as_json() for action in found.actions]
    rows = [[one["name"], one["risk"], one["reversibility"], one["check"], one["summary"]] for one in actions]
    show(
        output,
        {"actions": actions, "broken": [wrong.as_dict() for wrong in found.broken]},
        lambda: table(rows, ["action", "risk", "undo", "check", "what it does"], "No actions yet."),
    )
    for wrong in found.broken:
        talk(f"not offered: {wrong.what} {wrong.why}")


@catalog.command("show")
@click.argument("action", shell_complete=action_names)
@with_output
@click.pass_context
def show_action(ctx: click.Context, action: str, output: str) -> None:
    """One action: its parameters and what it promises."""
    with ctx.obj(works=False) as gate:
        found = gate.catalog().get(action).as_json()
    show(output, found, lambda: _print(found))


@catalog.command("check")
@click.argument("folders", nargs=-1, type=click.Path(exists=True, file_okay=False, path_type=Path))
@with_output
@click.pass_context
def check(ctx: click.Context, folders: tuple[Path, ...], output: str) -> None:
    """Check action FOLDERS (default: all of the site) and name the mend of each problem."""
    from gate.catalog.check import check_action

    absent = []
    if not folders:
        from gate.settings import find_site

        site = find_site(ctx.obj.site)
        absent = [one for one in site.catalog().findings if one.rule == "collection-missing"]
        folders = tuple(sorted(path.parent for top in site.playbooks for path in top.glob("*/action.yml")))
    findings = [*(finding for folder in folders for finding in check_action(folder)), *absent]
    plain = [_plain(one) for one in findings]

    def print_all() -> None:
        for one in plain:
            say(f"{one['file']}:{one['line']}: {one['rule']}: {one['what']}")
            say(f"  do: {one['mend']}")
        talk(f"Actions checked: {len(folders)}. Problems: {len(plain)}.")

    show(output, {"findings": plain}, print_all)
    sys.exit(Exit.FAILED if plain else Exit.OK)


@catalog.command("new")
@click.argument("name")
@click.option(
    "--in", "parent", type=click.Path(file_okay=False, path_type=Path), help="Where. Default: the site's playbooks."
)
@click.pass_context
def new(ctx: click.Context, name: str, parent: Path | None) -> None:
    """Make the folder of a new action, NAME, that already passes `check`.

    It writes one line into a file, and can take that back. Where it says `decide`, a person has to.
    """
    from gate.catalog.new import new_action
    from gate.settings import find_site

    for path in new_action(parent or find_site(ctx.obj.site).playbooks[0], name):
        say(str(path))
    talk(f"next: gate catalog check, and gate catalog prove {name}")


@catalog.command("adopt")
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.argument("name", required=False, default="")
@click.option(
    "--in", "parent", type=click.Path(file_okay=False, path_type=Path), help="Where. Default: the site's playbooks."
)
@click.option("--dry-run", is_flag=True, help="Say what would be made and what would be open, and make nothing.")
@with_output
@click.pass_context
def adopt(ctx: click.Context, source: Path, name: str, parent: Path | None, dry_run: bool, output: str) -> None:  # noqa: FBT001
    """Make the folder of an action, NAME, of the role or playbook SOURCE.

    Options, tasks, files and templates are taken over. What a person has to decide is marked with `TODO(gate)`; until
    then `check` refuses it, and nobody is offered the action.

    \b
    gate catalog adopt roles/motd
    gate catalog adopt deploy.yml deploy_shop --dry-run
    """
    from gate.catalog.adopt import adopt as adopt_source
    from gate.settings import find_site

    made = adopt_source(source, parent or find_site(ctx.obj.site).playbooks[0], name, dry_run=dry_run)
    findings = [_plain(one) for one in made.findings]
    answer = {"action": made.folder.name, "folder": str(made.folder), "written": made.written, "files": [*made.files]}

    def print_all() -> None:
        for file in made.files:
            say(str(made.folder / file))
        talk(f"Still open: {len(findings)}. next: {'the same without --dry-run' if dry_run else 'gate catalog check'}")
        for one in findings:
            talk(f"{one['file']}:{one['line']}: {one['what']}")

    show(output, {**answer, "findings": findings}, print_all)


@catalog.command("prove")
@click.argument("actions", nargs=-1, shell_complete=action_names)
@click.option("--all", "every", is_flag=True, help="Every action that can be taken back and has a proof.yml.")
@click.option("--hosts", help="On these, with commas between: throw-away hosts. Default: two that carry that tag.")
@with_output
@click.pass_context
def prove(ctx: click.Context, actions: tuple[str, ...], every: bool, hosts: str | None, output: str) -> None:  # noqa: FBT001
    """Prove on real hosts that what ACTIONS do can be taken back, and certify those of which it is true.

    Each case of an action's proof.yml is done and undone twice, and undone from every step at which it can break off.
    The hosts' files, packages, units, users, containers and more have to be what they were. The hosts are changed and
    broken on the way: only those with `gate_tags: [throwaway]` in the inventory are taken.

    \b
    gate catalog prove set_config_value --hosts proof-01,proof-02
    gate catalog prove --all
    """
    if bool(actions) == every:
        raise click.UsageError("Name actions, or say --all.")
    wanted = tuple(one for one in hosts.split(",") if one) if hosts else ()
    with ctx.obj(works=False) as gate:
        proofs = list(gate.prove(actions or None, hosts=wanted, say=talk))
    answer = [
        {
            "action": one.action,
            "certificate": one.certificate.as_json() if one.certificate else None,
            "fault": {"case": one.fault.case, "step": one.fault.step, "what": one.fault.what} if one.fault else None,
        }
        for one in proofs
    ]
    show(output, {"proofs": answer}, lambda: _print_proofs(answer))
    sys.exit(Exit.FAILED if any(one["fault"] for one in answer) else Exit.OK)


def _plain(one: Finding) -> dict[str, Any]:
    return {"file": str(one.file), "line": one.line, "rule": one.rule, "what": one.what, "mend": one.mend}


def _print_proofs(proofs: list[dict[str, Any]]) -> None:
    rows = []
    for one in proofs:
        cases = one["certificate"]["cases"] if one["certificate"] else []
        slowest = max((case["undo_s"] for case in cases), default=0.0)
        word = "certified" if cases else "failed"
        rows.append(
            [word, one["action"], len(cases), sum(len(case["broken_off"]) for case in cases), f"{slowest:.1f} s"]
        )
    table(rows, ["proof", "action", "cases", "broken off", "slowest undo"], "Nothing was proved.")
    for one in proofs:
        if one["fault"]:
            say(f"{one['action']}, {one['fault']['case']}, {one['fault']['step']}: {one['fault']['what']}")


@click.group()
def inventory() -> None:
    """Where it can be wanted."""


@inventory.command("list")
@with_output
@click.pass_context
def list_hosts(ctx: click.Context, output: str) -> None:
    """The hosts of this site, with what the rules see of them."""
    with ctx.obj(works=False) as gate:
        found = gate.inventory()
    hosts = [
        {
            "name": one.name,
            "environment": one.environment,
            "criticality": one.criticality,
            "groups": sorted(one.groups),
            "tags": sorted(one.tags),
        }
        for one in found.hosts.values()
    ]
    rows = [
        [one["name"], one["environment"], one["criticality"], ", ".join(one["groups"]), ", ".join(one["tags"])]
        for one in hosts
    ]
    show(
        output,
        {"hosts": hosts, "groups": {name: list(members) for name, members in found.groups.items()}},
        lambda: table(rows, ["host", "environment", "criticality", "groups", "tags"], "No hosts yet."),
    )


def _print(found: dict[str, Any]) -> None:
    say(f"{found['name']}: {found['summary']}")
    say(f"  {found['description']}")
    targets = found["targets"]
    say(f"  for     {', '.join(targets['groups']) or 'any group'}, {targets['max_hosts']} hosts at once at most")
    say(f"  risk    {found['risk']} of 100; undo: {found['reversibility']}; check: {found['check']}")
    schema = found["parameters"]
    for name, one in schema["properties"].items():
        needed = "required" if name in schema.get("required", []) else f"default {one.get('default')!r}"
        bounds = [f"{key} {one[key]}" for key in ("enum", "pattern", "maxLength", "minimum", "maximum") if key in one]
        say(f"  -p {name}=  {one.get('type')}, {needed}. {one.get('description', '')}")
        if bounds:
            say(f"       {'; '.join(bounds)}")
