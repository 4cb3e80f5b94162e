"""Random rules on random questions: the policy, as it is shipped, against a second reading of the YAML.

The oracle below knows nothing of the gate: it takes the rules as the plain data that was written into the file, and the
raw values before anything was done to them. Rules go the whole way: file, reader, compiler, engine behind its door,
pipe. A pair is one rule on one set of facts; one mismatch is a fault, and so is one answer that lets through what the
oracle would not. `make fuzz` runs it for minutes, the tests run a short form of it.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gate.policy.decision import Decision, Verdict
from gate.policy.engine.evaluator import EngineError
from gate.policy.language.vocabulary import plain
from gate.policy.policy import Policy
from gate.policy.question import History, Host, Question
from gate.policy.rules.lint import lint
from gate.policy.rules.rulebook import read_rulebook
from gate.values.actor import Actor
from gate.values.errors import PolicyError

LATE = "did not answer in time"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MOST_GROWTH_KB = 4096  # of a process over all decisions but the first tenth
Data = dict[str, Any]

# what engines have been seen to take for something else, each beside what it was taken for
LONG = ("x" * 512, "x" * 513, "ok" + "x" * 65_533, "ok" + "x" * 65_536, "ok" + "\x00" * 65_536)
ODD = (
    "e\u0301",
    "\xe9",
    "d\u200bev",
    "\u217eev",
    "Dev",
    "dev ",
    " dev",
    "dev\x00",
    "dev\n",
    'dev"',
    "dev\\",
    "\\u0064ev",
)
CODE = (
    '{"$neq":1}',
    "$m",
    "$s",
    "zz",
    "id",
    "sid",
    "i1",
    'dev","risk":99,"x":"',
    "__proto__",
    "' OR 1=1 --",
    "{{ x }}",
    "\t",
)
NUMBERS_AS_TEXT = (
    "",
    " ",
    "0",
    "1",
    "-1",
    "01",
    "1.0",
    "1e3",
    "true",
    "false",
    "null",
    "none",
    "None",
    "yes",
    "no",
    "NaN",
)
NEAR = (
    "dev",
    "prod",
    "a",
    "ab",
    "ab!",
    "abc",
    "A",
    "ok",
    "token.tf",
    "DROP TABLE",
    "a/b",
    "a/b/c",
    "web-01",
    "*",
    "a*",
    "[a]",
)
DIGESTS = (plain("\xe9"), plain("dev\n"), plain(plain("\xe9")), "sha256:", "sha256:" + "0" * 64)
TEXTS = (*ODD, *CODE, *NUMBERS_AS_TEXT, *NEAR, *DIGESTS)
IN_FACTS_ONLY = ("\ud800", "\U0001f600", "\x7f", "\x9f", *LONG)
SMALL = (0, 1, 2, 29, 30, 31, 49, 50, 51, 99, 100)
LARGE = (3, 255, 256, 65_535, 65_536, 2**29, 10**9 - 1, 10**9)
# the last two are one to the engine: a host in one of them must not pass for one in the other
GROUPS = ("web", "web2", "we", "db", "pci", "mikxw", "wjtra")
MORE_GROUPS = (*GROUPS, "Web", "WEB", "web ", "web-2", "w\u0435b")  # of hosts; no rule names them
WORDS = {
    "actor_kind": ("human", "agent", "schedule"),
    "reversibility": ("full", "partial", "none"),
    "check": ("full", "partial", "none"),
    "certified": ("yes", "no"),
    "undo": ("yes", "no"),
}
FREE = ("action", "target", "environment", "criticality")
PATTERNS = (
    "*",
    "**",
    "a*",
    "*b",
    "?",
    "a?",
    "dev*",
    "*/b",
    "**/c",
    "[ad]*",
    "[!a]**",
    "web-0[0-9]",
    "*(secret|token)*",
)
EXPRESSIONS = (
    ".*",
    ".*(secret|token).*",
    ".*(DROP|TRUNCATE) .*",
    "[a-z]+",
    ".*[^a]",
    "(ab?)+!?",
    "a{1,2}b*",
    r"\d*",
    "dev.",
)


class Oracle:
    """What a condition means: read from its YAML alone."""

    def holds(self, when: Data, raw: Data) -> bool:
        ((key, inner),) = when.items()
        if key == "all":
            return all(self.holds(one, raw) for one in inner)
        if key == "any":
            return any(self.holds(one, raw) for one in inner)
        if key == "not":
            return not self.holds(inner, raw)
        if isinstance(inner, dict) and "absent" in inner:
            return (key not in raw) == (inner["absent"] == "yes")
        return key in raw and self.compare(inner, raw[key])

    def compare(self, inner: Any, actual: Any) -> bool:
        ((op, value),) = inner.items() if isinstance(inner, dict) else (("eq", inner),)
        match op:
            case "eq" | "ne":
                return (actual == value) == (op == "eq")
            case "in" | "not_in":
                return (actual in value) == (op == "in")
            case "lt" | "le" | "gt" | "ge":
                return {"lt": actual < value, "le": actual <= value, "gt": actual > value, "ge": actual >= value}[op]
            case "glob":
                return re.fullmatch(self.glob(value), actual, re.DOTALL) is not None
            case "matches":
                return re.fullmatch(value, actual, re.ASCII) is not None
            case "has":
                return any(self.compare(value, one) for one in actual)
            case "every":
                return bool(actual) and all(self.compare(value, one) for one in actual)
            case "count":
                return self.compare(value, len(actual))
        raise AssertionError(op)

    def glob(self, text: str) -> str:
        parts = re.split(r"(\*\*|\*|\?|\[[^\]]+\])", text)
        known = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
        return "".join(
            known.get(part) or (part.replace("[!", "[^") if part.startswith("[") else re.escape(part)) for part in parts
        )

    def verdict(self, rules: list[Data], fired: list[set[str]]) -> str:
        """The strictest host decides; of a host's rules deny beats approval beats allow; nothing said is a deny."""
        said = {rule["rule"]: rule["then"] if isinstance(rule["then"], str) else "needs_approval" for rule in rules}
        strength = ("allow", "needs_approval", "deny")
        hosts = [max((said[name] for name in names), key=strength.index, default="deny") for names in fired]
        return max(hosts, key=strength.index, default="deny")


