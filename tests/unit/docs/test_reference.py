"""The reference pages say what the code does: no more, no less."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from pydantic import BaseModel
from starlette.routing import Route

from gate.changes.model import AT_REST, MOVES, WaitingFor
from gate.cli.main import cli
from gate.identity.scopes import FOR_AGENTS, PLAIN
from gate.schedule.plan import Schedule
from gate.settings import Settings
from gate.values.errors import Exit, GateError
from gate.web.api import create_app

GATE = Path(__file__).parents[3] / "gate"


def commands(command: click.Command, path: tuple[str, ...] = ("gate",)) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield " ".join(path), command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        assert inner is not None
        yield from commands(inner, (*path, name))


def options(command: click.Command) -> set[str]:
    found = [param for param in command.params if isinstance(param, click.Option)]
    return {name for param in found for name in (*param.opts, *param.secondary_opts)}


COMMANDS = dict(commands(cli))


def test_every_command_has_its_section_and_every_section_its_command(reference):
    assert reference("cli").sections().keys() == COMMANDS.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_a_command_is_explained_and_no_other(reference, name):
    assert set(reference("cli").sections()[name].first_cells()) == options(COMMANDS[name])


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_how_it_is_called(reference, name):
    pieces = COMMANDS[name].collect_usage_pieces(click.Context(COMMANDS[name]))
    called = " ".join([name, *(piece for piece in pieces if options(COMMANDS[name]) or piece != "[OPTIONS]")])
    said = (
        reference("cli")
        .sections()[name]
        .text.replace("[OPTIONS] ", "" if called.count("[OPTIONS]") == 0 else "[OPTIONS] ")
    )
    assert f"`{called}`" in said


@pytest.mark.parametrize("name", COMMANDS)
def test_a_default_number_of_an_option_is_the_one_of_the_page(reference, name):
    rows = reference("cli").sections()[name].rows()
    for param in COMMANDS[name].params:
        if isinstance(param, click.Option) and isinstance(param.default, int | float) and not param.is_flag:
            about = next(row[1] for row in rows if f"`{param.opts[0]}`" in row[0])
            assert f"{param.default:g} if left out" in about


def test_the_options_before_the_command_are_explained(reference):
    assert options(cli) | {"-h", "--help"} <= set(reference("cli").first_cells())


def settings(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        if isinstance(field.default, BaseModel):
            yield from settings(type(field.default), f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field.default


def test_every_setting_is_there_with_its_default(reference):
    told = {row[0].strip("`"): row[1].strip("`") for row in reference("settings").rows()}
    assert told == {key: "none" if value is None else json.dumps(value) for key, value in settings(Settings)}


def test_the_example_of_the_settings_is_read(reference, tmp_path):
    from gate.settings import load_site

    (example,) = re.findall(r"```toml\n(.*?)```", reference("settings").text, re.DOTALL)
    (tmp_path / "gate.toml").write_text(example)
    assert load_site(tmp_path).groups_of("alice") == {"ops"}


def errors(kind: type[GateError] = GateError) -> Iterator[type[GateError]]:
    yield kind
    for sub in kind.__subclasses__():
        yield from errors(sub)


def test_every_error_has_its_section_with_its_exit_code_status_and_mend(reference):
    import gate.policy.engine.evaluator  # noqa: F401  # it has an error of its own

    sections = reference("errors").sections()
    assert sections.keys() == {kind.code for kind in errors()}
    for kind in errors():
        assert sections[kind.code].text.strip().startswith(f"Exit code {int(kind.exit)}, HTTP {kind.http}. ")
        assert "\nDo: " in sections[kind.code].text


def test_every_exit_code_is_there_and_means_what_the_command_says(reference):
    from gate.cli.site import _EXITS

    told = [[int(row[0]), row[1], row[2].replace("`", "")] for row in reference("exit-codes").rows()]
    assert told == [[int(code), code.name.lower().replace("_", "-"), about] for code, about in _EXITS.items()]
    assert set(Exit) == _EXITS.keys()


def test_every_route_is_there_and_no_other(reference):
    told = reference("http").sections()["Routes"].first_cells()
    app = create_app(None)  # type: ignore[arg-type]  # routes need no door
    routes = [route for route in app.routes if isinstance(route, Route)]
    assert sorted(told) == sorted(f"{m} {route.path}" for route in routes for m in (route.methods or set()) - {"HEAD"})


def test_the_scopes_are_those_that_a_token_can_carry(reference):
    rows = reference("http").sections()["Scopes"].rows()
    assert {row[0].strip("`"): row[1].startswith("agents") for row in rows} == {
        scope: scope in FOR_AGENTS for scope in {*PLAIN, "approve:GROUP"}
    }


def test_every_state_is_there_with_its_moves(reference):
    rows = reference("states").sections()["States"].rows()
    told = {row[0].strip("`"): set(re.findall(r"`([a-z_]+)`", row[2])) for row in rows}
    assert told == {state.value: {move.value for move in moves} for state, moves in MOVES.items()}


def test_everything_that_a_change_can_wait_for_is_there(reference):
    assert reference("states").sections()["What it waits for"].first_cells() == list(WaitingFor)


def test_the_states_at_rest_are_named(reference):
    (sentence,) = re.findall(r"^At rest are all but (.*)\.$", reference("states").text, re.MULTILINE)
    assert set(re.findall(r"`([a-z_]+)`", sentence)) == {state.value for state in MOVES.keys() - AT_REST}


def written_kinds() -> set[str]:
    """The kinds of entries that the code appends, where they stand there as plain text."""
    found = set()
    for text in (file.read_text() for file in GATE.rglob("*.py")):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "ledger.append":
                kind = node.args[1]
                if isinstance(kind, ast.Constant):
                    found.add(kind.value)
            if isinstance(node, ast.Tuple) and len(node.elts) == 3 and "ledger.append_all" in text:
                found |= {kind.value for kind in node.elts[:1] if isinstance(kind, ast.Constant)}
    return found


def test_every_kind_of_entry_that_the_code_writes_is_there(reference):
    kinds = written_kinds()
    assert "proposed" in kinds
    assert kinds <= set(reference("ledger").sections()["Kinds"].first_cells())


def test_the_checkpoint_of_the_page_is_one(reference):
    (note,) = re.findall(r"```text\n(gate/.*?)```", reference("ledger").text, re.DOTALL)
    origin, size, root, empty, signature = note.splitlines()
    assert (origin, int(size), empty) == (signature.split(" ")[1], 27, "")
    assert root.endswith("=")


def test_every_key_of_a_schedule_is_there(howto):
    assert set(howto("schedule-maintenance").first_cells()) >= set(Schedule.model_fields)
