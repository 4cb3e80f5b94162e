"""The limits, the recipe and the table of the page are read, and the table passes."""

import re
from pathlib import Path

from gate.policy.policy import Policy
from gate.policy.tables.reading import read_tables
from gate.policy.tables.tables import run_tables

PAGE = Path(__file__).parents[4] / "docs" / "howto" / "limit-blast-radius.md"


def test_the_examples_of_the_page_do_what_the_page_says(tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / "rules.yml").write_text("- {rule: any, when: {risk: {ge: 0}}, then: allow, because: Anything.}\n")
    blocks = re.findall(r"```yaml\n# rules/(\S+)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert [name for name, _ in blocks] == ["limits.yml", "tests/limits.yml", "risk.yml"]
    for name, text in blocks:
        (tmp_path / name).write_text(text)
    with Policy.load(tmp_path) as policy:
        report = run_tables(policy, read_tables(tmp_path / "tests"))
    assert [result.wrong for result in report.results] == [()]