class Dice:
    """Everything random, from one seed."""

    def __init__(self, seed: int, *, asks: bool) -> None:
        self.rng = random.Random(seed)  # noqa: S311 - it has to be repeatable
        self.asks = asks  # whether rules ask what the engine never sees: patterns, lists, parameters
        self.texts = self.rng.sample(TEXTS, 12)  # few, so that rules and facts meet
        self.numbers = [*self.rng.sample(SMALL, 4), *self.rng.sample(LARGE, 2)]
        both = self.rng.choice((5, 6))
        self.groups = [*self.rng.sample(GROUPS[:5], 3), GROUPS[both]]  # a rulebook with both of the pair is refused
        self.tags = GROUPS[:5]

    def rules(self, count: int) -> list[Data]:
        # every rule of a large book that denies would make all its answers the same
        weights = (9, 1, 1) if count < 30 else (count, 1, 1)
        then = self.rng.choices(("allow", "deny", {"needs_approval": {"from": "sre"}}), weights, k=count)
        return [
            {"rule": f"r{number}", "when": self.condition(), "then": then[number], "because": "x"}
            for number in range(count)
        ]

    def condition(self, depth: int = 0) -> Data:
        kind = self.rng.choice(("leaf", "leaf", "all", "all", "any", "not")) if depth < 4 else "leaf"
        if kind == "leaf":
            return self.leaf()
        if kind == "not":
            return {"not": self.condition(depth + 1)}
        return {kind: [self.condition(depth + 1) for _ in range(self.rng.randint(1, 3))]}

    def leaf(self) -> Data:
        if self.asks and self.rng.random() < 0.3:
            return self.asked()
        fact = self.rng.choice((*FREE, *WORDS, "actor", "n_targets", "risk", "action_risk", *self.groups))
        if fact in self.groups:
            return {f"group.{fact}": self.rng.choice(("yes", "no"))}
        if fact in ("n_targets", "risk", "action_risk"):
            return self.comparison(fact, [n for n in self.numbers if fact == "n_targets" or n <= 100], order=True)
        values = WORDS.get(fact) or self.texts
        return self.comparison(fact, [f"agent:{one}" for one in ("a", "ab", "A")] if fact == "actor" else list(values))

    def comparison(self, fact: str, values: list[Any], *, order: bool = False) -> Data:
        op = self.rng.choice(("eq", "plain", "ne", "in", "not_in", *(("lt", "le", "gt", "ge") if order else ())))
        if op == "plain":
            return {fact: self.rng.choice(values)}
        if "in" in op:
            return {fact: {op: self.rng.sample(values, self.rng.randint(1, min(3, len(values))))}}
        return {fact: {op: self.rng.choice(values)}}

    def asked(self) -> Data:
        pick = self.rng.choice
        pattern = pick(({"glob": pick(PATTERNS)}, {"matches": pick(EXPRESSIONS)}))
        member = pick((pattern, {"eq": pick(GROUPS)}, {"in": self.rng.sample(GROUPS, 2)}, {"ne": pick(GROUPS)}))
        return pick(
            (
                {pick(FREE): pattern},
                {pick(("groups", "tags", "param.list")): {pick(("has", "every")): member}},
                {pick(("groups", "tags", "param.list")): {"count": {pick(("eq", "ge", "lt")): pick((0, 1, 2))}}},
                {"param.path": pick((pattern, {"eq": pick(self.texts)}, {"not_in": self.rng.sample(self.texts, 2)}))},
                {"param.n": {pick(("lt", "le", "gt", "ge", "eq", "ne")): pick(SMALL)}},
                {pick(("param.path", "param.n", "param.list")): {"absent": pick(("yes", "no"))}},
                {f"tag.{pick(self.tags)}": pick(("yes", "no"))},
            )
        )

    def text(self) -> str:
        most = 4000 if self.asks else 100_000  # a longer one is not matched with a pattern, but denied
        return self.rng.choice(IN_FACTS_ONLY)[:most] if self.rng.random() < 0.1 else self.rng.choice(self.texts)

    def question(self) -> Question:
        names = dict.fromkeys(self.text() for _ in range(self.rng.choice((1, 1, 1, 2, 3))))
        some = {
            "path": self.short(),
            "n": self.rng.choice(SMALL),
            "list": [self.short() for _ in range(self.rng.randrange(3))],
        }
        return Question(
            action=self.text(),
            risk=self.rng.choice([n for n in self.numbers if n <= 100]),
            reversibility=self.rng.choice(WORDS["reversibility"]),
            check=self.rng.choice(WORDS["check"]),
            certified=self.rng.random() < 0.5,
            undo=self.rng.random() < 0.5,
            actor=Actor.parse(f"{self.rng.choice(WORDS['actor_kind'])}:{self.rng.choice(('a', 'ab', 'b'))}"),
            hosts=tuple(self.host(name) for name in names),
            parameters={name: value for name, value in some.items() if self.rng.random() < 0.7},
        )

    def short(self) -> str:
        return self.rng.choice(self.texts)

    def host(self, name: str) -> Host:
        return Host(
            name=name,
            groups=frozenset(self.rng.sample(MORE_GROUPS, self.rng.randrange(5))),
            environment=self.text(),
            criticality=self.text(),
            tags=frozenset(self.rng.sample(MORE_GROUPS, self.rng.randrange(4))),
        )

    def facts(self, names: dict[str, type]) -> Data:
        """Facts as no question would have them: every number and every text."""
        made: Data = {}
        for name, kind in names.items():
            words = WORDS.get(name) or (("yes", "no") if name.startswith("group.") else None)
            made[name] = (
                self.rng.choice(self.numbers) if kind is int else self.rng.choice(words) if words else self.text()
            )
        return made


