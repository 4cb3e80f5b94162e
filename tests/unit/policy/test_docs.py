"""The reference page names exactly the facts that there are, and its examples are rules."""

import re
from pathlib import Path

from gate.policy.language.vocabulary import FACTS, FAMILIES
from gate.policy.rules.rulebook import read_rulebook
from gate.policy.tables.reading import read_tables
from gate.policy.tools import words

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "rules.md"


def test_the_page_names_every_fact_with_its_type_values_and_meaning():
    rows = re.findall(r"^\| `([a-z_.A-Z]+)` \| (text|number) \| (.*?) \| (.*?) \|$", PAGE.read_text(), re.MULTILINE)
    facts = [
        (
            fact.name,
            "number" if fact.kind is int else "text",
            ", ".join(f"`{value}`" for value in fact.values),
            fact.meaning,
        )
        for fact in (*FACTS, *FAMILIES)
    ]
    assert rows == facts


def test_the_examples_of_the_page_are_read(tmp_path):
    examples = re.findall(r"```yaml\n# rules/(\S+)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    rules = {"production.yml", "windows.yml", "limits.yml", "risk.yml", "parameters.yml"}
    assert {name for name, _ in examples} == {*rules, "tests/production.yml"}
    (tmp_path / "tests").mkdir()
    for name, text in examples:
        (tmp_path / name).write_text(text)
    assert len(read_rulebook(tmp_path).rules) > len(examples)
    assert [case.name for case in read_tables(tmp_path / "tests")] == ["risky changes need two people"]


def test_the_table_of_the_vocabulary_is_the_vocabulary():
    assert f"\n{words.table()}\n\n" in (PAGE.parent / "vocabulary.md").read_text()


def test_every_comparison_is_explained():
    page = (PAGE.parent / "vocabulary.md").read_text().partition("## Comparisons")[2]
    used = {one for word in words.words() for one in word.comparisons.split(", ")}
    assert {
        one for row in re.findall(r"^\| (`.*?) \|", page, re.MULTILINE) for one in re.findall(r"`(\w+)`", row)
    } == used


def test_the_examples_of_the_vocabulary_are_conditions(book):
    for word in words.words():
        example = (
            word.example.replace("ACTION.", "").replace("window.NAME", "window.n").replace("limit.NAME", "limit.n")
        )
        book(
            f"- {{rule: it, when: {example}, then: deny, because: x}}\n",
            "- {window: n, kind: freeze, cron: '0 0 1 jan *', duration: 1h, zone: UTC}\n",
            "- {limit: n, at_most: 5, per: 1h, by: [actor]}\n",
        )


def test_importing_the_policy_imports_no_engine():
    import subprocess
    import sys

    code = "import sys, gate.policy.policy; print(*sys.modules)"
    root = PAGE.parents[2]
    modules = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    ).stdout.split()
    assert "gate.policy.engine.evaluator" in modules
    assert not {"durable_rules_engine", "durable", "ansible", "dbos", "langchain_core", "pydantic"} & set(modules)
