"""What a shipped action tells over SSH is the same whether Ansible was warm or not.

Those that work without root are compared in tests/integration/execution/test_warm.py too. All of them together take
minutes, so two are compared here in every run of the tests, and the others by `make exhaustive`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gate.app import Gate
from gate.catalog.proof_cases import read_cases
from gate.changes.model import State
from gate.execution.warm.pool import Pool
from gate.identity.tokens import os_identity
from gate.init import shipped
from gate.proof.ground import Ground
from gate.settings import SiteFolder, find_site
from tests.hosts.lab import Lab
from tests.told import by_host, told, was_cold

HOSTS = ("web-01", "web-02")
EACH_TIME = ("add_user", "schedule_job")
ACTIONS = sorted(path.parent for path in (shipped() / "playbooks").glob("*/proof.yml"))
MARKED = [
    pytest.param(path, id=path.name, marks=[] if path.name in EACH_TIME else [pytest.mark.exhaustive])
    for path in ACTIONS
]


@pytest.fixture
def seen_before(ground_lab: Lab) -> None:
    """The first task on a host that Ansible never saw warns of a folder that it makes; only the first does."""
    for host in HOSTS:
        ground_lab[host].run("install", "-d", "-m", "700", "/root/.ansible", "/root/.ansible/tmp")


def test_those_that_are_compared_each_time_are_there() -> None:
    assert {path.name for path in ACTIONS} > set(EACH_TIME)


@pytest.mark.usefixtures("seen_before")
@pytest.mark.parametrize("action", MARKED)
def test_a_shipped_action_tells_the_same_over_ssh_cold_and_warm(
    proving_site: Path, warm_pool: Pool, action: Path
) -> None:
    site, me = find_site(proving_site), os_identity()
    cold = there_and_back(site, action, lambda folder: Gate(folder, me))
    warm = there_and_back(site, action, lambda folder: Gate(folder, me, warm=True, lent=warm_pool), demand_warmth=True)
    assert [phase for phase, *_ in warm] == [phase for phase, *_ in cold]
    for (_, events, output), (_, warm_events, warm_output) in zip(cold, warm, strict=True):
        assert by_host(warm_events) == by_host(events)
        assert sorted(warm_output.splitlines()) == sorted(output.splitlines())


def there_and_back(
    site: SiteFolder, action: Path, opened: Callable[[SiteFolder], Gate], *, demand_warmth: bool = False
) -> list[tuple[str, list[Any], str]]:
    """Does the first case that changes something, and takes it back. The runs: phase, events, output."""
    case = next(case for case in read_cases(action) if case.changes)
    with Ground.made(site, HOSTS, opened) as ground:
        folder = ground.put(action, action.name)
        if case.pre_tasks:
            manifest = (folder / "action.yml").read_text()
            collections = ["containers.podman"] if "containers.podman" in manifest else []
            ground.put_tasks("prepare", case.pre_tasks, collections)
            assert ground.act("prepare", {}).state is State.SUCCEEDED
        change = ground.act(action.name, case.vars)
        assert change.state is State.SUCCEEDED, ground.why(change)
        change = ground.undo(change)
        assert change.state is State.UNDONE, ground.why(change)
        assert isinstance(ground.door, Gate)
        undo = next(one for one in ground.door.changes(100) if one.undo_of == change.id)
        runs = [
            (run["phase"], ground.folder.state / "runs" / run["id"])
            for of in (change, undo)
            for run in ground.door.runs(of.id)
        ]
        assert (ground.door.site.executor.pool is not None) is demand_warmth
        if demand_warmth:
            assert [was_cold(folder) for _, folder in runs] == [""] * len(runs)
        return [(phase, *told(folder)) for phase, folder in runs]
