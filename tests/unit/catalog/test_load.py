from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from gate.catalog.digest import digest_folder, digest_undo
from gate.catalog.finding import BrokenActionError
from gate.catalog.load import load_action, load_catalog
from gate.values.errors import CatalogError, UnknownActionError


def test_an_action_is_read_whole(make_action) -> None:
    folder = make_action({"verify.yml": "- hosts: all\n"})
    action = load_catalog([folder.parent]).get("restart_unit")
    assert (action.name, action.summary, action.risk, action.owner) == (
        "restart_unit", "Restart one service", 30, "platform",
    )  # fmt: skip
    assert (action.targets.groups, action.targets.max_hosts) == (("web", "db"), 2)
    assert (action.undo_window, action.timeout_s, action.has_verify) == (timedelta(days=7), 300, True)
    assert action.readme == "# Restart\n"
    assert action.digest == digest_folder(folder)
    assert action.undo_digest == digest_undo(folder)


def test_the_json_of_an_action_is_plain(make_action) -> None:
    shown = load_action(make_action()).as_json()
    assert json.loads(json.dumps(shown)) == shown
    assert shown["targets"] == {"groups": ["web", "db"], "max_hosts": 2}
    assert shown["parameters"]["additionalProperties"] is False
    assert {"name", "summary", "description", "phrases", "risk", "reversibility", "check", "digest"} <= shown.keys()


def test_a_broken_action_is_reported_and_the_others_are_offered(make_action) -> None:
    make_action(name="good_one")
    folder = make_action({"action.yml": "risk: 5\nrisk: 6\n"}, "bad_one")
    catalog = load_catalog([folder.parent])
    assert [action.name for action in catalog.actions] == ["good_one"]
    [error] = catalog.broken
    assert isinstance(error, CatalogError)
    assert f"{folder}/action.yml:2" in error.what
    assert error.why
    assert error.fix
    with pytest.raises(UnknownActionError):
        catalog.get("bad_one")


def test_an_action_that_breaks_a_rule_is_not_offered(make_action) -> None:
    folder = make_action({"undo.yml": "- hosts: all\n  tasks:\n    - ansible.builtin.shell: echo {{ unit }}\n"})
    catalog = load_catalog([folder.parent])
    assert catalog.actions == ()
    assert "undo.yml:3" in catalog.broken[0].what


def test_a_warning_does_not_stop_an_action(make_action) -> None:
    undo = "- hosts: all\n  tasks:\n    - {ansible.builtin.ping: , ignore_errors: true}\n"
    assert load_action(make_action({"undo.yml": undo})).name == "restart_unit"


def test_a_linked_file_breaks_an_action(make_action, tmp_path: Path) -> None:
    folder = make_action()
    (tmp_path / "elsewhere.yml").write_text((folder / "do.yml").read_text())
    (folder / "do.yml").unlink()
    (folder / "do.yml").symlink_to(tmp_path / "elsewhere.yml")
    with pytest.raises(BrokenActionError, match="link"):
        load_action(folder)


def test_a_name_that_is_there_twice_is_broken_in_its_later_place(make_action, tmp_path: Path) -> None:
    folder = make_action()
    shutil.copytree(folder, tmp_path / "second/restart_unit")
    catalog = load_catalog([folder.parent, tmp_path / "second"])
    assert catalog.get("restart_unit").folder == folder
    assert "there already" in catalog.broken[0].what


def test_folders_without_an_action_are_passed_over(make_action) -> None:
    folder = make_action()
    (folder.parent / "notes").mkdir()
    (folder.parent / "README.md").write_text("x")
    assert len(load_catalog([folder.parent]).actions) == 1


def test_an_unknown_action_is_answered_with_the_one_that_was_meant(make_action) -> None:
    with pytest.raises(UnknownActionError, match="Did you mean restart_unit"):
        load_catalog([make_action().parent]).get("restart_unti")


def test_a_missing_catalog_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="cannot be read"):
        load_catalog([tmp_path / "none"])


def test_reading_the_catalog_imports_no_ansible_and_no_jsonschema(make_action) -> None:
    ask = (
        "import sys; from pathlib import Path; from gate.catalog.load import load_catalog; import gate.catalog.admit;"
        "assert load_catalog([Path(sys.argv[1])]).actions;"
        "print([name for name in sys.modules if name.split('.')[0] in ('ansible', 'jsonschema', 'jinja2')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", ask, str(make_action().parent)], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


ROOT = Path(__file__).parents[3]
