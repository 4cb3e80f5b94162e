"""The command line as people, scripts and agents meet it: answers, errors, exit codes, and what it leaves behind."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from gate import Intent

GATE = Path(sys.executable).parent / "gate"
FREEZE = """\
- rule: frozen
  when: {target: db-02}
  then: deny
  because: This one is frozen.
"""
HOST = "web-03"
MARK = ("propose", "mark", "--on", HOST, "-p")
VALUE = ("propose", "set_config_value", "--on", HOST, "-p", "path=/etc/app/app.ini", "-p", "format=env", "-p", "key=A")
COMMANDS = (
    "propose", "approve", "reject", "undo", "redo", "settle", "plan", "changes", "catalog", "inventory", "policy",
    "schedule", "ledger", "token", "serve", "init", "doctor", "exit-codes", "completion",
)  # fmt: skip


@pytest.fixture
def site(site: Any) -> Any:
    site.add_mark()
    (site.root / "rules/freeze.yml").write_text(FREEZE)
    return site


@pytest.fixture(scope="module")
def calm(shared_site: Any) -> Any:
    """A site with one of each: a change that succeeded, one that waits, one that was denied, a token, a schedule."""
    site = shared_site
    site.add_mark()
    site.add_note()
    (site.root / "rules/freeze.yml").write_text(FREEZE)
    (site.root / "schedules.yml").write_text(
        '- schedule: nightly\n  cron: "30 2 * * *"\n'
        "  intent: {action: mark, targets: [web-03], parameters: {tag: nightly}}\n"
    )
    site.done = site.json(*MARK, "tag=done")["id"]
    site.waits = site.json("propose", "mark", "--on", "web-01", "-p", "tag=waits")["id"]
    site.denied = site.json("propose", "mark", "--on", "db-02", "-p", "tag=denied", expect=3)["id"]
    site.agent = site.token()
    return site


def failed(site: Any, code: str, exit_code: int, *words: str, **options: Any) -> str:
    """Insists on the three lines of an error: what, why, what to do. Returns them."""
    done = site.gate(*words, expect=exit_code, **options)
    lines = done.stderr.splitlines()
    assert len(lines) == 3, done.stderr
    assert re.match(rf"error {code}[A-Z-]*: \S", lines[0]), done.stderr
    assert re.match(r"  why: \S", lines[1]), done.stderr
    assert re.match(r"  do:  \S", lines[2]), done.stderr
    assert done.stdout == ""
    return str(done.stderr)


# a new site, and what the doctor says


def test_a_new_site_is_sound(site: Any, tree: Callable[..., Any]) -> None:
    made = site.gate("init", "fresh", at=site.top, expect=0)
    fresh = site.top / "fresh"
    assert str(fresh / "gate.toml").endswith(made.stdout.splitlines()[0])
    assert made.stderr == "next: cd fresh && gate doctor\n"
    found = site.json("doctor", at=fresh)
    assert found["sound"]
    assert all(check["sound"] and not check["mend"] for check in found["checks"])
    assert site.gate("policy", "check", at=fresh, expect=0)
    assert site.gate("catalog", "check", at=fresh, expect=0)
    assert (fresh / ".gate").stat().st_mode & 0o777 == 0o700
    before = tree(fresh)
    assert "overwrites nothing" in failed(site, "GATE-SETTINGS", 2, "init", "fresh", at=site.top)
    assert tree(fresh) == before


def test_a_site_is_not_made_where_it_cannot_be(site: Any, tree: Callable[..., Any]) -> None:
    (site.top / "file").write_text("x")
    before = tree(site.top)
    failed(site, "GATE-SETTINGS", 2, "init", "file", at=site.top)
    failed(site, "GATE-SETTINGS", 2, "init", "file/below", at=site.top)
    assert tree(site.top) == before


PLANTED: dict[str, tuple[str, Callable[[Path], Any], str]] = {
    "an action that is no YAML": (
        "catalog",
        lambda root: (root / "playbooks/mark/action.yml").write_text("risk: [1"),
        r"action\.yml:\d+: ",
    ),
    "an action without an undo": (
        "catalog",
        lambda root: (root / "playbooks/mark/undo.yml").unlink(),
        r"undo\.yml:1: undo\.yml is missing",
    ),
    "an action with a free text": (
        "catalog",
        lambda root: edit(root / "playbooks/mark/do.meta.yml", ", pattern: '[a-z0-9-]+'", ""),
        r"do\.meta\.yml:\d+: tag is free text",
    ),
    "an inventory that is none": (
        "inventory",
        lambda root: (root / "inventory/hosts.yml").write_text("all: ["),
        r"hosts\.yml",
    ),
    "an inventory that is not there": (
        "inventory",
        lambda root: (root / "inventory").rename(root / "elsewhere"),
        r"inventory cannot be read",
    ),
    "rules that are none": (
        "rules",
        lambda root: (root / "rules/baseline.yml").write_text("- rule: x\n  when: {colour: red}\n  then: allow\n"),
        r"baseline\.yml:\d+",
    ),
    "rules that fail their own tables": (
        "rules",
        lambda root: table(root, "{case: free, catalog: mark, expect: {verdict: deny}}"),
        r"t\.yml:3: the rules fail their own test 'free'",
    ),
    "a table that is none": (
        "rules",
        lambda root: table(root, "{case: free, catalog: no_such_action, expect: {verdict: allow}}"),
        r"t\.yml:3: There is no action 'no_such_action'",
    ),
    "rules that can never match": (
        "rules",
        lambda root: (root / "rules/more.yml").write_text(
            "- {rule: x, when: {all: [{risk: 1}, {risk: 2}]}, then: deny, because: Never.}\n"
        ),
        r"more\.yml:\d+: ",
    ),
    "a key that others can read": (
        "keys",
        lambda root: (root / ".gate/keys/warrant.key").chmod(0o644),
        r"warrant\.key can be read by others",
    ),
    "a key that is none": (
        "keys",
        lambda root: (root / ".gate/keys/ledger.pub").write_text("x"),
        r"ledger\.pub is no Ed25519 key",
    ),
    "a state folder that is open to others": ("state", lambda root: (root / ".gate").chmod(0o755), r"mode 755"),
    "a database of a newer version": (
        "ledger",
        lambda root: query(root, "UPDATE alembic_version SET version_num = '9999'"),
        r"version 9999",
    ),
    "a database that is none": (
        "ledger",
        lambda root: spoil(root / ".gate/gate.db"),
        r"gate\.db cannot be used",
    ),
    "a record of jobs that is damaged": (
        "records",
        lambda root: (root / ".gate/dispatch.db").write_bytes(b"no database" * 500),
        r"dispatch\.db cannot be used\. file is not a database",
    ),
    "a ledger that was changed": (
        "ledger",
        lambda root: query(root, "DROP TRIGGER IF EXISTS ledger_no_update", "UPDATE ledger SET body = body || ' '"),
        r"does not verify",
    ),
    "schedules that are none": (
        "schedules",
        lambda root: (root / "schedules.yml").write_text("- schedule: x\n  cron: never\n  intent: {}\n"),
        r"schedules\.yml: schedule 1 is wrong",
    ),
    "nobody who could approve": (
        "people",
        lambda root: edit(root / "gate.toml", '\\["[^"]*"\\]', "[]"),
        r"Nobody can approve",
    ),
}


def table(root: Path, case: str) -> None:
    (root / "rules" / "tests").mkdir()
    defaults = "{actor: human:ann, at: 2026-11-23T12:00:00Z, host: {name: h, environment: staging}}"
    (root / "rules" / "tests" / "t.yml").write_text(f"defaults: {defaults}\ncases:\n  - {case}\n")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    changed = re.sub(old, new, text) if "\\" in old else text.replace(old, new)
    assert changed != text
    path.write_text(changed)


def query(root: Path, *statements: str) -> None:
    with sqlite3.connect(root / ".gate/gate.db") as connection:
        for trigger in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {trigger[0]}")
        for statement in statements:
            connection.execute(statement)
    connection.close()


def spoil(path: Path) -> None:
    for one in path.parent.glob("gate.db*"):
        one.unlink()
    path.write_bytes(b"this is no database, and it is long enough to be looked at" * 100)


@pytest.mark.parametrize("plant", PLANTED)
def test_the_doctor_names_each_problem_with_its_mend(plant: str, site: Any) -> None:
    name, spoiled, told = PLANTED[plant]
    site.token()  # so that there is a state folder with a database and a ledger
    spoiled(site.root)
    done = site.gate("doctor", "-o", "json", expect=1)
    wrong = [check for check in json.loads(done.stdout)["checks"] if not check["sound"]]
    assert name in {check["name"] for check in wrong}, wrong
    assert re.search(told, " ".join(check["what"] for check in wrong)), wrong
    assert all(check["mend"] for check in wrong)
    table = site.gate("doctor", expect=1).stdout
    assert table.count("    do: ") == len(wrong)
    assert done.stderr == ""


def test_a_record_of_jobs_that_is_damaged_is_named_with_its_mend_and_nothing_is_lost(site: Any) -> None:
    record = site.root / ".gate/dispatch.db"
    site.token()  # so that there is a state folder
    record.write_bytes(b"no database" * 500)
    said = site.gate(*MARK, "tag=x", expect=1).stderr
    assert "error GATE-DATABASE: The file" in said
    assert "move it away" in said
    (change,) = site.json("changes", "list")["changes"]
    assert change["state"] == "ready"
    record.rename(record.with_suffix(".damaged"))
    assert site.json("changes", "wait", change["id"])["state"] == "succeeded"


@pytest.mark.parametrize(
    ("line", "told"),
    [("colour = 1", "setting site.colour"), ("rules = 8", "setting site.rules"), ("rules = [", "no TOML|is not TOML")],
)
def test_a_wrong_setting_is_named_by_every_command(line: str, told: str, site: Any) -> None:
    edit(site.root / "gate.toml", 'rules = "rules"', line)
    for words in (("doctor",), ("changes", "list"), (*MARK, "tag=x"), ("serve",)):
        assert re.search(told, failed(site, "GATE-SETTINGS", 2, *words))
    assert not site.state.exists()


def test_a_folder_that_is_no_site_is_said_to_be_none(site: Any) -> None:
    for words in (("doctor",), ("changes", "list"), (*MARK, "tag=x"), ("serve",), ("schedule", "list")):
        assert "gate init DIR" in failed(site, "GATE-SETTINGS", 2, *words, at=site.top)
    failed(site, "GATE-SETTINGS", 2, "-C", "/nowhere", "changes", "list")
    assert sorted(path.name for path in site.top.iterdir()) == ["site"]


# what is wrong leaves nothing behind

BAD: dict[str, tuple[list[str], int, str]] = {
    "an unknown action": (["propose", "marc", "--on", HOST, "-p", "tag=x"], 2, "Did you mean mark?"),
    "an unknown host": (["propose", "mark", "--on", "web-04", "-p", "tag=x"], 2, "Did you mean web-0"),
    "a missing parameter": (["propose", "mark", "--on", HOST], 2, "lacks the parameter tag"),
    "an unknown parameter": ([*MARK, "tag=x", "-p", "tagg=y"], 2, "Did you mean tag?"),
    "a wrong value": ([*MARK, "tag=A B"], 2, "does not match"),
    "a wrong number": ([*MARK, "tag=x", "-p", "pause_ms=soon"], 2, "pause_ms"),
    "a number out of bounds": ([*MARK, "tag=x", "-p", "pause_ms=60001"], 2, "pause_ms"),
    "a file that is not there": (["propose", "--intent", "/nowhere.json"], 2, "No such file"),
    "a change that is not there": (["changes", "show", "chg-0"], 2, "There is no change"),
    "an undo of nothing": (["undo", "chg-0"], 2, "There is no change"),
    "an approval of nothing": (["approve", "chg-0", "--yes"], 2, "There is no change"),
    "a rejection of nothing": (["reject", "chg-0", "-r", "x"], 2, "There is no change"),
    "settling nothing": (["settle", "chg-0", "--as", "failed", "-r", "x"], 2, "There is no change"),
    "waiting for nothing": (["changes", "wait", "chg-0"], 2, "There is no change"),
    "an action that is not there": (["catalog", "show", "marc"], 2, "Did you mean mark?"),
    "a token that is not there": (["token", "revoke", "tok-0"], 2, "There is no living token"),
    "a scope that is none": (["token", "new", "x", "--scope", "everything"], 4, "cannot be put on a token"),
    "an agent that approves": (["token", "new", "x", "--scope", "approve:ops"], 4, "Only humans"),
    "a schedule that is not there": (["schedule", "next", "x"], 2, "There is no schedule"),
    "an address that is not loopback": (["serve", "--host", "0.0.0.0"], 2, "loopback only"),  # noqa: S104
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_input_has_its_exit_code_its_mend_and_leaves_nothing(bad: str, calm: Any, tree: Callable[..., Any]) -> None:
    words, code, told = BAD[bad]
    before, states = tree(calm.root / "playbooks", calm.root / "rules", calm.root / "hosts"), calm.states()
    assert told in failed(calm, "GATE-", code, *words)
    assert tree(calm.root / "playbooks", calm.root / "rules", calm.root / "hosts") == before
    assert calm.states() == states


USAGE = (
    [], ["propose"], ["propose", "mark"], ["propose", "mark", "--on", HOST, "-p", "tag"], ["propose", "--unknown"],
    [*MARK, "tag=x", "-p", "tag=y"], ["propose", "mark", "--intent", "-"], ["propose", "--intent", "-", "-p", "tag=x"],
    ["approve"], ["reject", "chg-0"], ["settle", "chg-0", "--as", "waiting", "-r", "x"], ["changes"],
    ["changes", "list", "--state", "odd"], ["changes", "list", "-n", "0"], ["changes", "list", "-o", "xml"],
    ["policy", "explain"], ["token", "new", "A B"], ["token", "new", "x", "--for", "soon"], ["completion", "tcsh"],
    ["catalog", "check", "/nowhere"], ["ledger", "verify", "--export", "/nowhere"],
)  # fmt: skip


def test_a_wrong_command_line_is_a_usage_error(calm: Any) -> None:
    for words in USAGE:
        done = calm.gate(*words, stdin="{}")
        assert done.returncode == 2, (words, done)
        assert "Usage: gate" in done.stderr or "Usage: gate" in done.stdout, (words, done)
        assert "Traceback" not in done.stderr


def test_an_unknown_command_says_what_was_probably_meant(calm: Any) -> None:
    assert "Did you mean 'propose'?" in calm.gate("porpose", expect=2).stderr
    assert "Did you mean" not in calm.gate("xyzzy", expect=2).stderr


def test_an_export_that_cannot_be_written_leaves_no_half(calm: Any, tree: Callable[..., Any]) -> None:
    before = tree(calm.top / "site/rules")
    done = calm.gate("ledger", "export", str(calm.root / "nowhere/x.jsonl"))
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert not (calm.root / "nowhere").exists()
    assert tree(calm.top / "site/rules") == before


# how answers look

LISTS = (
    ["changes", "list"], ["catalog", "list"], ["catalog", "show", "note"], ["catalog", "check"], ["inventory", "list"],
    ["ledger", "show"], ["ledger", "verify"], ["token", "list"], ["schedule", "list"], ["schedule", "next", "nightly"],
    ["exit-codes"], ["doctor"], ["policy", "check"],
    ["propose", "mark", "--on", HOST, "-p", "tag=x", "--dry-run"],
    ["plan", "set workers to 8 in section server of /etc/app/app.ini on web-03"],
)  # fmt: skip


@pytest.mark.parametrize("words", LISTS, ids=" ".join)
def test_every_answer_can_be_had_as_data_and_as_text(words: list[str], calm: Any) -> None:
    as_json = calm.gate(*words, "-o", "json", expect=0)
    as_yaml = calm.gate(*words, "-o", "yaml", expect=0)
    plain = json.loads(as_json.stdout)
    assert plain["format_version"] == yaml.safe_load(as_yaml.stdout)["format_version"] == 1
    assert plain.keys() == yaml.safe_load(as_yaml.stdout).keys()
    told = calm.gate(*words, expect=0, env={"NO_COLOR": ""})
    assert told.stdout or told.stderr
    assert "\x1b" not in as_json.stdout + as_yaml.stdout + told.stdout + told.stderr
    assert "Warning" not in as_json.stderr + told.stderr


def test_the_data_of_one_change_carries_its_runs_and_its_story(calm: Any) -> None:
    for change, state in {calm.done: "succeeded", calm.waits: "waiting", calm.denied: "denied"}.items():
        found = calm.json("changes", "show", change)
        assert (found["format_version"], found["state"]) == (1, state)
        assert [entry["kind"] for entry in found["story"]][:2] == ["proposed", "decided"]
        assert calm.json("policy", "explain", change)["explanation"]
    runs = calm.json("changes", "show", calm.done)["runs"]
    assert [(run["phase"], run["outcome"]["status"]) for run in runs] == [("do", "succeeded"), ("verify", "succeeded")]


def test_a_default_that_is_a_map_is_in_the_schema(calm: Any) -> None:
    found = calm.json("catalog", "show", "note")
    assert found["parameters"]["properties"]["entry"]["default"] == {"title": "none", "labels": []}


def test_colour_is_for_terminals_unless_it_is_asked_for(calm: Any) -> None:
    for words in (["changes", "list"], ["changes", "show", calm.done], ["doctor"], ["catalog", "list"]):
        assert "\x1b[" not in calm.gate(*words, env={"NO_COLOR": ""}).stdout
        coloured = calm.gate(*words, env={"NO_COLOR": "", "FORCE_COLOR": "1"}).stdout
        assert "\x1b[" in coloured
        plain = calm.gate(*words, env={"NO_COLOR": "1", "FORCE_COLOR": "1"}).stdout
        assert plain == re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    wrong = calm.gate("changes", "show", "chg-0", env={"NO_COLOR": "", "FORCE_COLOR": "1"}).stderr
    assert "\x1b[31m" in wrong


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_is_printed(shell: str, calm: Any) -> None:
    assert "_GATE_COMPLETE" in calm.gate("completion", shell, expect=0).stdout


def test_completion_knows_actions_and_hosts(calm: Any) -> None:
    calm.json("inventory", "list")
    asked = {"propose ma": ["mark"], "propose mark --on web-0": ["web-01", "web-02", "web-03"], "led": ["ledger"]}
    for words, expected in asked.items():
        env = {
            "_GATE_COMPLETE": "bash_complete",
            "COMP_WORDS": f"gate {words}",
            "COMP_CWORD": str(words.count(" ") + 1),
        }
        told = calm.gate(env=env, expect=0).stdout
        assert [line.partition(",")[2] for line in told.splitlines()] == expected


def test_every_command_explains_itself(calm: Any) -> None:
    told = calm.gate("--help", expect=0).stdout
    for name in COMMANDS:
        assert f"\n  {name} " in told
        assert "Usage: gate" in calm.gate(name, "--help", expect=0, at=calm.top).stdout


# what a proposal does


def test_a_dry_run_stores_nothing_and_runs_nothing(calm: Any) -> None:
    before = (calm.states(), len(calm.json("ledger", "show", "-n", "10000")["entries"]))
    assert calm.json(*MARK, "tag=dry", "--dry-run")["decision"]["verdict"] == "allow"
    words = ("propose", "mark", "-p", "tag=dry", "--dry-run", "--on")
    assert calm.json(*words, "web-01")["decision"]["verdict"] == "needs_approval"
    assert calm.json(*words, "db-02", expect=3)["decision"]["verdict"] == "deny"
    assert "frozen: This one is frozen." in calm.gate(*words, "db-02", expect=3).stdout
    assert (calm.states(), len(calm.json("ledger", "show", "-n", "10000")["entries"])) == before
    assert calm.marks(HOST, "dry") == []


def test_the_same_key_makes_one_change(calm: Any) -> None:
    words = (*MARK, "tag=keyed", "--key", "once", "--no-run")
    first, second = calm.json(*words), calm.json(*words)
    assert first["id"] == second["id"]
    told = failed(calm, "GATE-STATE", 1, *MARK, "tag=other", "--key", "once", "--no-run")
    assert first["id"] in told
    assert calm.json("changes", "wait", first["id"])["state"] == "succeeded"
    assert calm.marks(HOST, "keyed") == ["START", "END"]


@pytest.mark.slow
def test_each_exit_code_says_what_happened(site: Any, eventually: Callable[..., Any]) -> None:
    site.started = partial(site.started, warm=False)  # as a command starts that nobody serves
    listed = {one["code"]: one["name"] for one in site.json("exit-codes")["exit_codes"]}
    assert set(listed) == {*range(9), 130}
    change = site.json(*MARK, "tag=ok", expect=0)["id"]
    site.gate("plan", "drop the customers table on db-01", expect=1)
    site.gate("propose", "nothing", "--on", HOST, expect=2)
    site.gate("propose", "mark", "--on", "db-02", "-p", "tag=x", expect=3)
    waiting = site.json("propose", "mark", "--on", "web-01", "-p", "tag=x", "--wait", "--timeout", "0.5", expect=5)[
        "id"
    ]
    site.gate("approve", waiting, "--yes", env={"GATE_TOKEN": site.token()}, expect=4)
    site.gate(*MARK, "tag=bad", "-p", "outcome=do-fails", expect=6)
    site.gate("undo", change, expect=0)
    site.gate("undo", change, expect=7)
    site.gate("reject", waiting, "--reason", "No.", expect=0)
    site.gate("changes", "wait", waiting, expect=3)
    site.gate("ledger", "verify", expect=0)
    sealed = next(site.state.glob("runs/*/artifacts/runner/stdout"))
    sealed.write_bytes(sealed.read_bytes() + b" ")
    assert str(sealed) in site.gate("ledger", "verify", expect=8).stdout
    assert interrupted(site, waits=site.json("propose", "mark", "--on", "web-01", "-p", "tag=i")["id"]) == 130


def interrupted(site: Any, waits: str) -> int:
    # in the background of a shell SIGINT is ignored, and children inherit that
    command = ["env", "--default-signal=INT", GATE, "changes", "wait", waits]
    with subprocess.Popen(command, cwd=site.root, env=site.environment(), stdout=subprocess.DEVNULL) as process:
        time.sleep(3)
        process.send_signal(signal.SIGINT)
        try:
            return process.wait(60)
        finally:
            process.kill()


# people


def test_a_yes_without_a_terminal_needs_to_be_said(calm: Any) -> None:
    done = calm.gate("approve", calm.waits, expect=2)
    assert "--yes" in done.stderr
    assert calm.json("changes", "show", calm.waits)["state"] == "waiting"
    shown = calm.gate("approve", calm.waits, "--show", expect=0)
    assert "production-needs-a-person" in shown.stdout
    assert calm.json("approve", calm.waits, "--show")["missing"] == [{"group": "ops", "count": 1}]
    assert calm.json("changes", "show", calm.waits)["state"] == "waiting"


@pytest.mark.slow
def test_a_person_at_a_terminal_sees_the_card_and_is_asked(site: Any) -> None:
    words = ("propose", "mark", "--on", "web-01", "-p", "tag=asked", "--reason", "Why not?")
    change = site.json(*words, env={"GATE_TOKEN": site.token()})["id"]
    code, told = at_terminal(site, "approve", change, answer="n")
    assert (code, site.json("changes", "show", change)["state"]) == (0, "waiting")
    assert "Nothing was approved." in told
    for word in (change, "web-01", "Why not?", "production-needs-a-person", "1 of ops"):
        assert word in told
    code, told = at_terminal(site, "approve", change, answer="")
    assert (code, site.json("changes", "show", change)["state"]) == (0, "waiting")
    code, told = at_terminal(site, "approve", change, answer="y")
    assert (code, site.json("changes", "show", change)["state"]) == (0, "succeeded")
    assert site.marks("web-01", "asked") == ["START", "END"]
    site.gate("approve", change, "--yes", expect=1)


def at_terminal(site: Any, *words: str, answer: str) -> tuple[int, str]:
    """Runs `gate WORDS` at a terminal, and answers its question."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [GATE, *words], cwd=site.root, env=site.environment(), stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    told, asked, deadline = b"", False, time.monotonic() + 120
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            told += piece
        if not asked and b"[y/N]" in told:
            os.write(ours, answer.encode() + b"\n")
            asked = True
    os.close(ours)
    assert asked, told
    return process.wait(60), told.decode().replace("\r\n", "\n")


