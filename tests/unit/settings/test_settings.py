from __future__ import annotations

import resource
from pathlib import Path

import pytest

from gate.execution.settings import RunSettings
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


def test_vault_files_are_relative_to_the_site_and_secrets_are_for_actions(root: Path) -> None:
    (root / FILE).write_text(
        '[vault]\nidentities = ["prod@keys/prod", "/etc/dev"]\n'
        '[secrets.b]\nenv = "B"\nactions = ["x", "y"]\n[secrets.a]\nlookup = "l"\nterms = ["t"]\nactions = ["x"]\n'
    )
    run = load_site(root).run
    assert run.vaults == (f"prod@{root}/keys/prod", "/etc/dev")
    assert run.vault_files == (root / "keys" / "prod", Path("/etc/dev"))
    assert run.environment == {"ANSIBLE_VAULT_IDENTITY_LIST": f"prod@{root}/keys/prod,/etc/dev"}
    assert (run.names_for("x"), run.names_for("y"), run.names_for("z")) == (("a", "b"), ("b",), ())
    assert run.variables == {"B"}


def test_a_run_is_told_what_it_may_take(root: Path) -> None:
    (root / FILE).write_text("[run]\nmay_gain_privileges = true\nfile_size_mb = 0\nopen_files = 512\nprocesses = 9\n")
    run = load_site(root).run
    assert (run.may_gain, run.limits) == (True, {resource.RLIMIT_NOFILE: 512, resource.RLIMIT_NPROC: 9})
    (root / "settings").write_text(run.text())
    assert RunSettings.read(root / "settings") == run
    (root / FILE).write_text("[run]\nfile_size_mb = 2\n")
    assert load_site(root).run.limits == {resource.RLIMIT_NOFILE: 4096, resource.RLIMIT_FSIZE: 2 * 1024 * 1024}


def test_an_empty_file_is_a_site_with_defaults(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("")
    assert load_site(tmp_path).settings.site.name == "site"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[site]\nnam = 'x'", "site.nam"),
        ("[sites]\n", "sites"),
        ("[site]\nname = 1", "site.name"),
        ("[run]\nmay_gain_privileges = 1", "run.may_gain_privileges"),
        ("[run]\nopen_files = 3", "run.open_files"),
        ("[run]\nprocesses = -1", "run.processes"),
        ("[run]\nfile_size_mb = true", "run.file_size_mb"),
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
        ("[vault]\nidentities = 'x'", "vault.identities"),
        ("[vault]\nidentities = ['a@b,c@d']", "vault.identities"),
        ("[vault]\nidentities = ['']", "vault.identities"),
        ("[secrets.A]\nenv = 'X'\nactions = ['a']", "secrets.A"),
        ("[secrets.a]\nenv = 'X'", "secrets.a.actions"),
        ("[secrets.a]\nenv = 'X'\nactions = []", "secrets.a.actions"),
        ("[secrets.a]\nenv = 'X'\nactions = ['*']", "secrets.a.actions"),
        ("[secrets.a]\nactions = ['a']", "secrets.a"),
        ("[secrets.a]\nenv = 'X'\nvariable = 'x'\nactions = ['a']", "secrets.a"),
        ("[secrets.a]\nenv = 'X'\nterms = ['x']\nactions = ['a']", "secrets.a"),
        ("[secrets.a]\nenv = 'X=1'\nactions = ['a']", "secrets.a.env"),
        ("[secrets.a]\nvariable = '{{ x }}'\nactions = ['a']", "secrets.a.variable"),
        ("[secrets.a]\nlookup = '../x'\nactions = ['a']", "secrets.a.lookup"),
        ("[secrets.a]\nvalue = 'hunter22'\nactions = ['a']", "secrets.a"),
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
