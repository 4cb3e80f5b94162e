from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from gate.catalog.digest import digest_folder, digest_undo, files_of
from gate.catalog.finding import BrokenActionError


def test_a_copy_has_the_same_digest(make_action, tmp_path: Path) -> None:
    folder = make_action({"library/mine.py": "x = 1\n"})
    (folder / "library/mine.py").chmod(0o755)
    copy = tmp_path / "elsewhere"
    shutil.copytree(folder, copy)
    assert digest_folder(copy) == digest_folder(folder)
    assert digest_undo(copy) == digest_undo(folder)


def test_a_copy_of_the_listed_files_has_the_same_digest(make_action, tmp_path: Path) -> None:
    folder = make_action({"tasks/a.yml": "[]\n", "__pycache__/x.pyc": "old"})
    for name in files_of(folder):
        (tmp_path / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / name, tmp_path / "copy" / name)
    assert digest_folder(tmp_path / "copy") == digest_folder(folder)


@pytest.mark.parametrize("change", ["content", "name", "mode", "more", "less", "readme"])
def test_every_change_changes_the_digest(make_action, change: str) -> None:
    folder = make_action({"files/a": "1"})
    before = digest_folder(folder)
    match change:
        case "content":
            (folder / "do.yml").write_text((folder / "do.yml").read_text() + "\n")
        case "name":
            (folder / "files/a").rename(folder / "files/b")
        case "mode":
            (folder / "files/a").chmod(0o755)
        case "more":
            (folder / "files/b").write_text("")
        case "less":
            (folder / "files/a").unlink()
        case _:
            (folder / "README.md").write_text("other")
    assert digest_folder(folder) != before


def test_caches_do_not_count(make_action) -> None:
    folder = make_action()
    before = digest_folder(folder)
    for cache in ("__pycache__", "library/__pycache__", ".ansible"):
        (folder / cache).mkdir(parents=True)
        (folder / cache / "x").write_text("x")
    assert digest_folder(folder) == before


def test_content_cannot_move_between_files(make_action) -> None:
    one = digest_folder(make_action({"files/a": "xy", "files/b": ""}, "one"))
    two = digest_folder(make_action({"files/a": "x", "files/b": "y"}, "one"))
    assert one != two


@pytest.mark.parametrize("target", ["do.yml", "/etc/passwd", "/etc", "nowhere"])
def test_links_are_refused(make_action, target: str) -> None:
    folder = make_action()
    (folder / "files").mkdir()
    (folder / "files/link").symlink_to(target)
    with pytest.raises(BrokenActionError, match="link"):
        digest_folder(folder)


def test_a_linked_folder_is_refused(make_action, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(make_action())
    with pytest.raises(BrokenActionError, match="link"):
        digest_folder(tmp_path / "alias")


def test_a_pipe_is_refused_and_not_waited_for(make_action) -> None:
    folder = make_action()
    os.mkfifo(folder / "pipe")
    with pytest.raises(BrokenActionError, match="special"):
        digest_folder(folder)


def test_the_undo_digest_is_of_undo_alone(make_action) -> None:
    folder = make_action()
    before = digest_undo(folder)
    (folder / "do.yml").write_text("changed")
    assert digest_undo(folder) == before
    (folder / "undo.yml").write_text("changed")
    assert digest_undo(folder) != before
