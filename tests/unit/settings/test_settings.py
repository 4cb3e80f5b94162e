from __future__ import annotations

from pathlib import Path

import pytest

from gate.settings import FILE, find_site, load_site
from gate.values.errors import SettingsError

GOOD = '[site]\nname = "prod"\nplaybooks = ["a", "b"]\n[groups]\nsre = ["alice", "bob"]\nops = ["bob"]\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / FILE).write_text(GOOD)
    return tmp_path


def test_paths_are_relative_to_the_site(root: Path) -> None:
    folder = load_site(root)
    assert folder.playbooks == (root / "a", root / "b")
    assert folder.rules == root / "rules"
    assert folder.state == root / ".gate"
    assert folder.socket == root / ".gate" / "gate.sock"


def test_a_person_is_in_the_groups_that_name_them(root: Path) -> None:
    folder = load_site(root)
    assert folder.groups_of("bob") == {"sre", "ops"}
    assert folder.groups_of("alice") == {"sre"}
    assert folder.groups_of("carol") == frozenset()


def test_an_empty_file_is_a_site_with_defaults(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("")
    assert load_site(tmp_path).settings.site.name == "site"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[site]\nnam = 'x'", "site.nam"),
        ("[sites]\n", "sites"),
        ("[site]\nname = 1", "site.name"),
        ("[site]\nname = 'A B'", "site.name"),
        ("[site]\nname = 'a\\n'", None),
        ('[site]\nname = "a\\n"', "site.name"),
        ("[site]\nplaybooks = 'x'", "site.playbooks"),
        ("[serve]\nport = '8642'", "serve.port"),
        ("[serve]\nport = 0", "serve.port"),
        ("[serve]\nport = 70000", "serve.port"),
        ("[serve]\nport = true", "serve.port"),
        ("[groups]\nSRE = ['a']", "groups"),
        ("[groups]\nsre = 'alice'", "groups.sre"),
        ("[groups]\nsre = ['human:alice']", "groups.sre"),
        ("[groups]\nsre = ['*']", "groups.sre"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_place(tmp_path: Path, text: str, place: str | None) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(SettingsError) as refused:
        load_site(tmp_path)
    assert (place or "site.name") in refused.value.what


@pytest.mark.parametrize("content", [b"[site", b"\xff\xfe", b"a = ", b"[site]\n[site]\n"])
def test_what_is_no_toml_is_refused_with_the_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(SettingsError, match=r"gate\.toml is not TOML"):
        load_site(tmp_path)


def test_a_folder_without_a_site_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_site(tmp_path)


def test_a_site_is_found_from_a_folder_below_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(root / "deep" / "er")
    assert find_site(None, {}).root == root.resolve()


def test_the_folder_given_wins_over_the_environment_and_that_over_here(root: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / FILE).write_text("")
    assert find_site(root, {"GATE_SITE": str(other)}).root == root.resolve()
    assert find_site(None, {"GATE_SITE": str(other)}).root == other.resolve()


def test_no_site_says_how_to_make_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match="gate init"):
        find_site(None, {})
