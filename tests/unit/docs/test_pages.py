"""What the pages show works, and what they link to is there."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from itertools import dropwhile, groupby
from pathlib import Path

import click
import pytest
import yaml

from gate.catalog.check import check_action
from gate.cli.main import cli
from gate.policy.rules.rulebook import read_rulebook
from gate.schedule.plan import read_schedules

ROOT = Path(__file__).parents[3]
PAGES = sorted(path.relative_to(ROOT) for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
IDS = [str(page) for page in PAGES]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)


def gate_calls(page: Path) -> list[list[str]]:
    """Every call of `gate` in the shell blocks of a page, as words."""
    return [call for block in blocks(page, "sh") for call in _calls(block)]


def _calls(block: str) -> Iterator[list[str]]:
    without_files = re.sub(r"<<'END'\n.*?^END$", "", block, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"(^|\s)# .*$", "", without_files, flags=re.MULTILINE).replace("\\\n", " ")
    text = text.replace("sudo -u gate ", "")
    words = shlex.shlex(text, posix=True, punctuation_chars="();|&<>\n")
    words.whitespace, words.whitespace_split = " \t", True
    for is_end, group in groupby(words, key=lambda word: set(word) <= set("();|&<>\n")):
        call = list(dropwhile(lambda word: "=" in word, group))
        if not is_end and call and call[0].rpartition("/")[2] == "gate":
            yield call[1:]


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_link_to_a_file_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (ROOT / page).read_text()):
        assert (ROOT / page).parent.joinpath(target).exists(), f"{page}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_gate_command_of_a_page_can_be_parsed(page):
    for words in gate_calls(page):
        command: click.Command = cli
        context = click.Context(cli, info_name="gate")
        rest = words[2:] if words[0] == "-C" else words
        while isinstance(command, click.Group):
            inner = command.get_command(context, rest[0])
            assert inner is not None, f"{page}: gate {' '.join(words)}"
            command, rest = inner, rest[1:]
        known = {name for param in command.params for name in param.opts} | {"-h", "--help"}
        used = [word for word in rest if re.fullmatch(r"--?[a-z][a-z-]*", word)]
        assert set(used) <= known, f"{page}: gate {' '.join(words)}"


def test_the_parser_of_commands_finds_them():
    assert ["ledger", "verify"] in gate_calls(Path("README.md"))
    assert ["-C", "/srv/gate/site", "doctor"] in gate_calls(Path("docs/howto/run-the-service.md"))


def test_the_code_names_no_page_that_is_missing():
    named = {
        name
        for folder in ("gate", "planner", "playbooks", "rules")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".yml", ".md"}
        for name in re.findall(r"docs/[a-z/_-]+\.md", path.read_text())
    }
    assert named
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_the_action_of_the_page_passes_every_check(tmp_path):
    for block in blocks(Path("docs/howto/write-an-action.md"), "yaml"):
        name, _, text = block.partition("\n")
        path = tmp_path / name.removeprefix("# playbooks/")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert [finding.what for finding in check_action(tmp_path / "maintenance_page")] == []


def test_the_rules_of_the_pages_are_rules(tmp_path):
    pages = ("howto/write-a-rule", "howto/schedule-maintenance")
    for page in pages:
        for block in blocks(Path(f"docs/{page}.md"), "yaml"):
            name, _, text = block.partition("\n")
            if name.startswith("# rules/"):
                (tmp_path / name.removeprefix("# rules/")).write_text(text)
    assert {"agents-stay-out-of-databases", "the-clock-keeps-to-staging", "databases-need-a-dba"} <= set(
        read_rulebook(tmp_path).rules
    )


def test_the_schedule_of_the_page_is_read(tmp_path):
    text = next(one for one in blocks(Path("docs/howto/schedule-maintenance.md"), "yaml") if "# schedules.yml" in one)
    (tmp_path / "schedules.yml").write_text(text)
    assert [one.schedule for one in read_schedules(tmp_path)] == ["nightly-log-level"]


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_yaml_toml_json_and_python_block_can_be_read(page):
    for text in blocks(page, "yaml"):
        list(yaml.safe_load_all(text))
    for text in blocks(page, "toml"):
        tomllib.loads(text)
    for text in blocks(page, "json"):
        json.loads(text)
    for text in blocks(page, "python"):
        compile(text, str(page), "exec")


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "adr").glob("0*.md")), ids=lambda page: page.stem)
def test_a_decision_record_is_short_and_complete(page):
    text = page.read_text()
    assert len(text.splitlines()) <= 40
    assert re.search(r"^- Status: (proposed|accepted|superseded by \d{4})$", text, re.MULTILINE)
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Context", "Options", "Decision", "Consequences"]
    assert text.startswith(f"# {page.stem[:4]}. ")
