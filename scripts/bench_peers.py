"""Other engines on the same rules and inputs. Run by bench_policy.py in a virtual environment of its own.

`bench_peers.py NAME` reads one JSON line, {"rules": [...], "inputs": [...], "seconds": S}, and writes one with the
microseconds and the verdict of each answer. Each engine is used as its documentation says that it is quick: policies
are parsed once. A verdict is the strongest of the rules that match (deny, approval, allow; nothing is a deny), where
the engine can say which rules those are.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

Rule = dict[str, Any]
Ask = dict[str, Any]
STRENGTH = ("allow", "approval", "deny")
SIGN = {"ge": ">=", "lt": "<"}


def strongest(rules: dict[str, str], names: Any) -> str:
    return max((rules[name] for name in names), key=STRENGTH.index, default="deny")


def cedarpy(rules: list[Rule]) -> Callable[[Ask], str]:
    from cedarpy import PolicySet, is_authorized

    text = "".join(
        f'@id("{rule["id"]}")\n{"forbid" if rule["verdict"] == "deny" else "permit"}(principal, '
        f'action == Action::"{rule["action"]}", resource) when {{ context.environment == "{rule["environment"]}" && '
        f'context.actor_kind == "{rule["actor_kind"]}" && context.risk {SIGN[rule["op"]]} {rule["risk"]} }};\n'
        for rule in rules
    )
    policies, verdicts = PolicySet.from_str(text), {f"policy{n}": rule["verdict"] for n, rule in enumerate(rules)}
    verdicts |= {rule["id"]: rule["verdict"] for rule in rules}

    def decide(ask: Ask) -> str:
        request = {
            "principal": {"type": "Actor", "id": "planner"},
            "action": {"type": "Action", "id": ask["action"]},
            "resource": {"type": "Host", "id": "web-01"},
            "context": {name: ask[name] for name in ("environment", "actor_kind", "risk")},
        }
        said = is_authorized(request, policies, [])
        return strongest(verdicts, said.diagnostics.reasons) if said.allowed else "deny"

    return decide


def regopy(rules: list[Rule]) -> Callable[[Ask], str]:
    from regopy import Interpreter

    rego = Interpreter()
    body = "".join(
        f'fired contains "{rule["id"]}" if {{ input.action == "{rule["action"]}"; '
        f'input.environment == "{rule["environment"]}"; input.actor_kind == "{rule["actor_kind"]}"; '
        f"input.risk {SIGN[rule['op']]} {rule['risk']} }}\n"
        for rule in rules
    )
    rego.add_module("gate", f"package gate\n\n{body}")
    bundle, verdicts = rego.build("x = data.gate.fired"), {rule["id"]: rule["verdict"] for rule in rules}

    def decide(ask: Ask) -> str:
        rego.set_input(ask)
        said = rego.query_bundle(bundle)  # what it is bound to lives no longer than this
        return strongest(verdicts, json.loads(str(said.binding("x"))))

    return decide


def casbin(rules: list[Rule]) -> Callable[[Ask], str]:
    from casbin import Enforcer
    from casbin.model import Model

    model = Model()
    model.add_def("r", "r", "action, environment, kind, risk")
    model.add_def("p", "p", "action, environment, kind, low, high, eft")
    model.add_def("e", "e", "some(where (p.eft == allow)) && !some(where (p.eft == deny))")
    same = " && ".join(f"r.{name} == p.{name}" for name in ("action", "environment", "kind"))
    model.add_def("m", "m", f"{same} && r.risk >= number(p.low) && r.risk <= number(p.high)")
    enforcer = Enforcer(model)
    enforcer.add_function("number", int)  # a policy of casbin is texts
    for rule in rules:
        low, high = (str(rule["risk"]), "100") if rule["op"] == "ge" else ("0", str(rule["risk"] - 1))
        effect = "deny" if rule["verdict"] == "deny" else "allow"
        enforcer.add_policy(rule["action"], rule["environment"], rule["actor_kind"], low, high, effect)

    def decide(ask: Ask) -> str:
        return (
            "allow" if enforcer.enforce(ask["action"], ask["environment"], ask["actor_kind"], ask["risk"]) else "deny"
        )

    return decide


def zen_engine(rules: list[Rule]) -> Callable[[Ask], str]:
    from zen import ZenEngine

    fields = ("action", "environment", "actor_kind", "risk")
    table = {
        "hitPolicy": "collect",
        "inputs": [{"id": name, "name": name, "type": "expression", "field": name} for name in fields],
        "outputs": [{"id": "rule", "name": "rule", "type": "expression", "field": "rule"}],
        "rules": [
            {"_id": rule["id"], "rule": f'"{rule["id"]}"', "risk": f"{SIGN[rule['op']]} {rule['risk']}"}
            | {name: f'"{rule[name]}"' for name in fields[:3]}
            for rule in rules
        ],
    }
    nodes = [("in", "inputNode", {}), ("table", "decisionTableNode", table), ("out", "outputNode", {})]
    graph = {
        "nodes": [{"id": key, "type": kind, "name": key, "content": content} for key, kind, content in nodes],
        "edges": [
            {"id": f"{one}-{other}", "type": "edge", "sourceId": one, "targetId": other}
            for one, other in (("in", "table"), ("table", "out"))
        ],
    }
    decision, verdicts = ZenEngine().create_decision(json.dumps(graph)), {rule["id"]: rule["verdict"] for rule in rules}

    def decide(ask: Ask) -> str:
        return strongest(verdicts, [row["rule"] for row in decision.evaluate(ask)["result"]])

    return decide


def written(rule: Rule) -> str:
    """The rule in the words that the three expression languages share."""
    return (
        f'action == "{rule["action"]}" && environment == "{rule["environment"]}" && '
        f'actor_kind == "{rule["actor_kind"]}" && risk {SIGN[rule["op"]]} {rule["risk"]}'
    )


def rule_engine(rules: list[Rule]) -> Callable[[Ask], str]:
    import rule_engine as engine

    compiled = [(engine.Rule(written(rule).replace("&&", "and")), rule["id"]) for rule in rules]
    verdicts = {rule["id"]: rule["verdict"] for rule in rules}
    return lambda ask: strongest(verdicts, [name for rule, name in compiled if rule.matches(ask)])


def cel_python(rules: list[Rule]) -> Callable[[Ask], str]:
    import celpy

    environment = celpy.Environment()
    compiled = [(environment.program(environment.compile(written(rule))), rule["id"]) for rule in rules]
    verdicts = {rule["id"]: rule["verdict"] for rule in rules}

    def decide(ask: Ask) -> str:
        given = celpy.json_to_cel(ask)
        return strongest(verdicts, [name for program, name in compiled if program.evaluate(given)])

    return decide


def common_expression_language(rules: list[Rule]) -> Callable[[Ask], str]:
    import cel

    compiled = [(cel.compile(written(rule)), rule["id"]) for rule in rules]
    verdicts = {rule["id"]: rule["verdict"] for rule in rules}
    return lambda ask: strongest(verdicts, [name for program, name in compiled if program.execute(ask)])


PEERS = {
    "cedarpy": cedarpy,
    "regopy": regopy,
    "casbin": casbin,
    "zen-engine": zen_engine,
    "rule-engine": rule_engine,
    "cel-python": cel_python,
    "common-expression-language": common_expression_language,
}


def measure(decide: Callable[[Ask], str], inputs: list[Ask], seconds: float) -> dict[str, Any]:
    """Asks for as long as it may, at least three times: verdicts and microseconds of each."""
    decide(inputs[0])
    took, said, end = [], [], time.perf_counter() + seconds
    for ask in inputs:
        begun = time.perf_counter()
        said.append(decide(ask))
        took.append((time.perf_counter() - begun) * 1e6)
        if len(took) >= 3 and time.perf_counter() > end:
            break
    return {"took": took, "said": said}


def main() -> None:
    name, given = sys.argv[1], json.loads(sys.stdin.readline())
    found = measure(PEERS[name](given["rules"]), given["inputs"], given["seconds"])
    print(json.dumps({"name": f"{name} {version(name)}", **found}))


if __name__ == "__main__":
    main()
