"""Which collections are there, and what happens to an action that needs another one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from gate.catalog.collections import missing, places
from gate.catalog.load import load_catalog


def put(top: Path, name: str) -> None:
    (top / "ansible_collections").joinpath(*name.split(".")).mkdir(parents=True)


def test_ansibles_own_places_come_before_pythons_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setattr(sys, "path", ["", "/lib/packages"])
    assert places(tmp_path / "ansible.cfg") == (
        Path("/home/somebody/.ansible/collections"),
        Path("/usr/share/ansible/collections"),
        Path("/lib/packages"),
    )


@pytest.mark.parametrize("key", ["collections_path", "collections_paths"])
def test_the_sites_settings_name_others(tmp_path: Path, key: str) -> None:
    (tmp_path / "ansible.cfg").write_text(f"[defaults]\n{key} = ours:/opt/theirs\n")
    assert places(tmp_path / "ansible.cfg")[:2] == (tmp_path / "ours", Path("/opt/theirs"))


@pytest.mark.parametrize("text", ["no section", "[defaults]\n", "[defaults]\ncollections_path =\n"])
def test_settings_that_say_nothing_do_no_harm(tmp_path: Path, text: str) -> None:
    (tmp_path / "ansible.cfg").write_text(text)
    assert missing(["a.b"], places(tmp_path / "ansible.cfg")) == ("a.b",)


def test_what_is_in_no_place_is_missing(tmp_path: Path) -> None:
    put(tmp_path / "one", "community.general")
    put(tmp_path / "two", "containers.podman")
    where = [tmp_path / "one", tmp_path / "two", tmp_path / "none"]
    assert missing(["containers.podman", "community.general", "community.docker"], where) == ("community.docker",)


def test_a_place_where_nobody_may_look_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "a.b")

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "stat", refused)
    assert missing(["a.b"], [tmp_path]) == ("a.b",)


def test_an_action_that_lacks_one_is_not_offered_and_says_so(make_action, tmp_path: Path) -> None:
    folder = make_action()
    catalog = load_catalog([folder.parent], collections=[tmp_path])
    assert catalog.actions == ()
    [error] = catalog.broken
    assert "restart_unit is not offered: community.general is not installed here" in error.what
    assert "ansible-galaxy collection install" in error.fix
    put(tmp_path, "community.general")
    assert len(load_catalog([folder.parent], collections=[tmp_path]).actions) == 1
