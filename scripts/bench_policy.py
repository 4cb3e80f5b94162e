"""How long a decision takes, beside other engines, in one run on the same rules and inputs. `make bench-policy`.

Prints Markdown; with --write it goes into docs/benchmarks.md. The other engines live in a virtual environment of their
own (--peers PYTHON) and are no dependency of the gate. Times are microseconds; look at p50 and at ratios, since p99 on
a shared machine is what its other users make it.
"""

from __future__ import annotations

import argparse
import json
import logging
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks_page import write_part

from gate.app import Gate
from gate.identity.scopes import Identity
from gate.init import init
from gate.intent import Intent
from gate.policy.policy import Policy
from gate.policy.question import History, Host, Question
from gate.values.actor import Actor

ROOT = Path(__file__).parent.parent
PEERS = ("cedarpy", "regopy", "casbin", "zen-engine", "rule-engine", "cel-python", "common-expression-language")
COUNTS = (10, 20, 100, 1000, 4000)
ENGINE, WHOLE, RECORDED = "**gate**: engine", "**gate**: decision", "**gate**: decision and durable record"
SAMPLES = 1000
SIGN = {"ge": ">=", "lt": "<"}
THEN = {"allow": "allow", "approval": "{needs_approval: {from: sre}}", "deny": "deny"}
MEANS = {"allow": "allow", "approval": "needs_approval", "deny": "deny"}
ACTION = "set_config_value"  # the one that the durable decisions are about; the others exist as rules only
Data = dict[str, Any]
Rows = dict[str, dict[int, str]]


