"""The closed list of facts that a rule may ask for: names, types, values, meanings.

Every fact is always present and always text or a whole number, because the engine's comparisons are only right then.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

Value = str | int
YES_NO = ("yes", "no")
LARGEST = 10**9  # of a number in a fact or a rule; far from where the engine's arithmetic would wrap

_PLAIN = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]{0,512}")  # printable ASCII without " and \
_GROUP = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing that a rule may look at. `values` is empty where any text will do."""

    name: str
    kind: type[str | int]
    meaning: str
    values: tuple[str, ...] = ()


FACTS = (
    Fact(name="action", kind=str, meaning="Name of the catalog action."),
    Fact(name="actor", kind=str, meaning="Who asks, as `kind:name`, for example `agent:planner`."),
    Fact(name="actor_kind", kind=str, values=("human", "agent", "schedule"), meaning="What kind of actor asks."),
    Fact(name="target", kind=str, meaning="Name of the host."),
    Fact(name="environment", kind=str, meaning="Environment of the host; `none` if the inventory says nothing."),
    Fact(name="criticality", kind=str, meaning="Criticality of the host; `none` if the inventory says nothing."),
    Fact(name="risk", kind=int, meaning="Risk of the action, 0 to 100."),
    Fact(name="reversibility", kind=str, values=("full", "partial", "none"), meaning="How far undo brings back."),
    Fact(name="check", kind=str, values=("full", "partial", "none"), meaning="How far a dry run can be trusted."),
    Fact(name="certified", kind=str, values=YES_NO, meaning="Whether a current certificate proves the undo."),
    Fact(name="undo", kind=str, values=YES_NO, meaning="Whether an earlier change is taken back."),
    Fact(name="n_targets", kind=int, meaning="How many hosts the whole change touches."),
    Fact(
        name="windows",
        kind=str,
        values=("none", "open", "closed"),
        meaning="Whether a window of kind allow lets the host through now; `none` if no such window covers it.",
    ),
)
FAMILIES = (
    Fact(name="group.NAME", kind=str, values=YES_NO, meaning="Whether the host is in the inventory group NAME."),
    Fact(name="window.NAME", kind=str, values=("open", "closed"), meaning="Whether the window NAME is open now."),
    Fact(
        name="limit.NAME",
        kind=str,
        values=("within", "exceeded"),
        meaning="Whether one more change stays within the limit NAME.",
    ),
)


class Vocabulary:
    """The facts of one rulebook: the fixed ones, its windows, its limits, and whatever group a rule names."""

    def __init__(self, windows: Iterable[str] = (), limits: Iterable[str] = ()) -> None:
        _, window, limit = FAMILIES
        self._facts = {fact.name: fact for fact in FACTS}
        for family, names in ((window, windows), (limit, limits)):
            self._facts |= {made.name: made for made in (_member(family, name) for name in names)}

    def find(self, name: str) -> Fact | None:
        """The fact of that name; None if there is none."""
        family, _, group = name.partition(".")
        if family == "group" and _GROUP.fullmatch(group):
            return _member(FAMILIES[0], group)
        return self._facts.get(name)

    def nearest(self, name: str) -> str:
        """A known fact that looks like `name`; empty if none does."""
        close = difflib.get_close_matches(name, [*self._facts, "group.NAME"], n=1)
        return close[0] if close else ""

    def all(self, groups: Iterable[str]) -> tuple[Fact, ...]:
        """Every fact, the named groups included."""
        return (*self._facts.values(), *(_member(FAMILIES[0], group) for group in sorted(groups)))


def plain(text: str) -> str:
    """Text as the engine may see it: itself if short plain ASCII, otherwise its digest. Equal only if equal before."""
    if _PLAIN.fullmatch(text) and not text.startswith("sha256:"):
        return text
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _member(family: Fact, name: str) -> Fact:
    full = family.name.replace("NAME", name)
    return Fact(name=full, kind=family.kind, values=family.values, meaning=family.meaning.replace("NAME", name))
