"""The story of one site, told in the terminal: every line below `$` is a command that really runs.

It makes a small site in .demo/ (six hosts that are folders, over Ansible's local connection), starts `gate serve`
there, and lets an agent, in a process of its own with a token that can only propose, and a person work on it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEMO = Path(os.environ.get("GATE_DEMO", ROOT / ".demo"))
SITE = DEMO / "site"
GATE = Path(sys.executable).parent / "gate"
COLOUR = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
HOSTS = ("web-01", "web-02", "web-03", "web-04", "db-01", "db-02")
APP_INI = "[server]\nport = 8080\nworkers = 4\n\n[cache]\nttl = 60\n"


class DemoError(Exception):
    """The story did not go as it is told."""


def main() -> int:
    """Tells it. Returns 0 if every step did what the text says."""
    began = time.monotonic()
    make_site()
    with serving():
        agent = {"GATE_URL": f"unix:{SITE / '.gate' / 'gate.sock'}", "GATE_TOKEN": agent_token()}
        words_become_intents(agent)
        before = {host: fingerprint(host) for host in ("web-03", "db-02")}
        change = low_risk_runs(agent)
        refusals(agent)
        approval(agent)
        failure_is_taken_back(agent)
        operator_undoes(change, before)
        ledger_shows_tampering()
    heading("What next?")
    say(f"  The site is in {SITE}. Try, there, with {GATE.parent} on your PATH:")
    say("    gate doctor                    is this site sound?")
    say("    gate changes list              what was asked for, and what became of it")
    say("    gate policy explain CHANGE     why was it decided like this?")
    say('    gate plan "words"              ask in your own words')
    say("    gate serve                     let agents ask: docs/howto/connect-an-agent.md")
    say(f"  Told in {time.monotonic() - began:.0f} s. Running it again begins anew.")
    return 0


def words_become_intents(agent: dict[str, str]) -> None:
    heading("1. A sentence becomes an intent, or an honest no")
    run("plan", "set workers to 8 in section server of /etc/app/app.ini on web-03", env=agent, expect=0)
    run("plan", "drop the customers table on db-01", env=agent, expect=1, must_say="cannot do")


def low_risk_runs(agent: dict[str, str]) -> str:
    heading("2. Low risk outside of production: allowed by a rule, run by Ansible, on two hosts")
    told = run(
        *set_value("web-03", "db-02", key="workers", value="8", reason="load is growing"),
        env=agent,
        expect=0,
        must_say="succeeded",
    )
    change = change_in(told)
    run("changes", "show", change, expect=0, must_say="+workers = 8")
    return change


def refusals(agent: dict[str, str]) -> None:
    heading("3. Three wishes that are refused, each with its reason and its rule")
    say("  Outside of its window:")
    run(*set_value("db-01", key="workers", value="8"), env=agent, expect=3, must_say="window/closed")
    say("  Over a rate limit; the first rotation of the hour is allowed, the second is not:")
    rotate = ("propose", "rotate_credentials", "--on", "web-04", "-p", "path=/etc/app/session.key")
    run(*rotate, env=agent, expect=0, must_say="succeeded")
    run(*rotate, env=agent, expect=3, must_say="limit/rotations-per-hour")
    say("  A parameter that wants to be a template, and one that wants out of its folder:")
    run(
        *set_value("web-03", key="workers", value="{{ lookup('pipe', 'id') }}"),
        env=agent,
        expect=2,
        must_say="template",
    )
    run(
        *set_value("web-03", key="x", value="1", path="/etc/app/../shadow"), env=agent, expect=2, must_say="GATE-INTENT"
    )


def approval(agent: dict[str, str]) -> None:
    heading("4. Production needs a person, who sees exactly what would happen")
    told = run(
        "propose",
        "deploy_release",
        "--on",
        "web-01",
        "--on",
        "web-02",
        "-p",
        "app=shop",
        "-p",
        "version=2.0.0",
        "-p",
        f"sha256={hashlib.sha256(release('2.0.0')).hexdigest()}",
        "--reason",
        "release 2.0.0 fixes the checkout",
        env=agent,
        expect=0,
        must_say="needs_approval",
    )
    change = change_in(told)
    say("  The agent tries to approve its own wish:")
    run("approve", change, "--yes", env=agent, expect=4, must_say="Only humans approve")
    say("  A person looks, and says yes:")
    run("approve", change, "--yes", "--comment", "seen in staging", expect=0, must_say="succeeded")
    for host in ("web-01", "web-02"):
        check((SITE / "hosts" / host / "srv/shop/current").resolve().name == "2.0.0", f"{host} runs 2.0.0")


def failure_is_taken_back(agent: dict[str, str]) -> None:
    heading("5. A change that fails its verification is taken back by itself, from recorded evidence")
    before = fingerprint("web-03")
    told = run(
        *set_value("web-03", action="tune_app", key="workers", value="64", reason="more is better"),
        env=agent,
        expect=6,
        must_say="undone",
    )
    run("changes", "show", change_in(told), expect=0, must_say="at most 32 workers")
    check(fingerprint("web-03") == before, "web-03 is byte for byte what it was before")


def operator_undoes(change: str, before: dict[str, str]) -> None:
    heading("6. The operator takes back the change of step 2")
    run("undo", change, "--reason", "the load is gone", expect=0, must_say="succeeded")
    for host, print_before in before.items():
        check(fingerprint(host) == print_before, f"{host} is byte for byte what it was before step 2")
    run("undo", change, expect=7, must_say="undone already")


def ledger_shows_tampering() -> None:
    heading("7. The ledger shows tampering")
    run("ledger", "verify", expect=0)
    victim = next(iter(sorted((SITE / ".gate" / "runs").glob("*/artifacts/runner/stdout"))))
    content = victim.read_bytes()
    say(f"  One byte of {victim.relative_to(SITE)} is changed:")
    victim.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    run("ledger", "verify", expect=8, must_say="Entry")
    victim.write_bytes(content)
    say("  It is put back:")
    run("ledger", "verify", expect=0)


def make_site() -> None:
    """A fresh site: the shipped actions, six hosts, rules that are short enough to be read in a minute."""
    heading(f"A small site in {DEMO}")
    shutil.rmtree(DEMO, ignore_errors=True)
    DEMO.mkdir(parents=True)
    run("init", str(SITE), at=DEMO, expect=0)
    inventory = SITE / "inventory" / "hosts.yml"
    inventory.write_text(inventory.read_text().replace("        web-03:\n", "        web-03:\n        web-04:\n"))
    for action in ("rotate_credentials", "restart_service"):
        shutil.copytree(ROOT / "playbooks" / action, SITE / "playbooks" / action)
    make_action_with_a_strict_check()
    (SITE / "rules" / "windows.yml").write_text(window_that_is_closed_now())
    (SITE / "rules" / "limits.yml").write_text(LIMITS)
    (SITE / "rules" / "baseline.yml").write_text(RULES)
    (SITE / "rules" / "production.yml").unlink()
    shutil.rmtree(SITE / "rules" / "tests")  # tables for the shipped rules
    for host in HOSTS:
        make_host(SITE / "hosts" / host)
    run("doctor", expect=0)


def make_host(root: Path) -> None:
    """A host is a folder that stands for its root."""
    (root / "etc/app").mkdir(parents=True)
    (root / "etc/app/app.ini").write_text(APP_INI)
    (root / "etc/app/session.key").write_text("0" * 64)
    (root / "etc/app/session.key").chmod(0o600)
    store = root / "srv/releases/store"
    store.mkdir(parents=True)
    (store / "shop-2.0.0.tar.gz").write_bytes(release("2.0.0"))


def make_action_with_a_strict_check() -> None:
    """`tune_app` is set_config_value with a verification of its own: what an infra team would write."""
    folder = SITE / "playbooks" / "tune_app"
    shutil.copytree(SITE / "playbooks" / "set_config_value", folder)
    for path in (folder / "do.meta.yml", folder / "README.md"):
        path.write_text(path.read_text().replace("set_config_value", "tune_app"))
    manifest = (folder / "action.yml").read_text().partition("phrases:")[0]
    (folder / "action.yml").write_text(manifest + "phrases:\n  - tune the app on web-03\n")
    (folder / "verify.yml").write_text(VERIFY)


def release(version: str) -> bytes:
    """The same bytes for the same version."""
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=0) as archive:
        content = f"shop {version}\n".encode()
        member = tarfile.TarInfo("VERSION")
        member.size, member.mode = len(content), 0o644
        archive.addfile(member, BytesIO(content))
    raw = bytearray(out.getvalue())
    raw[4:8] = bytes(4)  # gzip's own time stamp
    return bytes(raw)


def window_that_is_closed_now() -> str:
    opens = datetime.now(UTC) + timedelta(hours=6)
    return f"""\