def raw_facts(question: Question, host: Host) -> Data:
    """What the oracle is told: the values as they were asked, under the names of the rules."""
    facts: Data = {name: getattr(question, name) for name in ("action", "risk", "reversibility", "check")}
    facts |= {name: getattr(host, name) for name in ("environment", "criticality", "groups", "tags")}
    facts |= {"target": host.name, "n_targets": len(question.hosts), "action_risk": question.risk}
    facts |= {"actor": str(question.actor), "actor_kind": question.actor.kind.value}
    facts |= {name: "yes" if getattr(question, name) else "no" for name in ("certified", "undo")}
    facts |= {f"group.{name}": "yes" if name in host.groups else "no" for name in GROUPS}
    facts |= {f"tag.{name}": "yes" if name in (host.tags or ()) else "no" for name in GROUPS}
    return facts | {f"param.{name}": value for name, value in question.parameters.items()}


def broken(question: Question) -> Iterator[Question]:
    """The same question with something in it that no fact can be."""
    host = question.hosts[0]
    for value in (None, True, 1.5, 2**70, "50", [], {}, float("nan"), b"x"):
        yield replace(question, risk=value)
    for value in (None, 0, True, 1.5, ["dev"], {"dev": 1}, b"dev"):
        yield replace(question, hosts=(replace(host, environment=value),))
        yield replace(question, hosts=(replace(host, criticality=value),))
        yield replace(question, action=value)
    for value in ("", "FULL", "full ", None, 1, True):
        yield replace(question, reversibility=value)
        yield replace(question, check=value)
    for value in ("yes", "no", 0, 1, None):
        yield replace(question, certified=value)
        yield replace(question, undo=value)
    yield replace(question, hosts=())


