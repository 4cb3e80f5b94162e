"""Fifty wishes at the same moment, from several processes, against a limit of five: never one too many."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from gate.app import Gate
from gate.changes.model import State

PROCESSES, WISHES = 5, 50
LIMIT = "- limit: five\n  at_most: 5\n  per: 1h\n  by: [actor]\n"
PROPOSE = """
import sys
from concurrent.futures import ThreadPoolExecutor
from gate.app import Gate
from gate.identity.scopes import Identity
from gate.intent import Intent
from gate.values.actor import Actor

site, count = sys.argv[1], int(sys.argv[2])
agent = Identity(actor=Actor.parse("agent:planner"), scopes=frozenset({"propose"}))
parameters = {"path": "/etc/app/app.ini", "format": "ini", "section": "server", "key": "workers", "value": "8"}
wish = Intent.of("set_config_value", ["web-03"], parameters, "More load.")
with Gate.open(site, works=False) as gate, ThreadPoolExecutor(count) as pool:
    gate.policy, gate.catalog(), gate.inventory()  # so that all that is left is the wish itself
    print("ready", flush=True)
    sys.stdin.readline()
    for done in [pool.submit(gate.propose_for, agent, wish) for _ in range(count)]:
        print(done.result().state.value, flush=True)
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def limited(request: pytest.FixtureRequest, site: Path) -> Path:
    """A site where everything is allowed on staging, five times an hour."""
    (site / "rules" / "limits.yml").write_text(LIMIT)
    if request.param == "postgresql":
        url = request.getfixturevalue("url")
        settings = (site / "gate.toml").read_text()
        (site / "gate.toml").write_text(settings.replace("[site]\n", f'[site]\ndatabase = "{url}"\n'))
    return site


def test_of_fifty_at_once_five_pass(limited: Path) -> None:
    Gate.open(limited, works=False).close()
    command = [sys.executable, "-c", PROPOSE, str(limited), str(WISHES // PROCESSES)]
    children = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n", child.communicate()[1]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    said: Counter[str] = Counter()
    for child in children:
        out, errors = child.communicate(timeout=120)
        assert child.returncode == 0, errors
        said.update(out.split())
    assert said == {"ready": 5, "denied": 45}
    with Gate.open(limited, works=False) as gate:
        stored = Counter(change.state for change in gate.changes(100))
        assert stored == {State.READY: 5, State.DENIED: 45}
        report, others = gate.verify()
        assert (report.sound, report.size, others) == (True, 2 * WISHES, [])
    if 'database = "' in (limited / "gate.toml").read_text():
        assert not (limited / ".gate" / "gate.db").exists()
