"""Random rules on random facts: the engine and the reference give the same answer every time."""

import random

from gate.policy.engine.compile import MAX_MATCHES, compile_rules
from gate.policy.engine.evaluator import Evaluator
from gate.policy.language.normal import matches, push_not
from gate.policy.language.reference import fired
from gate.policy.language.rule import All, AnyOf, Condition, Leaf, Not, Rule, Verdict
from gate.policy.language.vocabulary import Vocabulary, plain
from gate.policy.rules.rulebook import Rulebook

TEXTS = [
    plain(text) for text in ("", " ", "a", "ab", "ab!", "A", "1", "true", "null", "é", '"', "\\", "a'b", "{", "$s")
]
NUMBERS = [-(10**9), -1, 0, 1, 2, 30, 49, 50, 51, 65_535, 65_536, 10**9]
FACTS = Vocabulary(["freeze"], ["slow"]).all(["web", "db"])


def value(rng: random.Random, fact):
    return rng.choice(NUMBERS if fact.kind is int else fact.values or TEXTS)


def condition(rng: random.Random, depth: int = 0) -> Condition:
    kind = rng.choice(["leaf", "leaf", "all", "any", "not"]) if depth < 4 else "leaf"
    if kind == "not":
        return Not(condition(rng, depth + 1))
    if kind != "leaf":
        return (All if kind == "all" else AnyOf)(tuple(condition(rng, depth + 1) for _ in range(rng.randint(1, 3))))
    fact = rng.choice(FACTS)
    op = rng.choice(["eq", "ne", "in", "not_in", *(["lt", "le", "gt", "ge"] if fact.kind is int else [])])
    if "in" in op:
        values = tuple(dict.fromkeys(value(rng, fact) for _ in range(rng.randint(1, 4))))
        return Leaf(fact=fact.name, op=op, value=values)
    return Leaf(fact=fact.name, op=op, value=value(rng, fact))


def rulebook(rng: random.Random, count: int) -> Rulebook:
    rules = {}
    while len(rules) < count:
        when = condition(rng)
        if matches(push_not(when)) <= MAX_MATCHES:
            name = f"rule-{len(rules)}"
            rules[name] = Rule(id=name, when=when, verdict=Verdict.ALLOW, because="x", place="x:1")
    return Rulebook(rules=rules, windows=(), limits=(), facts=FACTS)


def test_engine_and_reference_agree_on_24000_pairs():
    rng = random.Random(20261123)  # noqa: S311
    pairs = hits = 0
    for _ in range(8):
        book = rulebook(rng, 60)
        engine = Evaluator(compile_rules(book))
        try:
            for _ in range(50):
                facts = {fact.name: value(rng, fact) for fact in FACTS}
                expected = fired(book.rules.values(), facts)
                assert engine.fired(facts) == expected, facts
                pairs, hits = pairs + len(book.rules), hits + len(expected)
        finally:
            engine.close()
    assert pairs == 24_000
    assert pairs / 10 < hits < pairs * 9 / 10  # a fuzz in which nothing or everything matches shows nothing
