"""The reference page names exactly the facts that there are, and its examples are rules."""

import re
from pathlib import Path

from gate.policy.rulebook import read_rulebook
from gate.policy.vocabulary import FACTS, FAMILIES

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
    assert {name for name, _ in examples} == {"production.yml", "windows.yml", "limits.yml"}
    for name, text in examples:
        (tmp_path / name).write_text(text)
    assert len(read_rulebook(tmp_path).rules) > len(examples)


def test_importing_the_policy_imports_no_engine():
    import subprocess
    import sys

    code = "import sys, gate.policy.policy; print(*sys.modules)"
    root = PAGE.parents[2]
    modules = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    ).stdout.split()
    assert "gate.policy.evaluator" in modules
    assert not {"durable_rules_engine", "durable", "ansible", "dbos", "langchain_core", "pydantic"} & set(modules)
