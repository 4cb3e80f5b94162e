"""Whole sites with real processes: `gate` is the command, `gate serve` a server, hosts are folders."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from gate import Gate
from gate.client import GateClient
from gate.identity.tokens import os_user
from gate.init import init
from tests.acceptance.zygote import Zygote
from tests.hostile import typed

GATE = Path(sys.executable).parent / "gate"
PATIENCE_S = 120.0  # how long anything may take before the test gives up; nothing waits that long when all is well

RULES = """\
- rule: staging-is-free
  when: {environment: staging}
  then: allow
  because: Staging is for trying.
- rule: production-needs-a-person
  when: {all: [{environment: prod}, {undo: no}]}
  then: {needs_approval: {from: ops, expires: 4h}}
  because: Changes to production need one of ops.
- rule: people-may-take-back
  when: {all: [{undo: yes}, {actor_kind: human}]}
  then: allow
  because: People may take back what was done.
"""
MANIFEST = """\
risk: 10
targets: {groups: [web, db], max_hosts: 5}
reversibility: full
check: full
on_failure: undo
timeout_s: 60
owner: tests
"""
META = """\
short_description: {about}
description: {about}
argument_specs:
  {name}:
    short_description: {about}
    options:
{options}
"""

# `note` takes any text that an intent can carry, and writes it to two files: as it is, and as JSON
NOTE_OPTIONS = """\
text: {type: str, required: true, description: Any text., pattern: '[\\s\\S]*', max_length: 20000}
lines: {type: list, elements: str, default: [], description: Any texts., pattern: '[\\s\\S]*', max_length: 4000}
entry:
  type: dict
  default: {title: none, labels: []}
  description: A map with texts in it.
  options:
    title: {type: str, required: true, description: Any text., pattern: '[\\s\\S]*', max_length: 4000}
    labels: {type: list, elements: str, default: [], description: Texts., pattern: '[\\s\\S]*', max_length: 4000}
"""
NOTE_DO = """\
---
- name: Write a note
  hosts: all
  gather_facts: false
  tasks:
    - name: Record the evidence
      ansible.builtin.set_stats:
        data: {undo: {resources: [note], text: "{{ text }}"}}
        per_host: true
        aggregate: false
    - name: Write the text as it is
      ansible.builtin.copy:
        content: "{{ text }}"
        dest: "{{ gate_root }}/note"
        mode: "0600"
    - name: Write the rest as JSON
      ansible.builtin.copy:
        content: "{{ {'lines': lines, 'entry': entry} | to_json }}"
        dest: "{{ gate_root }}/note.json"
        mode: "0600"
"""
NOTE_UNDO = """\
---
- name: Take the note away, and keep what was recorded
  hosts: all
  gather_facts: false
  tasks:
    - name: Write what the evidence says
      ansible.builtin.copy:
        content: "{{ evidence[inventory_hostname].text }}"
        dest: "{{ gate_root }}/note.undone"
        mode: "0600"
    - name: Remove the note
      ansible.builtin.file:
        path: "{{ gate_root }}/note"
        state: absent
    - name: Remove the JSON
      ansible.builtin.file:
        path: "{{ gate_root }}/note.json"
        state: absent
"""

# `every_type` has a parameter of every type, and writes all of them as JSON
EVERY_TYPE_DO = """\
---
- name: Write everything
  hosts: all
  gather_facts: false
  vars:
    all_of_it:
      {word: "{{ word }}", colour: "{{ colour }}", count: "{{ count }}", level: "{{ level }}", share: "{{ share }}",
       switch: "{{ switch }}", words: "{{ words }}", counts: "{{ counts }}", shares: "{{ shares }}",
       switches: "{{ switches }}", entry: "{{ entry }}", entries: "{{ entries }}"}
  tasks:
    - name: Record the evidence
      ansible.builtin.set_stats:
        data: {undo: {resources: [every-type]}}
        per_host: true
        aggregate: false
    - name: Write it
      ansible.builtin.copy:
        content: "{{ all_of_it | to_json }}"
        dest: "{{ gate_root }}/every-type.json"
        mode: "0600"
"""
EVERY_TYPE_UNDO = """\
---
- name: Take it away
  hosts: all
  gather_facts: false
  tasks:
    - name: Remove the file
      ansible.builtin.file:
        path: "{{ gate_root }}/every-type.json"
        state: absent