def test_a_rejection_and_a_withdrawal_end_what_waits(site: Any) -> None:
    words = ("propose", "mark", "--on", "web-01", "--no-run", "-p")
    one, other = site.json(*words, "tag=one")["id"], site.json(*words, "tag=other")["id"]
    with site.serving(), site.client(site.token()) as client:
        asked = client.propose(Intent.of("mark", ["web-01"], {"tag": "agent"}))["id"]
        site.gate("reject", asked, "--reason", "Not now.", expect=0)
        assert client.status(asked)["state"] == "denied"
    site.gate("reject", one, "--reason", "I was wrong.", expect=0)
    assert site.json("changes", "show", one)["state"] == "withdrawn"
    failed(site, "GATE-STATE", 1, "reject", one, "--reason", "Again.")
    failed(site, "GATE-STATE", 1, "approve", one, "--yes", "-o", "json")
    assert site.json("changes", "show", other)["state"] == "waiting"
    assert site.gate("reject", other, expect=2)  # a reason is needed
    story = site.json("changes", "show", asked)["story"]
    assert ("rejected", "Not now.") in [(entry["kind"], entry["data"].get("reason")) for entry in story]


def test_an_agent_cannot_do_what_people_do(calm: Any, tree: Callable[..., Any]) -> None:
    agent = {"GATE_TOKEN": calm.agent}
    before = (calm.states(), calm.json("token", "list")["tokens"])
    refused = (
        ["approve", calm.waits, "--yes"],
        ["reject", calm.waits, "--reason", "x"],
        ["settle", calm.done, "--as", "failed", "--reason", "x"],
        ["token", "new", "x"],
        ["token", "new", "x", "--kind", "human", "--scope", "admin"],
        ["token", "revoke", before[1][0]["id"]],
    )
    for words in refused:
        done = calm.gate(*words, env=agent)
        assert done.returncode == 4, (words, done)
        assert done.stderr.startswith(("error GATE-IDENTITY", "error GATE-APPROVAL")), (words, done)
    assert (calm.states(), calm.json("token", "list")["tokens"]) == before


