"""Real runs with ansible-runner on this machine."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from gate.execution.outcome import Status
from gate.warrant.model import Phase

if TYPE_CHECKING:
    from pathlib import Path

    Bench = Any

CANARY = "canary-77c1"
SLOW = """\
- hosts: all
  gather_facts: false
  tasks:
    - name: Record
      ansible.builtin.set_stats: {data: {undo: {before: nothing}}, per_host: true}
    - name: Sleep
      ansible.builtin.command: sleep 20
"""


def every_byte(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_run_does_what_it_says_and_tells_it_as_it_comes(bench: Bench) -> None:
    told: list[Any] = []
    warrant = bench.warrant(hosts=("web-01", "web-02"))
    outcome = bench.run(warrant, on_event=told.append)
    assert outcome.status is Status.SUCCEEDED
    assert {host: one.changed for host, one in outcome.hosts.items()} == {"web-01": 1, "web-02": 1}
    assert outcome.evidence == {"web-01": {"before": "nothing"}, "web-02": {"before": "nothing"}}
    assert bench.out("web-02").read_text() == "hello"
    events = [event["event"] for event in told]
    assert events[-1] == "stats"
    first_evidence = next(number for number, event in enumerate(told) if "evidence" in event)
    first_change = next(number for number, event in enumerate(told) if event.get("changed"))
    assert first_evidence < first_change
    folder = bench.executor.folder(warrant.run_id)
    assert [json.loads(line) for line in (folder / "artifacts" / "events.jsonl").read_text().splitlines()] == told
    assert not (folder / "private").exists()
    assert bench.executor.outcome(warrant.run_id, warrant.hosts) == outcome
    assert bench.executor.evidence(warrant.run_id) == outcome.evidence


def test_only_the_pinned_host_is_touched(bench: Bench) -> None:
    assert bench.run(bench.warrant(hosts=("web-02",))).status is Status.SUCCEEDED
    assert not bench.out("web-01").exists()


def test_a_host_that_is_not_in_the_inventory_is_no_success(bench: Bench) -> None:
    outcome = bench.run(bench.warrant(hosts=("web-09",)))
    assert outcome.status is Status.FAILED


def test_a_check_shows_the_diff_and_changes_nothing(bench: Bench) -> None:
    outcome = bench.run(bench.warrant(phase=Phase.CHECK))
    assert outcome.status is Status.SUCCEEDED
    assert "hello" in str(outcome.diff["web-01"])
    assert not bench.out().exists()


TEMPLATES = [
    "{{ 7 * 7 }}",
    "{{ lookup('pipe', 'touch EVIL') }}",
    "{% raw %}x{% endraw %}",
    "{# gone #}x",
    "!unsafe x",
    "a\nb",
    "'\"\\ $(touch EVIL) `touch EVIL`",
]


def test_parameters_arrive_as_text_even_if_nobody_checked_them(bench: Bench) -> None:
    texts = [text.replace("EVIL", str(bench.root / "evil")) for text in TEMPLATES]
    bench.write(
        "- hosts: all\n  gather_facts: false\n  tasks:\n"
        "    - ansible.builtin.copy: {content: '{{ texts[number] }}', dest: '{{ root }}/out{{ number }}'}\n"
        f"      loop: {list(range(len(texts)))}\n      loop_control: {{loop_var: number}}\n"
    )
    outcome = bench.run(bench.warrant(parameters={"texts": texts}))
    assert outcome.status is Status.SUCCEEDED, outcome
    assert [bench.out().with_name(f"out{number}").read_text() for number in range(len(texts))] == texts
    assert not (bench.root / "evil").exists()


def test_nested_parameters_and_evidence_arrive_as_text_too(bench: Bench) -> None:
    undo = "- hosts: all\n  gather_facts: false\n  tasks:\n    - ansible.builtin.copy:\n"
    undo += "        content: \"{{ text.a[0].b }} {{ evidence['web-01'].old }}\"\n        dest: '{{ root }}/out'\n"
    (bench.action / "undo.yml").write_text(undo)
    warrant = bench.warrant(
        phase=Phase.UNDO,
        parameters={"text": {"a": [{"b": "{{ 1 + 1 }}"}]}},
        evidence={"web-01": {"old": "{{ 2 + 2 }}"}},
    )
    outcome = bench.run(warrant)
    assert outcome.status is Status.SUCCEEDED, outcome
    assert bench.out().read_text() == "{{ 1 + 1 }} {{ 2 + 2 }}"


def test_no_secret_of_the_environment_gets_anywhere(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "ANSIBLE_VAULT_PASSWORD_FILE", "GATE_TOKEN", "OPENAI_API_KEY", "PYTHONPATH"):
        monkeypatch.setenv(name, f"/{CANARY}")
    bench.write(
        "- hosts: all\n  gather_facts: false\n  tasks:\n"
        "    - ansible.builtin.shell: env > {{ root }}/out\n"
        "    - ansible.builtin.setup: {gather_subset: [env]}\n"
    )
    warrant = bench.warrant()
    assert bench.run(warrant).status is Status.SUCCEEDED
    assert b"PATH=" in bench.out().read_bytes()
    assert CANARY.encode() not in bench.out().read_bytes()
    assert CANARY.encode() not in every_byte(bench.executor.folder(warrant.run_id))


def test_the_result_of_a_no_log_task_gets_nowhere(bench: Bench) -> None:
    bench.write(
        "- hosts: all\n  gather_facts: false\n  tasks:\n"
        "    - ansible.builtin.set_fact: {secret: \"{{ lookup('file', root ~ '/secret') }}\"}\n      no_log: true\n"
        '    - ansible.builtin.copy: {content: "{{ secret }}", dest: "{{ root }}/out"}\n      no_log: true\n'
        '    - ansible.builtin.command: "false {{ secret }}"\n      no_log: true\n'
    )
    (bench.root / "hosts" / "web-01" / "secret").write_text(CANARY)
    told: list[Any] = []
    warrant = bench.warrant()
    outcome = bench.run(warrant, on_event=told.append)
    assert outcome.status is Status.FAILED
    assert bench.out().read_text() == CANARY
    assert CANARY not in json.dumps(told)
    assert CANARY.encode() not in every_byte(bench.executor.folder(warrant.run_id))


@pytest.mark.parametrize("do", ["- hosts: [\n", "- hosts: all\n  tasks: [{no.such.module: }]\n", "{}"])
def test_a_playbook_that_cannot_be_read_failed_and_ran_nothing(bench: Bench, do: str) -> None:
    bench.write(do)
    outcome = bench.run(bench.warrant())
    assert outcome.status is Status.FAILED
    assert outcome.hosts["web-01"].changed == 0
    assert not bench.out().exists()


def test_a_failed_task_is_failed_with_its_words(bench: Bench) -> None:
    bench.write(
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - {name: Stop, ansible.builtin.fail: {msg: Not today.}}\n"
    )
    outcome = bench.run(bench.warrant())
    assert outcome.status is Status.FAILED
    assert outcome.hosts["web-01"].message == "Stop: Not today."


def test_an_unreachable_host_before_any_evidence_failed(bench: Bench) -> None:
    inventory = (bench.inventory / "hosts.yml").read_text().replace("local", "ssh", 1)
    (bench.inventory / "hosts.yml").write_text(
        inventory.replace("all:\n  vars:", "all:\n  vars:\n    ansible_host: 127.0.0.1\n    ansible_port: 1")
    )
    bench.write("- hosts: all\n  gather_facts: false\n  tasks:\n    - ansible.builtin.ping:\n")
    outcome = bench.run(bench.warrant())
    assert outcome.hosts["web-01"].status is Status.UNREACHABLE
    assert outcome.status is Status.FAILED


def test_a_worker_that_is_killed_leaves_an_unknown_outcome_and_its_evidence(bench: Bench) -> None:
    bench.write(SLOW)
    warrant = bench.warrant()
    folder = bench.executor.folder(warrant.run_id)

    def kill(event: Any) -> None:
        if event["event"] == "started" and event["task"] == "Sleep":
            os.kill(json.loads((folder / "lease").read_text())["pid"], signal.SIGKILL)

    outcome = bench.run(warrant, on_event=kill)
    assert outcome.status is Status.UNKNOWN
    assert outcome.evidence == {"web-01": {"before": "nothing"}}
    assert bench.executor.outcome(warrant.run_id, warrant.hosts) == outcome


def test_a_worker_that_is_killed_before_it_began_ran_nothing(bench: Bench) -> None:
    warrant = bench.warrant()
    folder = bench.executor.folder(warrant.run_id)
    folder.mkdir()
    assert not bench.executor.outcome(warrant.run_id, warrant.hosts).began


def test_what_lies_in_the_folder_of_a_run_is_its_owners_alone(bench: Bench) -> None:
    warrant = bench.warrant()
    bench.run(warrant)
    folder = bench.executor.folder(warrant.run_id)
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / "warrant").stat().st_mode & 0o077 == 0
