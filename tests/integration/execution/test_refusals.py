"""A real worker refuses whatever is not exactly what was signed, and nothing runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate.execution.outcome import Status
from gate.values.canonical import canonical
from gate.warrant.sign import sign

if TYPE_CHECKING:
    Bench = Any

LATER = timedelta(hours=1)


def forged(bench: Bench) -> tuple[Any, str]:
    warrant = bench.warrant()
    signature = json.loads(bench.sign(warrant))["signature"]
    return warrant, canonical({"warrant": replace(warrant, parameters={"text": "evil"}).text(), "signature": signature})


def of_another_key(bench: Bench) -> tuple[Any, str]:
    warrant = bench.warrant()
    return warrant, sign(warrant, Ed25519PrivateKey.generate())


def garbage(bench: Bench) -> tuple[Any, str]:
    return bench.warrant(), "garbage"


def expired(bench: Bench) -> tuple[Any, str]:
    now = datetime.now(UTC)
    warrant = bench.warrant(not_before=now - LATER, expires_at=now)
    return warrant, bench.sign(warrant)


def too_early(bench: Bench) -> tuple[Any, str]:
    warrant = bench.warrant(not_before=datetime.now(UTC) + LATER, expires_at=datetime.now(UTC) + 2 * LATER)
    return warrant, bench.sign(warrant)


def for_another_run(bench: Bench) -> tuple[Any, str]:
    return bench.warrant(), bench.sign(bench.warrant())


def with_a_spent_nonce(bench: Bench) -> tuple[Any, str]:
    warrant = bench.warrant()
    (bench.state / "spent" / warrant.nonce).touch()
    return warrant, bench.sign(warrant)


def after_the_action_was_edited(bench: Bench) -> tuple[Any, str]:
    warrant = bench.warrant()
    bench.write((bench.action / "do.yml").read_text().replace("nothing", "something"))
    return warrant, bench.sign(warrant)


def after_a_module_was_planted(bench: Bench) -> tuple[Any, str]:
    warrant = bench.warrant()
    (bench.action / "library").mkdir()
    (bench.action / "library" / "copy.py").write_text("raise SystemExit")
    return warrant, bench.sign(warrant)


def after_the_inventory_was_edited(bench: Bench) -> tuple[Any, str]:
    warrant = bench.warrant()
    (bench.inventory / "host_vars").mkdir()
    (bench.inventory / "host_vars" / "web-01.yml").write_text("root: /tmp\n")
    return warrant, bench.sign(warrant)


def after_an_ansible_cfg_was_planted(bench: Bench) -> tuple[Any, str]:
    warrant = bench.warrant()
    (bench.root / "ansible.cfg").write_text("[defaults]\nhost_key_checking = False\n")
    return warrant, bench.sign(warrant)


def for_a_pattern(bench: Bench) -> tuple[Any, str]:
    warrant = bench.warrant(hosts=("web*",))
    return warrant, bench.sign(warrant)


def for_no_host(bench: Bench) -> tuple[Any, str]:
    warrant = bench.warrant(hosts=())
    return warrant, bench.sign(warrant)


def with_a_reserved_key(bench: Bench) -> tuple[Any, str]:
    warrant = bench.warrant(parameters={"text": {"__ansible_unsafe": "x"}})
    return warrant, bench.sign(warrant)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (forged, "not one of this gate's"),
        (of_another_key, "not one of this gate's"),
        (garbage, "not one of this gate's"),
        (expired, "not valid now"),
        (too_early, "not valid now"),
        (for_another_run, "for another run"),
        (with_a_spent_nonce, "used before"),
        (after_the_action_was_edited, "not the one that was decided on"),
        (after_a_module_was_planted, "not the one that was decided on"),
        (after_the_inventory_was_edited, "inventory is not the one"),
        (after_an_ansible_cfg_was_planted, "inventory is not the one"),
        (for_a_pattern, "cannot be pinned"),
        (for_no_host, "every host"),
        (with_a_reserved_key, "reserved key"),
    ],
)
def test_the_worker_refuses_a_warrant_and_runs_nothing(
    bench: Bench, make: Callable[[Bench], tuple[Any, str]], why: str
) -> None:
    warrant, signed = make(bench)
    outcome = bench.run(warrant, signed)
    assert outcome.status is Status.FAILED
    assert not outcome.began
    assert why in outcome.note
    assert not (bench.executor.folder(warrant.run_id) / "started").exists()
    assert not bench.out("web-01").exists()
    assert not bench.out("web-02").exists()


def test_a_warrant_runs_once_whoever_runs_it(bench: Bench) -> None:
    warrant = bench.warrant()
    assert bench.run(warrant).status is Status.SUCCEEDED
    bench.out().unlink()
    again = bench.run(bench.warrant(nonce=warrant.nonce))
    assert "used before" in again.note
    assert not bench.out().exists()


def test_a_run_that_was_is_not_called_one_that_never_began(bench: Bench) -> None:
    warrant = bench.warrant()
    first = bench.run(warrant)
    bench.out().unlink()
    assert bench.run(warrant) == first
    assert not bench.out().exists()


def test_a_missing_key_stops_everything(bench: Bench) -> None:
    if bench.executor.pool is not None:
        bench.warm()  # servers that have seen this key
    warrant = bench.warrant()
    signed = bench.sign(warrant)
    (bench.state / "keys" / "warrant.pub").unlink()
    outcome = bench.run(warrant, signed)
    assert not outcome.began
    assert not bench.out().exists()


def test_a_run_that_was_never_started_cannot_start_after_it_was_asked_about(bench: Bench) -> None:
    warrant = bench.warrant()
    folder = bench.executor.folder(warrant.run_id)
    folder.mkdir()
    (folder / "warrant").write_text(bench.sign(warrant))
    outcome = bench.executor.outcome(warrant.run_id, warrant.hosts)
    assert (outcome.status, outcome.began) == (Status.FAILED, False)
    from gate.execution.worker import main

    assert main(["worker", str(folder)]) == 1
    assert not bench.out().exists()


def test_a_run_of_which_there_is_no_trace_began_nothing(bench: Bench) -> None:
    assert not bench.executor.outcome("run-x", ("web-01",)).began
