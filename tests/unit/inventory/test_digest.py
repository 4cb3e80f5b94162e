from __future__ import annotations

from pathlib import Path

import pytest

from gate.inventory.digest import digest_source, inventory_digest
from gate.values.errors import InventoryError


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "inventory"
    (folder / "group_vars").mkdir(parents=True)
    (folder / "hosts.ini").write_text("[web]\nweb-01\n")
    (folder / "group_vars/web.yml").write_text("a: 1\n")
    return folder


def test_the_same_files_have_the_same_digest(source: Path) -> None:
    assert inventory_digest(source) == inventory_digest(source)


@pytest.mark.parametrize(
    ("name", "single"),
    [
        *[
            (name, single)
            for name in ("hosts.ini", "group_vars/web.yml", "host_vars/w.yml")
            for single in (True, False)
        ],
        ("more/new.yml", False),
    ],
)
def test_a_changed_file_changes_the_digest(source: Path, name: str, *, single: bool) -> None:
    given = source / "hosts.ini" if single else source
    before = inventory_digest(given)
    (source / name).parent.mkdir(exist_ok=True)
    (source / name).write_text("[web]\nweb-02\n")
    assert inventory_digest(given) != before


def test_the_configuration_beside_the_source_counts(source: Path) -> None:
    before = inventory_digest(source)
    (source.parent / "ansible.cfg").write_text("[defaults]\nforks = 9\n")
    assert inventory_digest(source) != before


def test_the_target_of_a_link_counts(source: Path, tmp_path: Path) -> None:
    (tmp_path / "shared.yml").write_text("a: 1\n")
    (source / "group_vars/all.yml").symlink_to(tmp_path / "shared.yml")
    before = inventory_digest(source)
    (tmp_path / "shared.yml").write_text("a: 2\n")
    assert inventory_digest(source) != before


def test_a_folder_that_links_to_itself_ends(source: Path) -> None:
    (source / "group_vars/loop").symlink_to(source)
    assert inventory_digest(source).startswith("sha256:")


@pytest.mark.parametrize(
    ("name", "text", "mode", "dynamic"),
    [
        ("a.ini", "web-01\n", 0o644, False),
        ("a.sh", "#!/bin/sh\n", 0o755, True),
        ("a.yml", "plugin: ansible.builtin.constructed\n", 0o644, True),
        ("a.yml", "---\n'plugin' : x\n", 0o644, True),
        ("a.yml", '{"plugin": "x"}\n', 0o644, True),
        ("a.yml", "all: {hosts: {web-01: }}\n", 0o644, False),
    ],
)
def test_scripts_and_plugins_are_dynamic(source: Path, name: str, text: str, mode: int, *, dynamic: bool) -> None:
    (source / name).write_text(text)
    (source / name).chmod(mode)
    assert digest_source(source)[1] is dynamic


def test_a_mode_is_part_of_the_digest(source: Path) -> None:
    before = inventory_digest(source)
    (source / "hosts.ini").chmod(0o755)
    assert inventory_digest(source) != before


def test_a_missing_source_is_an_error_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match="nowhere"):
        inventory_digest(tmp_path / "nowhere")


def test_a_link_to_nothing_is_an_error(source: Path) -> None:
    (source / "group_vars/gone.yml").symlink_to("nothing")
    with pytest.raises(InventoryError, match=r"gone\.yml"):
        inventory_digest(source)
