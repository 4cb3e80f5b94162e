"""The closed list of facts that a rule may ask for: names, types, values, meanings.

Every fact is always present and always text or a whole number, because the engine's comparisons are only right then.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

Value = str | int
YES_NO = ("yes", "no")
LARGEST = 10**9  # of a number in a fact or a rule; far from where the engine's arithmetic would wrap

_PLAIN = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]{0,512}")  # printable ASCII without " and \
_GROUP = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing that a rule may look at. `values` is empty where any text will do.

    `origin` is where it comes from: intent, catalog, inventory, clock, ledger or rules. A number is `low` at least and
    `high` at most, as far as that is known, and counts `unit`.
    """

    name: str
    kind: type[str | int]
    meaning: str
    values: tuple[str, ...] = ()
    origin: str = "intent"
    unit: str = ""
    low: int | None = None
    high: int | None = None
    example: str = ""

    @property
    def is_free_text(self) -> bool:
        """Whether patterns can be asked of it."""
        return self.kind is str and not self.values


FACTS = (
    Fact(name="action", kind=str, meaning="Name of the catalog action.", example="restart_service"),
    Fact(
        name="actor",
        kind=str,
        meaning="Who asks, as `kind:name`, for example `agent:planner`.",
        example="agent:planner",
    ),
    Fact(
        name="actor_kind",
        kind=str,
        values=("human", "agent", "schedule"),
        meaning="What kind of actor asks.",
        example="agent",
    ),
    Fact(name="target", kind=str, meaning="Name of the host.", origin="inventory", example="web-01"),
    Fact(
        name="environment",
        kind=str,
        meaning="Environment of the host; `none` if the inventory says nothing.",
        origin="inventory",
        example="prod",
    ),
    Fact(
        name="criticality",
        kind=str,
        meaning="Criticality of the host; `none` if the inventory says nothing.",
        origin="inventory",
        example="high",
    ),
    Fact(
        name="risk",
        kind=int,
        meaning="Risk of the change on this host, 0 to 100: the action's own, and what `risk.yml` adds.",
        origin="rules",
        unit="points",
        low=0,
        high=100,
        example="50",
    ),
    Fact(
        name="action_risk",
        kind=int,
        meaning="Risk of the action itself, 0 to 100.",
        origin="catalog",
        unit="points",
        low=0,
        high=100,
        example="30",
    ),
    Fact(
        name="reversibility",
        kind=str,
        values=("full", "partial", "none"),
        meaning="How far undo brings back.",
        origin="catalog",
        example="full",
    ),
    Fact(
        name="check",
        kind=str,
        values=("full", "partial", "none"),
        meaning="How far a dry run can be trusted.",
        origin="catalog",
        example="partial",
    ),
    Fact(
        name="certified",
        kind=str,
        values=YES_NO,
        meaning="Whether a current certificate proves the undo.",
        origin="catalog",
        example="yes",
    ),
    Fact(name="undo", kind=str, values=YES_NO, meaning="Whether an earlier change is taken back.", example="no"),
    Fact(
        name="n_targets",
        kind=int,
        meaning="How many hosts the whole change touches.",
        unit="hosts",
        low=0,
        example="5",
    ),
    Fact(
        name="windows",
        kind=str,
        values=("none", "open", "closing", "closed"),
        meaning="Whether the windows let the host through now; `closing` if the change may outlast them, "
        "`none` if only freezes cover it.",
        origin="clock",
        example="open",
    ),
    Fact(
        name="early",
        kind=str,
        values=("no", "wait", "deny"),
        meaning="Whether the windows do not let the host through yet: `wait` if it may wait for them, "
        "`deny` if one of them says so or they never do.",
        origin="clock",
        example="wait",
    ),
)
FAMILIES = (
    Fact(
        name="group.NAME",
        kind=str,
        values=YES_NO,
        meaning="Whether the host is in the inventory group NAME.",
        origin="inventory",
        example="yes",
    ),
    Fact(
        name="tag.NAME",
        kind=str,
        values=YES_NO,
        meaning="Whether the host carries the tag NAME, by `gate_tags` in the inventory.",
        origin="inventory",
        example="yes",
    ),
    Fact(
        name="window.NAME",
        kind=str,
        values=("open", "closed"),
        meaning="Whether the window NAME is open now.",
        origin="clock",
        example="open",
    ),
    Fact(
        name="limit.NAME",
        kind=str,
        values=("within", "exceeded"),
        meaning="Whether one more change stays within the limit NAME.",
        origin="ledger",
        example="within",
    ),
)
OPEN_FAMILIES = ("group", "tag")  # any name may be asked for


class Vocabulary:
    """The facts of one rulebook: the fixed ones, its windows, its limits, and whatever group or tag a rule names."""

    def __init__(self, windows: Iterable[str] = (), limits: Iterable[str] = ()) -> None:
        window, limit = _family("window"), _family("limit")
        self._facts = {fact.name: fact for fact in FACTS}
        for family, names in ((window, windows), (limit, limits)):
            self._facts |= {made.name: made for made in (_member(family, name) for name in names)}

    def find(self, name: str) -> Fact | None:
        """The fact of that name; None if there is none."""
        family, _, member = name.partition(".")
        if family in OPEN_FAMILIES and _GROUP.fullmatch(member):
            return _member(_family(family), member)
        return self._facts.get(name)

    def nearest(self, name: str) -> str:
        """A known fact that looks like `name`; empty if none does."""
        close = difflib.get_close_matches(name, [*self._facts, "group.NAME", "tag.NAME", "param.NAME"], n=1)
        return close[0] if close else ""

    def all(self, used: Iterable[str] = ()) -> tuple[Fact, ...]:
        """Every fact, those of the open families among the `used` names included."""
        named = (self.find(name) for name in sorted(set(used) - self._facts.keys()))
        return (*self._facts.values(), *(fact for fact in named if fact))


def plain(text: str) -> str:
    """Text as the engine may see it: itself if short plain ASCII, otherwise its digest. Equal only if equal before."""
    if _PLAIN.fullmatch(text) and not text.startswith("sha256:"):
        return text
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _family(name: str) -> Fact:
    return next(family for family in FAMILIES if family.name == f"{name}.NAME")


def _member(family: Fact, name: str) -> Fact:
    full, meaning = family.name.replace("NAME", name), family.meaning.replace("NAME", name)
    return replace(family, name=full, meaning=meaning)
