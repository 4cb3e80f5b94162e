"""A deny is a matter of time only if nothing but time, or others coming to rest, stands in the way."""

from datetime import UTC, datetime, timedelta

import pytest

from gate.policy.frees import frees
from gate.policy.language.rule import Leaf, Rule, Verdict
from gate.policy.limits.usage import Usage

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
WHEN = Leaf(fact="risk", op="ge", value=0)
SAYS = {
    "ok": Verdict.ALLOW,
    "ask": Verdict.NEEDS_APPROVAL,
    "no": Verdict.DENY,
    "window/early": Verdict.WAIT,
    "limit/slow": Verdict.DENY,
    "limit/few": Verdict.DENY,
    "limit/broken": Verdict.DENY,
}
RULES = {name: Rule(id=name, when=WHEN, verdict=verdict, because="x", place="x:1") for name, verdict in SAYS.items()}
RULES["shadow"] = Rule(id="shadow", when=WHEN, verdict=Verdict.DENY, because="x", place="x:1", shadow=True)
USED = {
    "slow": Usage(exceeded=True, frees=True, frees_at=NOON),
    "few": Usage(exceeded=True, frees=True),
    "broken": Usage(exceeded=True),
}


@pytest.mark.parametrize(
    ("fired", "expected"),
    [
        (("limit/slow", "ok"), (True, NOON)),
        (("limit/slow", "ask"), (True, NOON)),
        (("limit/slow", "ok", "window/early"), (True, NOON)),
        (("limit/slow", "ok", "shadow"), (True, NOON)),
        (("limit/few", "ok"), (True, None)),
        (("limit/few", "limit/slow", "ok"), (True, NOON)),
        (("limit/slow",), (False, None)),  # nothing would allow it then either
        (("limit/slow", "ok", "no"), (False, None)),
        (("limit/broken", "ok"), (False, None)),
        (("limit/broken", "limit/slow", "ok"), (False, None)),
        (("ok",), (False, None)),
        (("no",), (False, None)),
        ((), (False, None)),
    ],
)
def test_one_host(fired, expected):
    assert frees(RULES, {"h": fired}, {name: {"h": usage} for name, usage in USED.items()}) == expected


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (("ok",), (True, NOON)),
        (("limit/slow", "ok"), (True, LATER)),  # it is the last one that counts
        (("no", "ok"), (False, None)),
        ((), (False, None)),
    ],
)
def test_all_hosts_have_to_be_let_through(other, expected):
    used = {"slow": {"a": USED["slow"], "b": Usage(exceeded=True, frees=True, frees_at=LATER)}}
    assert frees(RULES, {"a": ("limit/slow", "ok"), "b": other}, used) == expected


def test_what_does_not_free_up_on_one_host_does_not_because_it_does_on_another():
    used = {"slow": {"a": USED["slow"], "b": USED["broken"]}}
    assert frees(RULES, {"a": ("limit/slow", "ok"), "b": ("limit/slow", "ok")}, used) == (False, None)