def test_a_token_that_is_none_opens_nothing(calm: Any) -> None:
    calm.gate("token", "revoke", next(one["id"] for one in token_of(calm, "gone")), expect=0)
    for token in ("gate_wrong", "", calm.gone):
        done = calm.gate("changes", "list", env={"GATE_TOKEN": token})
        assert (done.returncode, done.stdout) == (4, ""), (token, done)


def token_of(site: Any, name: str) -> list[dict[str, Any]]:
    setattr(site, name, site.token(name))
    return [one for one in site.json("token", "list")["tokens"] if one["actor"] == f"agent:{name}"]


# taking back


def test_all_that_somebody_did_is_shown_and_then_taken_back(site: Any) -> None:
    one, two = (site.json(*VALUE, "-p", f"value={value}")["id"] for value in ("8", "9"))
    me = site.json("changes", "show", one)["actor"]
    looked = site.json("undo", "--by", me, "--since", "1h", "--check")
    assert [(step["change"], step["hosts"], step["after"]) for step in looked["steps"]] == [
        (two, [HOST], []),
        (one, [HOST], [two]),
    ]
    assert (looked["conflicts"], looked["changes"]) == ([], [])
    shown = site.gate("undo", one, "--check", expect=7).stdout
    assert f"stays  {one}  on {HOST}: {two}, by {me}: it touched the same thing later" in shown
    assert f"would undo  {two}" in site.gate("undo", two, "--check", expect=0).stdout
    undone = site.json("undo", "--by", me, "--since", "1h", "--reason", "It went wrong.")
    assert [change["state"] for change in undone["changes"]] == ["succeeded", "succeeded"]
    assert {site.json("changes", "show", name)["state"] for name in (one, two)} == {"undone"}
    assert "Nothing of it can be taken back" in failed(site, "GATE-UNDO", 7, "undo", "--by", me)


@pytest.mark.parametrize(
    "words",
    [
        ("undo",),
        ("undo", "chg-1", "--by", "agent:x"),
        ("undo", "--by", "nobody"),
        ("undo", "--by", "agent:x", "--since", "long"),
        ("catalog", "prove"),
        ("catalog", "prove", "mark", "--all"),
    ],
)
def test_words_that_contradict_each_other_are_usage_errors(site: Any, words: tuple[str, ...]) -> None:
    assert "Usage:" in site.gate(*words, expect=2).stderr


def test_a_proof_needs_hosts_that_can_be_thrown_away(site: Any) -> None:
    wrong = failed(site, "GATE-CERTIFICATE", 1, "catalog", "prove", "set_config_value", "--hosts", HOST)
    assert f"Nothing can be proved on {HOST}" in wrong
    assert "gate_tags: [throwaway]" in wrong