"""

# `mark` writes a line each time it begins and ends, so that a second execution cannot hide
MARK_OPTIONS = """\
tag: {type: str, required: true, description: Whose lines they are., pattern: '[a-z0-9-]+', max_length: 40}
pause_ms: {type: int, default: 0, description: How long it works., min: 0, max: 60000}
outcome: {type: str, default: well, description: How it ends., choices: [well, do-fails, verify-fails]}
"""
MARK_DO = """\
---
- name: Leave marks
  hosts: all
  gather_facts: false
  tasks:
    - name: Record the evidence
      ansible.builtin.set_stats:
        data: {undo: {resources: ["mark:{{ tag }}"]}}
        per_host: true
        aggregate: false
    - name: Begin
      append: {path: "{{ gate_root }}/marks", line: "START {{ tag }}", pause_ms: "{{ pause_ms }}"}
    - name: Fail where it is wanted
      ansible.builtin.assert: {that: outcome != 'do-fails', fail_msg: It is meant to fail., quiet: true}
    - name: End
      append: {path: "{{ gate_root }}/marks", line: "END {{ tag }}"}
"""
MARK_VERIFY = """\
---
- name: Look
  hosts: all
  gather_facts: false
  tasks:
    - name: Read the marks
      ansible.builtin.slurp: {src: "{{ gate_root }}/marks"}
      register: marks
    - name: Both are there
      ansible.builtin.assert:
        that:
          - ("START " ~ tag) in (marks.content | b64decode).splitlines()
          - ("END " ~ tag) in (marks.content | b64decode).splitlines()
        quiet: true
    - name: Fail where it is wanted
      ansible.builtin.assert: {that: outcome != 'verify-fails', fail_msg: It is meant to fail., quiet: true}
"""
MARK_UNDO = """\
---
- name: Leave a mark of taking back
  hosts: all
  gather_facts: false
  tasks:
    - name: Take back
      append: {path: "{{ gate_root }}/marks", line: "UNDO {{ tag }}"}
"""
APPEND = """\
import os
import time

from ansible.module_utils.basic import AnsibleModule


