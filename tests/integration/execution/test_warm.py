"""Warm servers: what they run is what a cold start runs; what they cannot serve, a cold start does."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gate.catalog.digest import digest_folder
from gate.execution.outcome import Status
from gate.execution.warm.forkserver import MOST_BYTES, ask
from gate.execution.warm.pool import Pool
from gate.warrant.model import Phase
from tests.integration.execution.conftest import Bench
from tests.playbooks.test_deploy_release import ARCHIVE
from tests.told import by_host, told, was_cold

PLAYBOOKS = Path(__file__).parents[3] / "playbooks"
LOCAL = """\
all:
  vars:
    ansible_connection: local
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
    gate_root: "{{ inventory_dir }}/../hosts/{{ inventory_hostname }}"
    root: "{{ gate_root }}"
  hosts: {web-01: , web-02: }
"""
EVERYTHING = """\
- hosts: all
  gather_facts: true
  gather_subset: ["!all", "!min", "env"]
  vars: {folded: "{{ text | upper | shout }}"}
  handlers:
    - name: Told
      ansible.builtin.debug: {msg: "told by {{ folded }}"}
  tasks:
    - name: Own module with own library
      own: {text: "{{ text }}"}
      register: own
    - name: A module of Ansible's name that is not Ansible's
      ping: {data: whatever}
    - name: Ansible's module of that name
      ansible.builtin.ping: {data: pong}
    - name: Ansible's own
      ansible.builtin.command: {argv: [/bin/sh, -c, "echo out; echo err >&2; exit 3"]}
      register: failed
      failed_when: failed.rc != 3
    - name: Files
      ansible.builtin.template: {src: page.j2, dest: "{{ root }}/page", mode: "0640"}
      notify: Told
    - name: Copies
      ansible.builtin.copy: {content: "{{ item }}\\n", dest: "{{ root }}/{{ item }}", mode: "0600"}
      loop: [one, two]
    - name: An environment of its own
      ansible.builtin.command: {argv: [/usr/bin/env, sh, -c, "echo $COLOUR"]}
      environment: {COLOUR: blue}
      changed_when: false
    - name: In the background
      ansible.builtin.command: {argv: [/bin/echo, later]}
      async: 20
      poll: 1
    - name: Hidden
      ansible.builtin.debug: {msg: hidden}
      no_log: true
    - name: Where am I
      ansible.builtin.command: {argv: [/bin/pwd]}
      changed_when: false
    - name: Rescue
      block: [{name: Break, ansible.builtin.fail: {msg: broken}}]
      rescue: [{name: Mend, ansible.builtin.debug: {var: ansible_failed_task.name}}]
    - name: Included
      ansible.builtin.include_tasks: {file: more.yml}
    - name: Record
      ansible.builtin.set_stats: {data: {undo: {before: "{{ own.said }}"}}, per_host: true}
    - name: Undefined on one host
      ansible.builtin.debug: {msg: "{{ nowhere }}"}
      when: inventory_hostname == 'web-02'
