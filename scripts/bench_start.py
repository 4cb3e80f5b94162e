"""How long it takes from a yes to the start, and until the command line answers. Prints medians; asserts nothing."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from gate import Gate
from gate.identity.scopes import Identity
from gate.identity.tokens import os_user
from gate.init import init
from gate.values.actor import Actor, ActorKind

CHANGES = int(os.environ.get("BENCH_CHANGES", "15"))
AGENT = Identity(Actor(ActorKind.AGENT, "bench"), frozenset({"propose"}))
RULES = """\
- rule: somebody-looks
  when: {environment: staging}
  then: {needs_approval: {from: ops, expires: 1h}}
  because: This measures approvals.
"""


def main() -> None:
    """Measures on a site of its own, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="gate-bench-") as folder:
        site = make_site(Path(folder) / "site")
        with Gate.open(site) as gate:
            started, whole = measure(gate, warm=3)
    show("approval to start", started)
    show("approval to end", whole)
    show("gate --help", [answered("--help") for _ in range(CHANGES)])


def make_site(root: Path) -> Path:
    init(root, os_user().name)
    shutil.rmtree(root / "rules")
    (root / "rules").mkdir()
    (root / "rules" / "baseline.yml").write_text(RULES)
    return root


def measure(gate: Gate, *, warm: int) -> tuple[list[float], list[float]]:
    """Milliseconds from the ledger's `approved` to `started`, and to the end; the first few are left out."""
    started, whole = [], []
    for number in range(warm + CHANGES):
        given = {"path": "/etc/app/a.ini", "format": "ini", "section": "s", "key": "k", "value": str(number)}
        wish = {"action": "set_config_value", "targets": ["web-03"], "parameters": given}
        change = gate.wait(gate.propose_for(AGENT, wish).id).id
        gate.approve(change, binding=gate.card(change).binding)
        gate.wait(change)
        at = {entry.kind: datetime.fromisoformat(entry.at) for entry in gate.story(change)}
        if number >= warm:
            started.append((at["started"] - at["approved"]).total_seconds() * 1000)
            whole.append((at["succeeded"] - at["approved"]).total_seconds() * 1000)
    return started, whole


def answered(*words: str) -> float:
    began = time.perf_counter()
    subprocess.run([Path(sys.executable).parent / "gate", *words], stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - began) * 1000


def show(what: str, times: list[float]) -> None:
    print(f"{what:<20} median {statistics.median(times):7.1f} ms   slowest {max(times):7.1f} ms   of {len(times)}")


if __name__ == "__main__":
    main()
