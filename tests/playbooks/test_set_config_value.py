"""set_config_value by hand: what it does, how it comes back, what it refuses."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.playbooks.conftest import Site

INI = {"path": "/etc/app/app.ini", "format": "ini", "section": "server", "key": "workers", "value": "8"}
ENV = {"path": "/etc/app/app.env", "format": "env", "section": "", "key": "LOG_LEVEL", "value": "debug"}
JSON = {"path": "/srv/app.json", "format": "json", "section": "a", "key": "k", "value": "8", "value_type": "number"}
YAML = {**JSON, "path": "/srv/app.yml", "format": "yaml"}
ODD = b"; gr\xfc\xdfe\r\n[client]\r\nworkers = 1\r\n\r\n[server]\r\nhost: a\r\nworkers : 2\r\n[end]\r\nx=1"


@pytest.mark.usefixtures("private_umask")
def test_a_file_is_changed_verified_and_brought_back_byte_for_byte(site: Site) -> None:
    site.put("two", "/etc/app/app.ini", ODD, 0o640)  # host one has nothing, not even /etc
    before = site.trees()

    done = site.play("set_config_value/do.yml", INI)
    assert (done.rc, done.changed) == (0, {"one", "two"})
    assert (site.root("one") / "etc/app/app.ini").read_text() == "[server]\nworkers = 8\n"
    assert (site.root("two") / "etc/app/app.ini").read_bytes() == ODD.replace(b"workers : 2", b"workers : 8")
    assert site.play("set_config_value/verify.yml", INI).rc == 0
    assert site.trees()["one"]["etc/app"][0] == "drwxr-xr-x"
    assert site.trees()["one"]["etc/app/app.ini"][0] == "-rw-r--r--"
    assert done.evidence["one"]["made_directories"] == ["/etc", "/etc/app"]

    left = site.trees()
    assert site.play("set_config_value/do.yml", INI).changed == frozenset()
    assert site.trees() == left

    undone = site.undo("set_config_value", INI, done.evidence)
    assert (undone.rc, undone.changed) == (0, {"one", "two"})
    assert site.trees() == before
    again = site.undo("set_config_value", INI, done.evidence)
    assert (again.rc, again.changed) == (0, frozenset())
    assert site.play("set_config_value/verify.yml", INI).failed.keys() == {"one", "two"}


def test_what_was_so_already_stays_and_a_private_file_stays_private(site: Site) -> None:
    site.put("one", "/etc/app/app.env", "A=1\nLOG_LEVEL=debug", 0o600)
    site.put("two", "/etc/app/app.env", "# levels\nexport LOG_LEVEL='info'\n", 0o600)
    before = site.trees()
    done = site.play("set_config_value/do.yml", ENV)
    assert done.changed == {"two"}
    assert site.trees()["two"]["etc/app/app.env"] == ("-rw-------", b"# levels\nexport LOG_LEVEL=debug\n".hex())
    assert site.undo("set_config_value", ENV, done.evidence).changed == {"two"}
    assert site.trees() == before


def test_undo_refuses_what_somebody_touched_since(site: Site) -> None:
    site.put("two", "/etc/app/app.ini", ODD)
    done = site.play("set_config_value/do.yml", INI)
    site.put("one", "/etc/app/mine.ini", "mine")  # in a directory that the change made
    site.put("two", "/etc/app/app.ini", "edited")
    touched = site.trees()
    undone = site.undo("set_config_value", INI, done.evidence)
    assert undone.rc != 0
    assert undone.failed.keys() == {"one", "two"}
    assert all(reason.startswith("stale: ") for reason in undone.failed.values())
    assert site.trees() == touched


def test_undo_refuses_another_mode_and_a_host_without_evidence(site: Site) -> None:
    done = site.play("set_config_value/do.yml", INI)
    (site.root("one") / "etc/app/app.ini").chmod(0o600)
    touched = site.trees()
    undone = site.undo("set_config_value", INI, {"one": done.evidence["one"]})
    assert undone.failed["one"].startswith("stale: ")
    assert "nothing was recorded for two" in undone.failed["two"]
    assert site.trees() == touched


def test_check_shows_the_change_and_makes_none(site: Site) -> None:
    site.put("two", "/etc/app/app.ini", "[server]\nworkers = 2\n")
    before = site.trees()
    checked = site.play("set_config_value/do.yml", INI, "--check")
    assert (checked.rc, checked.changed) == (0, {"one", "two"})
    assert checked.text.count("-workers = 2") == 1
    assert checked.text.count("+workers = 8") == 2
    assert site.trees() == before


def test_a_symlink_on_the_way_is_refused(site: Site) -> None:
    outside = site.top / "outside"
    outside.mkdir()
    (outside / "app.ini").write_text("[server]\nworkers = 2\n")
    (site.root("one") / "etc").mkdir()
    (site.root("one") / "etc/app").symlink_to(outside)
    site.put("two", "/etc/app/real.ini", "[server]\n").with_name("app.ini").symlink_to("real.ini")
    before = site.trees()
    done = site.play("set_config_value/do.yml", INI)
    assert done.failed.keys() == {"one", "two"}
    assert all("symlink" in reason for reason in done.failed.values())
    assert done.evidence == {}
    assert site.trees() == before
    assert (outside / "app.ini").read_text() == "[server]\nworkers = 2\n"


@pytest.mark.parametrize(
    ("path", "variables"),
    [
        ("/etc/passwd", {}),
        ("/etc/app/../../../outside.ini", {}),
        ("/etc/application/app.ini", {"gate_config_paths": ["/etc/app"]}),
        ("/etc/app/app.ini", {"gate_config_paths": []}),
        ("/etc/app/app.ini", {"gate_root": "/nowhere"}),
    ],
)
def test_a_path_outside_the_allowed_places_is_refused(site: Site, path: str, variables: dict[str, Any]) -> None:
    before = site.trees()
    done = site.play("set_config_value/do.yml", {**INI, "path": path}, **variables)
    assert done.failed.keys() == {"one", "two"}
    assert site.trees() == before
    assert not (site.top / "outside.ini").exists()


def test_a_template_in_a_value_arrives_as_text(site: Site) -> None:
    hostile = "{{ 7*7 }}{{ lookup(%pipe%, %id%) }}"
    done = site.play("set_config_value/do.yml", {**INI, "value": hostile})
    assert done.rc == 0
    assert f"workers = {hostile}\n" in (site.root("one") / "etc/app/app.ini").read_text()
    assert site.play("set_config_value/verify.yml", {**INI, "value": hostile}).rc == 0


def test_a_file_too_big_for_evidence_is_left_alone(site: Site) -> None:
    site.put("one", "/etc/app/app.env", "A=1\n" * 70_000)
    site.put("two", "/etc/app/app.env", b"A=1\n\0")
    before = site.trees()
    done = site.play("set_config_value/do.yml", ENV)
    assert "bytes" in done.failed["one"]
    assert "no plain text" in done.failed["two"]
    assert site.trees() == before


@pytest.mark.parametrize("wish", [JSON, YAML], ids=["json", "yaml"])
def test_a_typed_value_is_changed_verified_and_brought_back(site: Site, wish: dict[str, Any]) -> None:
    old = '{"b": [1,  2],\n\t"a": {"k" : "8"} }' if wish is JSON else "b: [1,  2]\n\na:  # here\n    k: '8'   # there"
    site.put("two", wish["path"], old, 0o600)
    before = site.trees()
    done = site.play("set_config_value/do.yml", wish)
    assert (done.rc, done.changed) == (0, {"one", "two"})
    quoted = '"8"' if wish is JSON else "'8'"
    assert (site.root("two") / wish["path"][1:]).read_text() == old.replace(quoted, "8")
    assert site.play("set_config_value/verify.yml", wish).rc == 0
    assert site.play("set_config_value/do.yml", wish).changed == frozenset()
    text = site.play("set_config_value/verify.yml", {**wish, "value_type": "string"})
    assert text.failed.keys() == {"one", "two"}  # 8 is not "8"
    assert site.undo("set_config_value", wish, done.evidence).changed == {"one", "two"}
    assert site.trees() == before


def test_types_are_for_files_that_have_them(site: Site) -> None:
    before = site.trees()
    done = site.play("set_config_value/do.yml", {**INI, "value_type": "number"})
    assert all("every value is a string" in reason for reason in done.failed.values())
    assert (done.failed.keys(), done.evidence) == ({"one", "two"}, {})
    assert site.trees() == before


CHECKER = """\
import os, stat, sys
text, mode = open(sys.argv[1]).read(), stat.S_IMODE(os.stat(sys.argv[1]).st_mode)
print(f"{sys.argv[1]}: \\x1b[31mno {text}")
sys.exit(os.path.basename(sys.argv[1])[-8:] != ".app.ini" or mode != 0o600 or "workers = 8" in text)
"""


def checkers(site: Site) -> dict[str, Any]:
    (site.top / "checker.py").write_text(CHECKER)
    return {"gate_config_checkers": {"app": [sys.executable, str(site.top / "checker.py"), "%s"]}}


def test_a_checker_sees_the_new_file_beside_the_old_one_and_takes_it(site: Site) -> None:
    for host in ("one", "two"):
        site.put(host, "/etc/app/app.ini", "[server]\nworkers = 8\n")
    before = site.trees()
    wish = {**INI, "value": "7", "checker": "app"}
    done = site.play("set_config_value/do.yml", wish, **checkers(site))
    assert (done.rc, done.changed) == (0, {"one", "two"})
    assert site.trees()["one"].keys() == before["one"].keys()
    assert (site.root("one") / "etc/app/app.ini").read_text() == "[server]\nworkers = 7\n"
    assert site.undo("set_config_value", wish, done.evidence).rc == 0
    assert site.trees() == before


def test_what_a_checker_refuses_changes_nothing(site: Site) -> None:
    site.put("one", "/etc/app/app.ini", "[server]\nworkers = 7\n", 0o640)
    before = site.trees()  # host two has no folder that the checker could look at a file in
    done = site.play("set_config_value/do.yml", {**INI, "checker": "app"}, **checkers(site))
    place = site.root("one") / "etc/app/app.ini"
    assert done.failed["one"] == f"app refuses the file: {place}: ?[31mno [server] workers = 8"
    assert "has to be there" in done.failed["two"]
    assert site.trees() == before
    assert site.undo("set_config_value", INI, done.evidence).changed == frozenset()


def test_a_preview_writes_nothing_for_a_checker(site: Site) -> None:
    site.put("one", "/etc/app/app.ini", "[server]\nworkers = 7\n")
    before = site.trees()
    known = {"gate_config_checkers": {"app": ["touch", "%s", str(site.top / "touched")]}}
    assert site.play("set_config_value/do.yml", {**INI, "checker": "app"}, "--check", **known).rc == 0
    assert site.trees() == before
    assert not (site.top / "touched").exists()


@pytest.mark.parametrize(
    ("name", "known", "why"),
    [
        ("touch /tmp/x", {}, "There is no checker"),
        ("nginx", {}, "There is no checker 'nginx'"),
        ("app", {"app": "touch %s"}, "no list of texts"),
        ("app", {"app": ["touch"]}, "needs %s"),
        ("app", {"app": ["%s"]}, "needs %s"),
        ("app", {"app": ["touch", "%s", "%s"]}, "needs %s"),
        ("app", {"app": []}, "needs %s"),
        ("app", {"app": ["not-there-anywhere", "%s"]}, "not installed"),
    ],
)
def test_only_a_checker_of_the_list_that_is_installed(site: Site, name: str, known: dict[str, Any], why: str) -> None:
    site.put("one", "/etc/app/app.ini", "[server]\nworkers = 7\n")
    before = site.trees()
    done = site.play("set_config_value/do.yml", {**INI, "checker": name}, "--limit=one", gate_config_checkers=known)
    assert why in done.failed["one"]
    assert site.trees() == before
