"""Is a deny only a matter of time? It is, if without the limits in which there will be room it would be none. Pure.

A decision stays a deny all the same: it is for those who act on it to wait, where that is right.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from gate.policy.decision import Fired, Verdict, combine
from gate.policy.language.rule import Rule
from gate.policy.limits.usage import Usage, together


def frees(
    rules: Mapping[str, Rule], fired: Fired, used: Mapping[str, Mapping[str, Usage]]
) -> tuple[bool, datetime | None]:
    """Whether there will be room for what is denied, and when, if that is known. `used` is limit -> host -> usage."""
    stops = {
        (host, rule_id): used[rule_id.removeprefix("limit/")][host]
        for host, ids in fired.items()
        for rule_id in ids
        if rule_id.startswith("limit/")
    }
    passing = {place for place, usage in stops.items() if usage.frees}
    without = {host: tuple(one for one in ids if (host, one) not in passing) for host, ids in fired.items()}
    if not passing or combine(rules, without, lambda _rule, _host: "")[0] is Verdict.DENY:
        return False, None
    return True, together(stops.values()).frees_at