class Fuzz:
    """Counts of what was tried; `faults` says what was wrong."""

    def __init__(self) -> None:
        self.pairs = self.hits = self.decisions = self.books = self.refused = self.hostile = 0
        self.late = 0  # answers that did not come in time, because the machine had other things to do: they are denials
        self.verdicts: Counter[str] = Counter()
        self.faults: list[str] = []
        self.oracle = Oracle()

    def book(self, seed: int, count: int, samples: int) -> None:
        """One rulebook and as many questions."""
        dice = Dice(seed, asks=seed % 2 == 1)
        with tempfile.TemporaryDirectory() as folder:
            rules, never, policy = load(Path(folder), dice.rules(count))
        self.books += 1
        self.refused += len(never)
        with policy:
            for turn in range(samples):
                if dice.asks or turn % 2:
                    self.ask(policy, rules, never, dice.question(), seed)
                else:
                    self.match(policy, rules, dice, seed)
            for question in broken(dice.question()):
                self.refuse(policy, question, seed)

    def ask(self, policy: Policy, rules: list[Data], never: list[Data], question: Question, seed: int) -> None:
        """A whole decision."""
        said = policy.decide(question, History(), NOW)
        if said.verdict is Verdict.DENY and any(LATE in reason.because for reason in said.reasons):
            self.late += 1
            return
        expected = []
        for host in question.hosts:
            raw = raw_facts(question, host)
            expected.append({rule["rule"] for rule in rules if self.oracle.holds(rule["when"], raw)})
            if wrong := [rule["rule"] for rule in never if self.oracle.holds(rule["when"], raw)]:
                self.fault(seed, f"refused as never matching, and matches: {wrong}", question)
            self.count(rules, expected[-1])
        self.decisions += 1
        self.verdicts[said.verdict.value] += 1
        got = [set(said.fired.get(host.name, ())) for host in question.hosts]
        if got != expected or said.verdict.value != self.oracle.verdict(rules, expected) or gates_own(said):
            self.fault(seed, f"{said.verdict} {got} {said.reasons[:1]}, expected {expected}", question)

    def match(self, policy: Policy, rules: list[Data], dice: Dice, seed: int) -> None:
        """The engine and the reference alone, on facts that no question would lead to."""
        raw = dice.facts({fact.name: fact.kind for fact in policy._book.facts})  # noqa: SLF001
        facts = {name: plain(value) if isinstance(value, str) else value for name, value in raw.items()}
        expected = {rule["rule"] for rule in rules if self.oracle.holds(rule["when"], raw)}
        for by in (policy._evaluator, policy._reference):  # noqa: SLF001
            try:
                got = by.fired(facts)
            except EngineError as silent:
                if LATE not in silent.why:
                    raise
                self.late += 1
                return
            if got != expected:
                self.fault(seed, f"{type(by).__name__} says {sorted(got)}, expected {sorted(expected)}", raw)
        self.count(rules, expected)

    def refuse(self, policy: Policy, question: Question, seed: int) -> None:
        """A question that cannot be decided has to be a deny, and the next one has to be decided as before."""
        self.hostile += 1
        if policy.decide(question, History(), NOW).verdict is not Verdict.DENY:
            self.fault(seed, "fail-open", question)

    def count(self, rules: list[Data], hits: set[str]) -> None:
        self.pairs, self.hits = self.pairs + len(rules), self.hits + len(hits)

    def __str__(self) -> str:
        return (
            f"{self.pairs:,} pairs in {self.books} rulebooks, {self.hits / max(1, self.pairs):.0%} of them hits, "
            f"{self.decisions:,} whole decisions {dict(self.verdicts)}, "
            f"{self.refused} rules refused as never matching, {self.hostile:,} hostile questions, "
            f"{self.late} answers too late, {len(self.faults)} faults"
        )

    def fault(self, seed: int, what: str, about: object) -> None:
        self.faults.append(f"seed {seed}: {what[:600]} | {about!r:.600}")


