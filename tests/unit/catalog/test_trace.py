from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gate.catalog.trace import names_in, spread


def test_names_are_those_of_expressions() -> None:
    assert names_in("unit {{ a.unit | default(b) }} {% if c %}") >= {"a", "b", "c"}
    assert "unit" not in names_in("unit {{ a.unit }}")


def test_spread_follows_any_number_of_steps_and_circles() -> None:
    steps = [("c", {"b"}), ("b", {"a"}), ("x", {"y"}), ("y", {"x"}), ("a", {"c"})]
    assert {"a", "b", "c"} <= spread({"a"}, steps)
    assert not {"x", "y"} & spread({"a"}, steps)


@given(st.text(alphabet="{}%'\"\\ #x\n", max_size=40))
def test_a_name_in_braces_is_seen_whatever_stands_around(noise: str) -> None:
    assert "secret_name" in names_in(noise + "{{ secret_name }}")
