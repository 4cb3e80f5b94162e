"""What of many changes can be taken back, on which hosts, in what order; and what is in the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import pytest

from gate.changes.model import Change, State
from gate.undo.past import Past
from gate.undo.radius import Radius, radius

Make = Callable[..., Change]
HOSTS = ("web-01", "web-02")


def touched(*names: str) -> Mapping[str, Any]:
    return {"resources": list(names)}


@pytest.fixture
def past(make_change: Make) -> Callable[..., Past]:
    """A change that touched these things on each of these hosts."""

    def made(*names: str, hosts: tuple[str, ...] = ("web-01",), taken_back: tuple[str, ...] = (), **more: Any) -> Past:
        return Past.of(make_change(hosts=hosts, **more), {host: touched(*names) for host in hosts}, taken_back)

    return made


def found(of: list[Past], wanted: list[Past], **more: Any) -> Radius:
    return radius(of, [one.change.id for one in wanted], why_not=more.pop("why_not", {}), **more)


def steps(of: Radius) -> list[tuple[str, tuple[str, ...]]]:
    return [(step.change_id, step.hosts) for step in of.steps]


def test_the_newest_comes_first_and_what_touched_the_same_thing_waits_for_it(past: Callable[..., Past]) -> None:
    one, two, three = past("a"), past("b"), past("a")
    told = found([one, two, three], [one, two, three])
    assert [step.change_id for step in told.steps] == [three.change.id, two.change.id, one.change.id]
    assert [step.after for step in told.steps] == [(), (), (three.change.id,)]
    assert told.conflicts == ()


def test_a_later_change_of_somebody_else_is_in_the_way_and_named(past: Callable[..., Past]) -> None:
    agent, human = past("a"), past("a")
    told = found([agent, human], [agent])
    assert told.steps == ()
    (conflict,) = told.conflicts
    assert (conflict.change_id, conflict.host, conflict.by) == (agent.change.id, "web-01", human.change.id)


def test_it_is_in_the_way_only_on_the_hosts_that_it_touched(past: Callable[..., Past]) -> None:
    agent, human = past("a", hosts=HOSTS), past("a", hosts=("web-02",))
    told = found([agent, human], [agent])
    assert steps(told) == [(agent.change.id, ("web-01",))]
    assert [(one.host, one.by) for one in told.conflicts] == [("web-02", human.change.id)]


def test_with_cascade_it_is_taken_back_first_where_it_is_in_the_way_and_nowhere_else(past: Callable[..., Past]) -> None:
    agent, human = past("a", hosts=("web-01",)), past("a", hosts=HOSTS)
    told = found([agent, human], [agent], cascade=True)
    assert steps(told) == [(human.change.id, ("web-01",)), (agent.change.id, ("web-01",))]
    assert told.steps[1].after == (human.change.id,)


def test_a_cascade_goes_on_over_what_is_in_the_way_of_what_is_in_the_way(past: Callable[..., Past]) -> None:
    one, two, three, other = past("a"), past("a", "b"), past("b"), past("c")
    told = found([one, two, three, other], [one], cascade=True)
    assert [step.change_id for step in told.steps] == [three.change.id, two.change.id, one.change.id]


def test_what_cannot_be_taken_back_says_why_and_is_in_the_way_of_what_it_lies_upon(past: Callable[..., Past]) -> None:
    one, two = past("a"), past("a")
    told = found([one, two], [one, two], why_not={two.change.id: "too old"})
    assert told.steps == ()
    assert [(c.change_id, c.by, c.why) for c in told.conflicts] == [
        (two.change.id, "", "too old"),
        (one.change.id, two.change.id, "it touched the same thing later"),
    ]


def test_where_it_was_taken_back_already_it_is_neither_undone_nor_in_the_way(past: Callable[..., Past]) -> None:
    one, two = past("a", hosts=HOSTS), past("a", hosts=HOSTS, taken_back=("web-02",))
    told = found([one, two], [one])
    assert steps(told) == [(one.change.id, ("web-02",))]


def test_a_change_that_was_taken_back_as_a_whole_is_nothing(past: Callable[..., Past]) -> None:
    one = past("a")
    two = past("a", state=State.UNDONE)
    assert steps(found([one, two], [one])) == [(one.change.id, ("web-01",))]


def test_it_agrees_with_taking_back_one_by_one(past: Callable[..., Past]) -> None:
    """Of three changes on one host that touch a, b or both, some are wanted: undone one by one, the newest first."""
    things = (("a",), ("b",), ("a", "b"))
    for touch in product(things, repeat=3):
        for chosen in product((False, True), repeat=3):
            of = [past(*names) for names in touch]
            wanted = [one for one, take in zip(of, chosen, strict=True) if take]
            stands = list(of)
            for one in reversed(wanted):
                later = stands[stands.index(one) + 1 :]
                if not any(
                    set(one.evidence["web-01"]["resources"]) & set(two.evidence["web-01"]["resources"]) for two in later
                ):
                    stands.remove(one)
            expected = [one.change.id for one in reversed(of) if one not in stands]
            assert [step.change_id for step in found(of, wanted).steps] == expected