"""
FILES = {
    "do.yml": EVERYTHING,
    "more.yml": "- {name: Seen, ansible.builtin.stat: {path: '{{ root }}/page'}, register: page}\n"
    "- {name: Told so, ansible.builtin.debug: {msg: '{{ page.stat.mode }} {{ page.stat.checksum }}'}}\n",
    "templates/page.j2": "{{ text }} on {{ inventory_hostname }}\n",
    "library/own.py": "from ansible.module_utils.basic import AnsibleModule\n"
    "from ansible.module_utils.shared_words import say\n"
    "module = AnsibleModule({'text': {'type': 'str'}}, supports_check_mode=True)\n"
    "module.exit_json(changed=False, said=say(module.params['text']))\n",
    "library/ping.py": "from ansible.module_utils.basic import AnsibleModule\n"
    "AnsibleModule({'data': {}}).exit_json(changed=True, said='not the ping that you know')\n",
    "module_utils/shared_words.py": "def say(text):\n    return 'shared ' + text\n",
    "filter_plugins/loud.py": "class FilterModule:\n    def filters(self):\n"
    "        return {'shout': lambda text: text + '!'}\n",
}
SHIPPED = [
    ("set_config_value", {"path": "/etc/app/app.ini", "format": "ini", "section": "s", "key": "k", "value": "8"}),
    ("deploy_release", {"app": "shop", "version": "1.1", "sha256": hashlib.sha256(ARCHIVE).hexdigest()}),
    ("rotate_credentials", {"path": "/etc/app/session.key", "length": 32}),
    ("restart_service", {"service": "nginx", "wait": 1}),
]


@pytest.fixture
def cold(tmp_path: Path) -> Iterator[Bench]:
    """The same bench that `warm` warms up, before it does."""
    bench = Bench(tmp_path)
    (bench.inventory / "hosts.yml").write_text(LOCAL)
    yield bench
    bench.close()


@pytest.fixture
def warm(cold: Bench) -> Bench:
    """With servers of its own."""
    cold.warm()
    return cold


@pytest.fixture
def lent(cold: Bench, warm_pool: Pool) -> Bench:
    """With servers that other tests use too."""
    cold.use(warm_pool)
    return cold


def put(folder: Path, files: dict[str, str]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def clear(bench: Bench) -> None:
    for host in ("web-01", "web-02"):
        shutil.rmtree(bench.root / "hosts" / host, ignore_errors=True)
        store = bench.root / "hosts" / host / "srv/releases/store"
        store.mkdir(parents=True)
        (store / "shop-1.1.tar.gz").write_bytes(ARCHIVE)
        (bench.root / "hosts" / host / "etc/app").mkdir(parents=True)


def both_ways(bench: Bench, pool: Pool, deed: Callable[[], list[str]]) -> None:
    """Does it cold, warm, and warm again; what was told has to be the same, and warm has to have been warm."""
    clear(bench)
    expected = [told(bench.executor.folder(run)) for run in deed()]
    bench.use(pool)
    for _ in range(2):
        clear(bench)
        runs = deed()
        assert [was_cold(bench.executor.folder(run)) for run in runs] == [""] * len(runs)
        for (events, output), (warm_events, warm_output) in zip(
            expected, (told(bench.executor.folder(run)) for run in runs), strict=True
        ):
            assert by_host(warm_events) == by_host(events)
            assert sorted(warm_output.splitlines()) == sorted(output.splitlines())


def test_a_playbook_with_a_bit_of_everything_tells_the_same_cold_and_warm(cold: Bench, warm_pool: Pool) -> None:
    put(cold.action, FILES)

    def deed() -> list[str]:
        warrant = cold.warrant(hosts=("web-01", "web-02"), parameters={"text": "{{ hello }}"})
        outcome = cold.run(warrant)
        statuses = {host: one.status for host, one in outcome.hosts.items()}
        assert statuses == {"web-01": Status.SUCCEEDED, "web-02": Status.FAILED}, outcome
        assert outcome.evidence["web-01"] == {"before": "shared {{ hello }}"}
        return [warrant.run_id]

    both_ways(cold, warm_pool, deed)


@pytest.mark.parametrize(("action", "parameters"), SHIPPED, ids=[name for name, _ in SHIPPED])
def test_shipped_actions_tell_the_same_cold_and_warm(
    cold: Bench, warm_pool: Pool, action: str, parameters: dict[str, Any]
) -> None:
    folder = PLAYBOOKS / action
    given = {"folder": str(folder), "action": action, "action_digest": digest_folder(folder), "parameters": parameters}

    def deed() -> list[str]:
        runs, evidence = [], {}
        for phase in (Phase.CHECK, Phase.DO, Phase.VERIFY, Phase.UNDO):
            warrant = cold.warrant(phase=phase, evidence=evidence, hosts=("web-01", "web-02"), **given)
            outcome = cold.run(warrant)
            if phase is Phase.DO:
                evidence = dict(outcome.evidence)
            runs.append(warrant.run_id)
        return runs

    both_ways(cold, warm_pool, deed)


def test_each_action_gets_its_own_modules(lent: Bench) -> None:
    for number in range(3):
        put(lent.action, FILES | {"library/own.py": FILES["library/own.py"].replace("say(", f"{number} * say(")})
        outcome = lent.run(lent.warrant(parameters={"text": "x"}))
        assert outcome.evidence["web-01"] == {"before": "shared x" * number}


def test_what_was_built_for_a_run_serves_the_next(lent: Bench) -> None:
    pool = lent.executor.pool
    assert pool is not None
    lent.run(lent.warrant())
    built = {path: path.stat().st_ino for path in pool.folder.glob("payloads-*/*/*")}
    assert any("copy" in path.name for path in built)
    lent.run(lent.warrant())
    assert {path: path.stat().st_ino for path in pool.folder.glob("payloads-*/*/*")} == built


def test_another_configuration_starts_cold_and_is_warm_once_its_server_is(warm: Bench) -> None:
    config = warm.root / "ansible.cfg"
    config.write_text("[defaults]\nnocows = True\n")
    first = warm.warrant()
    assert warm.run(first).status is Status.SUCCEEDED
    assert was_cold(warm.executor.folder(first.run_id)) != ""
    _until_warm(warm)
    config.write_text("[defaults]\nnocows = True\nforks = 3\n")
    edited = warm.warrant()
    assert warm.run(edited).status is Status.SUCCEEDED
    assert "out of date" in was_cold(warm.executor.folder(edited.run_id))
    _until_warm(warm)


def test_a_collection_that_is_installed_meanwhile_is_noticed(
    cold: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cold.root / "ansible.cfg").write_text(f"[defaults]\ncollections_path = {tmp_path}/collections\n")
    cold.warm()
    plugins = tmp_path / "collections/ansible_collections/acme/tools/plugins/modules"
    put(
        plugins,
        {
            "say.py": FILES["library/own.py"]
            .replace("ansible.module_utils.shared_words", "textwrap")
            .replace("say", "dedent")
        },
    )
    cold.write("- {hosts: all, gather_facts: false, tasks: [{name: Say, acme.tools.say: {text: x}}]}\n")
    warrant = cold.warrant()
    assert cold.run(warrant).status is Status.SUCCEEDED
    assert "out of date" in was_cold(cold.executor.folder(warrant.run_id))
    _until_warm(cold)


def test_workers_take_nothing_once_another_ansible_is_installed(tmp_path: Path) -> None:
    release, path = tmp_path / "packages/ansible/release.py", tmp_path / "state/warm/x/workers"
    put(release.parent, {"release.py": "one"})
    path.parent.mkdir(parents=True)
    code = "import sys, ansible.release; ansible.release.__file__ = sys.argv[1]\n"
    code += "from gate.execution.warm.workers import serve; serve(sys.argv[2], '10')"
    with (
        Path(os.devnull).open("r+b") as nothing,
        subprocess.Popen([sys.executable, "-c", code, release, path], stdin=subprocess.PIPE) as server,
    ):
        end = time.monotonic() + 60
        while not path.exists():
            assert time.monotonic() < end
            time.sleep(0.02)
        release.write_text("another one")
        with pytest.raises(ConnectionRefusedError, match="out of date"):
            ask(str(path), "/", ["worker", str(tmp_path)], {}, [nothing.fileno()] * 3)
        assert server.wait(60) == 0


def test_what_a_server_built_of_modules_serves_no_other_one(warm: Bench) -> None:
    pool = warm.executor.pool
    assert pool is not None

    def built() -> set[int]:
        return {path.stat().st_ino for path in pool.folder.glob("payloads*/**/ansible.modules.stat-*")}

    warm.run(warm.warrant())
    before = built()
    assert len(before) == 1
    (warm.root / "ansible.cfg").write_text("[defaults]\nnocows = True\n")  # or another ansible-core was installed
    _until_warm(warm)
    assert built() - before


def test_a_configuration_that_is_edited_while_a_server_starts_is_noticed(cold: Bench) -> None:
    config, plugins = cold.root / "ansible.cfg", cold.root / "site" / "plugins"
    config.write_text(f"[defaults]\nfilter_plugins = {plugins}\n")
    edit = f"if 'nocows' not in open({str(config)!r}).read(): open({str(config)!r}, 'a').write('nocows = True\\n')\n"
    put(plugins, {"editor.py": f"{edit}class FilterModule:\n    filters = dict\n"})
    cold.warm()  # it loads the site's filters after it has read its configuration
    assert "nocows" in config.read_text()
    warrant = cold.warrant()
    assert cold.run(warrant).status is Status.SUCCEEDED
    assert "out of date" in was_cold(cold.executor.folder(warrant.run_id))
    _until_warm(cold)


@pytest.mark.parametrize("name", ["workers", "playbooks", "modules-*"])
def test_a_server_that_dies_is_replaced_and_meanwhile_runs_start_cold(warm: Bench, name: str) -> None:
    pool = warm.executor.pool
    assert pool is not None
    server = next(server for key, server in pool._servers.items() if Path(key).match(name))
    assert server.process is not None
    server.process.kill()
    server.process.wait()
    assert warm.run(warm.warrant()).status is Status.SUCCEEDED
    assert pool.ready(30)
    warrant = warm.warrant()
    assert warm.run(warrant).status is Status.SUCCEEDED
    assert was_cold(warm.executor.folder(warrant.run_id)) == ""


def test_a_server_retires_after_its_number_of_forks(cold: Bench) -> None:
    cold.warm(forks=2)
    notes = []
    for _ in range(3):
        warrant = cold.warrant()
        assert cold.run(warrant).status is Status.SUCCEEDED
        notes.append(was_cold(cold.executor.folder(warrant.run_id)))
    assert notes[:2] == ["", ""]
    assert "served enough" in notes[2]
    _until_warm(cold)


def test_a_killed_fork_is_no_success(lent: Bench) -> None:
    lent.write(
        "- hosts: all\n  gather_facts: false\n  tasks:\n"
        "    - name: Kill\n      ansible.builtin.command: {argv: [/bin/sh, -c, 'kill -9 $(cat {{ root }}/pid)']}\n"
        "      vars: {pid: \"{{ lookup('pipe', 'echo $PPID > ' ~ root ~ '/pid') }}\"}\n"
        "      when: pid is defined\n"
    )
    warrant = lent.warrant()
    outcome = lent.run(warrant)
    assert outcome.status is Status.UNKNOWN, outcome


def test_the_servers_end_with_their_owner(cold: Bench) -> None:
    pool = cold.warm()
    pids = [server.process.pid for server in pool._servers.values() if server.process]
    assert len(pids) == 3
    cold.close()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    assert not pool.folder.exists()


def test_nobody_else_can_reach_the_servers(lent: Bench) -> None:
    pool = lent.executor.pool
    assert pool is not None
    assert pool.folder.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o077 == 0 for path in pool.folder.iterdir())


@pytest.mark.parametrize(
    "sent",
    [b"", b"\0", b"\0\0\0\5abc", (MOST_BYTES + 1).to_bytes(4, "big"), b"\xff\xff\xff\xff", b"GET / HTTP/1.1\r\n\r\n"],
)
@pytest.mark.parametrize("files", [0, 1, 3])
def test_whatever_is_said_to_a_server_it_goes_on(lent: Bench, sent: bytes, files: int) -> None:
    pool = lent.executor.pool
    assert pool is not None
    for name in ("workers", "playbooks"):
        line = socket.socket(socket.AF_UNIX)
        folder = os.open(pool.folder, os.O_PATH)
        line.connect(f"/proc/self/fd/{folder}/{name}")
        os.close(folder)
        nothing = os.open(os.devnull, os.O_RDWR)
        if sent:
            socket.send_fds(line, [sent], [nothing] * files)
        os.close(nothing)
        line.close()
    warrant = lent.warrant()
    assert lent.run(warrant).status is Status.SUCCEEDED
    assert was_cold(lent.executor.folder(warrant.run_id)) == ""


def test_an_environment_that_would_steer_ansible_is_not_served(lent: Bench) -> None:
    pool = lent.executor.pool
    assert pool is not None
    evil = {"ANSIBLE_CALLBACK_PLUGINS": "/evil", "PATH": os.environ["PATH"]}
    with Path(os.devnull).open("r+b") as nothing, pytest.raises(ConnectionRefusedError, match="another configuration"):
        ask(str(pool.folder / "playbooks"), "/", ["ansible-playbook", "--version"], evil, [nothing.fileno()] * 3)


@pytest.mark.slow
def test_a_long_warm_life_does_not_grow(cold: Bench) -> None:
    warm, pool = cold, cold.warm(forks=100_000)
    processes = {name: server.process for name, server in pool._servers.items()}
    warm.write("- {hosts: all, gather_facts: false, tasks: [{name: Say, ansible.builtin.debug: {msg: x}}]}\n")

    def resident() -> dict[str, int]:
        return {name: _resident(process.pid) for name, process in processes.items() if process}

    for _ in range(10):
        assert warm.run(warm.warrant()).status is Status.SUCCEEDED
    before = resident()
    for _ in range(int(os.environ.get("GATE_WARM_RUNS", "60"))):
        assert warm.run(warm.warrant()).status is Status.SUCCEEDED
    assert {name: server.process for name, server in pool._servers.items()} == processes  # nobody was replaced
    assert all(after < before[name] * 1.1 + 1024 for name, after in resident().items()), (before, resident())


def _resident(pid: int) -> int:
    """In kB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))


def _until_warm(bench: Bench) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        warrant = bench.warrant()
        assert bench.run(warrant).status is Status.SUCCEEDED
        if was_cold(bench.executor.folder(warrant.run_id)) == "":
            return
        time.sleep(0.2)
    raise AssertionError("it stays cold")