def main():
    spec = {"path": {"type": "path"}, "line": {"type": "str"}, "pause_ms": {"type": "int", "default": 0}}
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    if not module.check_mode:
        descriptor = os.open(module.params["path"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(descriptor, (module.params["line"] + "\\n").encode())
        os.close(descriptor)
        time.sleep(module.params["pause_ms"] / 1000)
    module.exit_json(changed=True)


main()
"""


def eventually(found: Callable[[], Any], what: str) -> Any:
    """The first true answer of `found`."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if answer := found():
            return answer
        time.sleep(0.02)
    raise AssertionError(f"it never came about that {what}")


class Server:
    """`gate serve` of one site, leader of its own process group."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.log = (site.top / "serve.log").open("ab")
        site.socket.unlink(missing_ok=True)  # one that a killed server left behind says nothing
        self.process = subprocess.Popen(
            [GATE, "serve"],
            cwd=site.root,
            env=site.environment(),
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )

    def answers(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"gate serve ended: {(self.site.top / 'serve.log').read_text()[-3000:]}")
        with socket.socket(socket.AF_UNIX) as line, contextlib.suppress(OSError):
            line.connect(str(self.site.socket))
            return True
        return False

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(60)
        finally:
            self.kill()

    def kill(self, *, group: bool = False) -> None:
        """kill -9; with `group`, of all that it started and that did not get a session of its own."""
        with contextlib.suppress(ProcessLookupError):
            if group:
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()
        self.process.wait(30)
        self.log.close()


@pytest.fixture(autouse=True, scope="session")
def _zygote(inventories: Path) -> Iterator[None]:
    with short_folder() as folder, contextlib.closing(Zygote(folder, inventories)) as zygote:
        Site.started = staticmethod(zygote.run)
        yield


def run(
    words: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    stdin: str,
    timeout_s: float,
    warm: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Runs `gate WORDS`."""
    return subprocess.run(
        [GATE, *words], cwd=cwd, env=env, input=stdin, capture_output=True, text=True, check=False, timeout=timeout_s
    )


class Site:
    """A site in a folder with a short path: that of a unix socket has 107 bytes at most."""

    # how `gate` is started; in the tests of this folder by a fork with warm servers, in a fraction of the time
    started: ClassVar[Callable[..., subprocess.CompletedProcess[str]]] = staticmethod(run)

    def __init__(self, top: Path) -> None:
        self.top, self.root = top, top / "site"
        init(self.root, os_user().name)
        for name in ("limits.yml", "windows.yml", "production.yml"):
            (self.root / "rules" / name).unlink()
        shutil.rmtree(self.root / "rules" / "tests")  # tables for the shipped rules
        (self.root / "rules" / "baseline.yml").write_text(RULES)
        for host in ("web-01", "web-02", "web-03", "db-01", "db-02"):
            folder = self.host(host) / "etc/app"
            folder.mkdir(parents=True)
            (folder / "app.ini").write_text("[server]\nworkers = 4\n")

    @property
    def state(self) -> Path:
        return self.root / ".gate"

    @property
    def socket(self) -> Path:
        return self.state / "gate.sock"

    def host(self, name: str) -> Path:
        return self.root / "hosts" / name

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("GATE_", "ANSIBLE_", "COV_", "PYTEST_")) and name not in {"CI", "FORCE_COLOR"}
        }
        return {**kept, "NO_COLOR": "1", **(more or {})}

    def gate(
        self,
        *words: str,
        expect: int | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str = "",
        at: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Runs `gate WORDS` in the site, with nobody at the terminal."""
        done = self.started(words, cwd=at or self.root, env=self.environment(env), stdin=stdin, timeout_s=PATIENCE_S)
        if expect is not None:
            told = f"gate {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
            assert done.returncode == expect, told
        return done

    def json(self, *words: str, expect: int | None = 0, **options: Any) -> Any:
        """What `gate WORDS -o json` prints."""
        return json.loads(self.gate(*words, "-o", "json", expect=expect, **options).stdout)

    def start_server(self) -> Server:
        server = Server(self)
        try:
            eventually(server.answers, "gate serve listens")
        except BaseException:
            server.kill(group=True)
            raise
        return server

    @contextlib.contextmanager
    def serving(self) -> Iterator[Server]:
        server = self.start_server()
        try:
            yield server
        finally:
            if server.process.poll() is None:
                server.stop()

    def token(self, name: str = "planner", *, kind: str = "agent", scopes: tuple[str, ...] = ("propose",)) -> str:
        words = [word for scope in scopes for word in ("--scope", scope)]
        return str(self.json("token", "new", name, "--kind", kind, *words)["token"])

    def client(self, token: str) -> GateClient:
        return GateClient(f"unix:{self.socket}", token)

    def add_action(self, name: str, options: str, *, files: Mapping[str, str], manifest: str = MANIFEST) -> Path:
        folder = self.root / "playbooks" / name
        meta = META.format(name=name, about=f"The action {name}", options=textwrap.indent(options, " " * 6))
        for path, text in {"action.yml": manifest, "do.meta.yml": meta, **files}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        return folder

    def add_note(self) -> None:
        self.add_action("note", NOTE_OPTIONS, files={"do.yml": NOTE_DO, "undo.yml": NOTE_UNDO})

    def add_every_type(self) -> None:
        """The action `every_type`: it writes what it is given as JSON."""
        self.add_action("every_type", typed.OPTIONS, files={"do.yml": EVERY_TYPE_DO, "undo.yml": EVERY_TYPE_UNDO})

    def add_mark(self) -> None:
        files = {"do.yml": MARK_DO, "verify.yml": MARK_VERIFY, "undo.yml": MARK_UNDO, "library/append.py": APPEND}
        self.add_action("mark", MARK_OPTIONS, files=files)

    def marks(self, host: str, tag: str) -> list[str]:
        """The lines of `mark`, in their order: START, END, UNDO."""
        path = self.host(host) / "marks"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line.split()[0] for line in lines if line.split()[1] == tag]

    def states(self) -> dict[str, str]:
        """Every change of the site, and how it stands."""
        with Gate.open(self.root, works=False) as gate:
            return {one.id: one.state.value for one in gate.changes(10_000)}


def tree(*tops: Path) -> dict[str, tuple[int, str]]:
    """Mode and content of everything below `tops`."""
    found: dict[str, tuple[int, str]] = {}
    for top in tops:
        for path in sorted(top.rglob("*")):
            content = path.read_bytes().hex() if path.is_file() and not path.is_symlink() else ""
            found[str(path)] = (path.lstat().st_mode, content)
    return found


@contextlib.contextmanager
def short_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="gate-", dir="/tmp")).resolve()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def site() -> Iterator[Site]:
    """A fresh site of one's own."""
    with short_folder() as top:
        yield Site(top)


@pytest.fixture
def new_site() -> Iterator[Callable[[], Site]]:
    """Makes as many sites as are asked for."""
    with contextlib.ExitStack() as stack:
        yield lambda: Site(stack.enter_context(short_folder()))


@pytest.fixture(scope="module")
def shared_site() -> Iterator[Site]:
    """One site for all tests of a file that only look, or that name their own changes."""
    with short_folder() as top:
        yield Site(top)


@pytest.fixture(scope="session", name="eventually")
def _eventually() -> Callable[[Callable[[], Any], str], Any]:
    return eventually


@pytest.fixture(scope="session", name="tree")
def _tree() -> Callable[..., dict[str, tuple[int, str]]]:
    return tree