- window: database-hours
  kind: allow
  applies: {{groups: [db], environments: [prod]}}
  cron: "{opens.minute} {opens.hour} * * *"
  duration: 1h
  zone: UTC
  early: deny
  because: Production databases are changed in a quiet hour.
"""


def set_value(
    *hosts: str,
    action: str = "set_config_value",
    path: str = "/etc/app/app.ini",
    key: str,
    value: str,
    reason: str = "",
) -> list[str]:
    words = ["propose", action]
    for host in hosts:
        words += ["--on", host]
    for name, given in {"path": path, "format": "ini", "section": "server", "key": key, "value": value}.items():
        words += ["-p", f"{name}={given}"]
    return [*words, "--reason", reason] if reason else words


def fingerprint(host: str) -> str:
    """Everything below a host's root: path, mode, content."""
    root = SITE / "hosts" / host
    seen = [
        (str(path.relative_to(root)), oct(path.lstat().st_mode), path.read_bytes().hex() if path.is_file() else "")
        for path in sorted(root.rglob("*"))
    ]
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()


def agent_token() -> str:
    say("  The agent gets a token that can propose, and nothing else:")
    return run("token", "new", "planner", "--scope", "propose", expect=0, hide=True).split()[0]


@contextlib.contextmanager
def serving():
    """`gate serve` in the background, stopped at the end by its own pid."""
    say("  $ gate serve &")
    log = (DEMO / "serve.log").open("w")
    server = subprocess.Popen([GATE, "serve"], cwd=SITE, env=environment({}), stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 30
        while not (SITE / ".gate" / "gate.sock").exists():
            if server.poll() is not None or time.monotonic() > deadline:
                raise DemoError(f"gate serve did not start: {(DEMO / 'serve.log').read_text()}")
            time.sleep(0.05)
        yield
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(30)
        log.close()


def run(
    *words: str, expect: int, must_say: str = "", env: dict[str, str] | None = None, at: Path = SITE, hide: bool = False
) -> str:
    """Runs `gate WORDS`, shows it, and insists on its exit code and words. Returns what it printed."""
    who = "agent" if env else "you"
    say(paint(f"  {who} $ gate {shown(words)}", "1"))
    done = subprocess.run(
        [GATE, *words], cwd=at, env=environment(env or {}), capture_output=True, text=True, check=False
    )
    for line in (done.stdout + done.stderr).rstrip().splitlines():
        say(f"    {'(a token)' if hide and line.startswith('gate_') else line}")
    if done.returncode != expect or must_say not in done.stdout + done.stderr:
        raise DemoError(f"gate {shown(words)} ended with {done.returncode}, not {expect}, or did not say {must_say!r}")
    return done.stdout


def environment(more: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GATE_", "ANSIBLE_"))}
    colour = {"FORCE_COLOR": "1"} if COLOUR else {"NO_COLOR": "1"}
    return {**kept, **colour, **more}


def shown(words: tuple[str, ...]) -> str:
    return " ".join(word if word and not set(word) & set(" {}'()") else json.dumps(word) for word in words)


def change_in(told: str) -> str:
    return next(word for word in told.split() if word.startswith("chg-"))


def check(held: bool, what: str) -> None:
    if not held:
        raise DemoError(f"It does not hold that {what}.")
    say(paint(f"    checked: {what}", "32"))


def heading(text: str) -> None:
    say()
    say(paint(text, "1;36"))


def paint(text: str, code: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if COLOUR else text


def say(text: str = "") -> None:
    print(text, flush=True)


RULES = """\
- rule: small-steps-outside-production
  when: {all: [{environment: staging}, {risk: {le: 50}}, {reversibility: full}]}
  then: allow
  because: What is fully reversible needs nobody outside of production.
- rule: production-needs-a-person
  when: {all: [{environment: prod}, {undo: no}]}
  then: {needs_approval: {from: sre, expires: 4h}}
  because: Changes to production need one SRE.
- rule: people-may-take-back
  when: {all: [{undo: yes}, {actor_kind: human}]}
  then: allow
  because: People may take back what was done.
"""
LIMITS = """\
- limit: rotations-per-hour
  at_most: 1
  per: 1h
  by: [actor, target]
  applies: {actions: [rotate_credentials]}
  because: Rotating over and over locks people out.
"""
VERIFY = """\
---
- name: Check that the application would start with it
  hosts: all
  gather_facts: false
  tasks:
    - name: Read the file
      ansible.builtin.slurp:
        src: "{{ gate_root | default('') }}{{ path }}"
      register: file
    - name: The application takes 32 workers at most
      ansible.builtin.assert:
        that: (file.content | b64decode | regex_search('workers = ([0-9]+)', '\\\\1') | first | int) <= 32
        fail_msg: The application takes at most 32 workers.
        quiet: true
"""

if __name__ == "__main__":
    try:
        sys.exit(main())
    except DemoError as wrong:
        sys.exit(f"\nThe demo failed: {wrong}")