def make_rules(count: int) -> list[Data]:
    """Rules of four comparisons, about twenty to an action; a twentieth of them denies."""
    rng = random.Random(count)  # noqa: S311 - it has to be repeatable
    actions = [ACTION, *(f"action_{number}" for number in range(1, max(5, count // 20)))]
    return [
        {
            "id": f"r{number}",
            "action": actions[number % len(actions)],
            "environment": rng.choice(("prod", "staging", "dev")),
            "actor_kind": rng.choice(("agent", "human", "schedule")),
            "op": rng.choice(("ge", "lt")),
            "risk": rng.randrange(10, 90),
            "verdict": rng.choices(("allow", "approval", "deny"), (10, 9, 1))[0],
        }
        for number in range(count)
    ]


def make_inputs(rules: list[Data]) -> list[Data]:
    """Inputs that meet the rules: each is near one of them."""
    rng = random.Random(len(rules))  # noqa: S311
    near = [rng.choice(rules) for _ in range(SAMPLES)]
    return [
        {name: one[name] for name in ("action", "environment", "actor_kind")} | {"risk": rng.randrange(101)}
        for one in near
    ]


def expected(rules: list[Data], ask: Data) -> str:
    """The verdict, by looking at every rule."""
    same = [one for one in rules if all(one[name] == ask[name] for name in ("action", "environment", "actor_kind"))]
    said = [one["verdict"] for one in same if (ask["risk"] >= one["risk"]) == (one["op"] == "ge")]
    return max(said, key=("allow", "approval", "deny").index, default="deny")


def write_rules(folder: Path, rules: list[Data]) -> None:
    text = "".join(
        f"- {{rule: {one['id']}, when: {{all: [{{action: {one['action']}}}, {{environment: {one['environment']}}}, "
        f"{{actor_kind: {one['actor_kind']}}}, {{risk: {{{one['op']}: {one['risk']}}}}}]}}, "
        f"then: {THEN[one['verdict']]}, because: Benchmark.}}\n"
        for one in rules
    )
    (folder / "rules.yml").write_text(text)


def question(ask: Data) -> Question:
    host = Host(name="web-01", groups=frozenset({"web"}), environment=ask["environment"])
    actor = Actor.parse(f"{ask['actor_kind']}:planner")
    return Question(
        action=ask["action"],
        risk=ask["risk"],
        reversibility="full",
        check="full",
        certified=True,
        actor=actor,
        hosts=(host,),
    )


def times(deed: Callable[[Any], Any], inputs: list[Any]) -> list[float]:
    """Microseconds of each."""
    took = []
    for one in inputs:
        begun = time.perf_counter()
        deed(one)
        took.append((time.perf_counter() - begun) * 1e6)
    return took


def shown(took: list[float]) -> str:
    took = sorted(took)
    found = f"{took[len(took) // 2]:,.0f} ({took[min(len(took) - 1, int(len(took) * 0.99))]:,.0f})"
    return found if len(took) >= 100 else f"{found}, n={len(took)}"


def ours(rules: list[Data], inputs: list[Data], truth: list[str]) -> tuple[str, str, str]:
    """Engine alone, the whole decision, and whether the verdicts are right."""
    with tempfile.TemporaryDirectory() as folder:
        write_rules(Path(folder), rules)
        begun = time.perf_counter()
        policy = Policy.load(Path(folder))
        print(f"  gate: loaded in {time.perf_counter() - begun:.1f} s", file=sys.stderr)
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    with policy:
        asked = [question(ask) for ask in inputs]
        said = [policy.decide(one, History(), now) for one in asked]
        right = sum(one.verdict.value == MEANS[true] for one, true in zip(said, truth, strict=True))
        whole = times(lambda one: policy.decide(one, History(), now), asked)
        engine = times(policy._evaluator.fired, [one.facts["web-01"] for one in said])  # noqa: SLF001
    return shown(engine), shown(whole), f"{right} of {len(truth)}"


def recorded(rules: list[Data]) -> str:
    """From the wish to the commit: typed, resolved, decided, stored, two entries on the ledger."""
    wish = Intent.of(
        ACTION,
        ["web-03"],
        {"path": "/etc/app/app.ini", "format": "ini", "section": "server", "key": "workers", "value": "8"},
        "More load.",
    )
    agent = Identity(actor=Actor.parse("agent:planner"), scopes=frozenset({"propose"}))
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site"
        init(site, "root")
        for path in (site / "rules").rglob("*.yml"):
            path.unlink()
        write_rules(site / "rules", rules)
        with Gate.open(site, works=False) as gate:
            gate.propose_for(agent, wish)
            return shown(times(lambda _: gate.propose_for(agent, wish), list(range(300))))


def peer(python: str, name: str, given: Data, truth: list[str]) -> tuple[str, str, str]:
    """Its name with its version, its times, and how many of its verdicts are right."""
    command = [python, str(ROOT / "scripts" / "bench_peers.py"), name]
    try:
        asked = json.dumps(given) + "\n"
        done = subprocess.run(command, input=asked, capture_output=True, text=True, timeout=300, check=False)
    except subprocess.TimeoutExpired:
        return name, "not within 300 s", "-"
    if done.returncode != 0:
        print(done.stderr[-500:], file=sys.stderr)
        return name, "failed", "-"
    found = json.loads(done.stdout)
    pairs = list(zip(found["said"], truth, strict=False))
    if name == "casbin":  # it knows allow and deny alone
        pairs = [(said == "deny", true == "deny") for said, true in pairs]
    right = sum(said == true for said, true in pairs)
    return found["name"], shown(found["took"]), f"{right} of {len(pairs)}"


def run(python: str | None, counts: tuple[int, ...], seconds: float) -> tuple[Rows, Rows]:
    """Times and right verdicts: row -> number of rules -> text."""
    took: Rows = {}
    right: Rows = {}
    for count in counts:
        print(f"{count} rules", file=sys.stderr)
        rules = make_rules(count)
        inputs = make_inputs(rules)
        truth = [expected(rules, ask) for ask in inputs]
        engine, whole, verdicts = ours(rules, inputs, truth)
        for row, text in ((ENGINE, engine), (WHOLE, whole), (RECORDED, recorded(rules))):
            took.setdefault(row, {})[count] = text
        right.setdefault(WHOLE, {})[count] = verdicts
        given = {"rules": rules, "inputs": inputs, "seconds": seconds}
        for name in PEERS if python else ():
            row, text, verdicts = peer(python or "", name, given, truth)
            print(f"  {row}: {text}", file=sys.stderr)
            took.setdefault(row.partition(" ")[0], {})[count] = text
            right.setdefault(row.partition(" ")[0], {})[count] = verdicts
    return took, right


def table(rows: Rows, counts: tuple[int, ...]) -> str:
    head = "| | " + " | ".join(f"{count:,} rules" for count in counts) + " |\n|---|" + "--:|" * len(counts) + "\n"
    return head + "".join(
        f"| {row} | " + " | ".join(of.get(n, "-") for n in counts) + " |\n" for row, of in rows.items()
    )


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
    cores = sum(line.startswith("processor") for line in lines)
    load = Path("/proc/loadavg").read_text().split()[0]
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    return f"{cores} x {model}, load {load} at the start; {system}"


PAGE = """\
Made by `make bench-policy` on {date}: {machine}; durable-rules {durable}.

All in one run, on the same rules and inputs. A rule compares action, environment, kind of actor and risk; about twenty
rules are about one action. Times are **microseconds: p50 (p99)** of {samples:,} answers, or of as many as an engine
gave within {seconds:.0f} s (n). On a shared machine p99 is mostly what its other users make it; look at p50 and at
ratios within a column.

### A decision

{took}
- *engine*: the question which rules match, to the engine's process and back.
- *decision*: facts, engine, the reference that checks its answer, verdict and reasons.
- *decision and durable record*: from the wish to the commit on SQLite: typed, resolved to hosts, decided; the change
  and two entries of the ledger are on disk. p50 (p99) of 300.
- The other engines are asked in the process that asks, without a pipe, a check of the answer, or a record. Policies are
  parsed once. rule-engine, cel-python and common-expression-language evaluate one expression at a time, so each rule
  is an expression.

### Right verdicts

A verdict is the strongest of all matching rules: deny, then approval, then allow; nothing is a deny. casbin knows allow
and deny only, so there an approval counts as an allow.

{right}
{versions}
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", metavar="PYTHON", help="interpreter of the environment with the other engines")
    parser.add_argument("--seconds", type=float, default=5.0, help="for each other engine and number of rules")
    parser.add_argument("--rules", type=int, nargs="+", default=list(COUNTS))
    parser.add_argument("--write", action="store_true", help="put it into docs/benchmarks.md")
    given = parser.parse_args()
    logging.disable()
    begun, counts = f"{datetime.now(UTC):%Y-%m-%d}", tuple(given.rules)
    about = machine()
    took, right = run(given.peers, counts, given.seconds)
    page = PAGE.format(
        date=begun,
        machine=about,
        durable=version("durable-rules"),
        samples=SAMPLES,
        seconds=given.seconds,
        took=table(took, counts),
        right=table(right, counts),
        versions=f"Versions: {versions(given.peers)}." if given.peers else "",
    )
    print(page)
    if given.write:
        write_part("policy", page)
    return 0


def versions(python: str) -> str:
    code = "import sys, importlib.metadata as m; print(', '.join(f'{n} {m.version(n)}' for n in sys.argv[1:]))"
    return subprocess.run([python, "-c", code, *PEERS], capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