def gates_own(said: Decision) -> bool:
    """Whether the gate denied because something went wrong inside."""
    return any(reason.rule in ("gate/engine", "gate/reference") for reason in said.reasons)


def load(folder: Path, rules: list[Data]) -> tuple[list[Data], list[Data], Policy]:
    """The rules that are taken, those that are refused because they can never match, and the policy."""
    never: list[Data] = []
    while True:
        (folder / "rules.yml").write_text("".join(f"- {json.dumps(rule)}\n" for rule in rules))
        try:
            return rules, never, Policy.load(folder)
        except PolicyError as refused:
            if "ways at once" in refused.what:
                place = re.search(r"rules\.yml:([0-9]+): ", refused.what)
                del rules[int(place[1]) - 1 if place else 0]
            elif "never match" in refused.what:
                silent = {one.rule for one in lint(read_rulebook(folder)) if one.severity == "error"}
                never += [rule for rule in rules if rule["rule"] in silent]
                rules = [rule for rule in rules if rule["rule"] not in silent]
            else:
                raise


def resident_kb(pid: int | str) -> int:
    """The memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


def memory(decisions: int, seed: int = 1) -> Iterator[tuple[int, int, int]]:
    """Decides and says now and then: decisions so far, and the memory of the engine and of this process, in kB."""
    dice = Dice(seed, asks=False)
    with tempfile.TemporaryDirectory() as folder:
        _, _, policy = load(Path(folder), dice.rules(100))
    questions = [dice.question() for _ in range(200)]
    with policy:
        child = policy._evaluator.pid  # noqa: SLF001
        for number in range(decisions + 1):
            if policy.decide(questions[number % 200], History(), NOW) and number % max(1, decisions // 10) == 0:
                yield number, resident_kb(child or "none"), resident_kb("self")
        assert policy._evaluator.pid == child  # noqa: S101, SLF001


def grown(told: list[tuple[int, int, int]]) -> list[str]:
    """Which process took more memory after the first tenth, in which all that stays is loaded; `told` by `memory`."""
    (_, engine, own), (_, engine_then, own_then) = told[-1], told[min(1, len(told) - 1)]
    both = (("engine", engine - engine_then), ("gate", own - own_then))
    return [f"the {name} grew by {more:,} kB" for name, more in both if more > MOST_GROWTH_KB]


def agree(pairs: int, seed: int) -> Fuzz:
    """Tries rulebooks until there were so many pairs, or a fault; says now and then how far it is."""
    fuzz, begun, told = Fuzz(), time.monotonic(), 0.0
    while fuzz.pairs < pairs and not fuzz.faults:
        this = seed + fuzz.books
        count = random.Random(this).choice((10, 60, 150, 400, 1000))  # noqa: S311
        fuzz.book(this, count, samples=max(100, min(1000, 60_000 // count)))
        now = time.monotonic()
        if now - told > 20 or fuzz.pairs >= pairs:
            told, done = now, min(1.0, fuzz.pairs / pairs)
            left = (now - begun) * (1 - done) / done
            print(f"{done:4.0%}  {now - begun:6.0f} s, about {left:.0f} s left  {fuzz}", flush=True)
    return fuzz


def remember(decisions: int) -> list[str]:
    """Decides so often, says how much memory that takes, and what has grown."""
    begun, told = time.monotonic(), []
    for number, engine, own in memory(decisions):
        told.append((number, engine, own))
        print(
            f"{number / decisions:4.0%}  {time.monotonic() - begun:6.0f} s  "
            f"{number:,} decisions: engine {engine:,} kB, gate {own:,} kB",
            flush=True,
        )
    return grown(told)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5_000_000)
    parser.add_argument("--decisions", type=int, default=1_000_000, help="of the memory test")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    logging.disable()  # of the denials that are provoked
    fuzz = agree(given.pairs, given.seed)
    faults = [*fuzz.faults, *(remember(given.decisions) if given.decisions else ())]
    for fault in faults:
        print(fault, file=sys.stderr)
    print(
        f"{'FAIL' if faults else 'PASS'}: {fuzz.pairs:,} pairs, {fuzz.hostile:,} hostile questions, "
        f"{given.decisions:,} decisions on one engine: {len(faults)} faults (seed {given.seed})"
    )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
