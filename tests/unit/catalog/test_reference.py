"""docs/reference/action.md names what the code knows: no key and no rule more, none less."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gate.catalog.argument_spec import FILE_KEYS, OPTION_KEYS, SPEC_KEYS, TYPES
from gate.catalog.check import FILES, FOLDERS
from gate.catalog.finding import RULES
from gate.catalog.manifest import Manifest, ManifestTargets, Requires

PAGE = (Path(__file__).parents[3] / "docs/reference/action.md").read_text()


def names(heading: str) -> set[str]:
    """The first cells of the table under a heading."""
    section = PAGE.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return set(re.findall(r"^\| `([^`]+)`", section, re.MULTILINE))


def test_the_page_names_the_keys_of_action_yml() -> None:
    top = set(Manifest.model_fields) - {"targets", "requires"}
    nested = {f"targets.{key}" for key in ManifestTargets.model_fields}
    nested |= {f"requires.{key}" for key in Requires.model_fields}
    assert names("action.yml") == top | nested


def test_the_page_names_the_keys_of_do_meta_yml() -> None:
    specs = {f"argument_specs.ACTION.{key}" for key in SPEC_KEYS}
    assert names("do.meta.yml") == {*FILE_KEYS, *specs}


def test_the_page_names_the_keys_and_types_of_an_option() -> None:
    assert names("Options") == set(OPTION_KEYS)
    assert names("Types") == set(TYPES)


def test_the_page_names_the_files_and_folders() -> None:
    assert names("The folder") == FILES | {f"{name}/" for name in FOLDERS}


def test_the_page_names_every_rule_and_no_other() -> None:
    assert names("Refusals") == {name for name, rule in RULES.items() if not rule.warning}
    assert names("Warnings") == {name for name, rule in RULES.items() if rule.warning}


@pytest.mark.parametrize("name", RULES)
def test_the_page_gives_the_mend_of_every_rule(name: str) -> None:
    [row] = re.findall(rf"^\| `{name}` \|.*$", PAGE.split("\n## Refusals\n")[1], re.MULTILINE)
    assert RULES[name].mend in row
