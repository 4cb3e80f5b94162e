from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import planner

ROOT = Path(planner.__file__).parents[1]
GOLDEN = Path(__file__).parents[2] / "planner_golden"
_LOADED = """
import json, pathlib, sys
import planner
catalog = planner.CatalogView.parse(json.loads(pathlib.Path(sys.argv[1], "catalog.json").read_text()))
assert planner.RetrievalPlanner().plan("reboot web-01", catalog).steps
import planner.model, planner.propose
heavy = {"langchain", "langchain_core", "openai", "ansible", "ansible_runner", "dbos", "durable_rules_engine"}
print(sorted(heavy & {name.partition(".")[0] for name in sys.modules}))
"""


def test_the_planner_loads_no_model_library_and_no_engine() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LOADED, str(GOLDEN)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


def test_one_file_alone_imports_langchain() -> None:
    naming = {
        path.name
        for path in (ROOT / "planner").glob("*.py")
        for line in path.read_text().splitlines()
        if line.strip().startswith(("import langchain", "from langchain"))
    }
    assert naming == {"model.py"}


def test_the_package_gives_what_it_promises() -> None:
    for name in planner.__all__:
        assert getattr(planner, name) is not None
