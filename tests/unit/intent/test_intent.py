from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.intent import Intent
from gate.intent.targets import MAX_TARGETS
from gate.intent.text import MARKS
from gate.values.errors import IntentError

GOOD: dict[str, Any] = {"action": "restart_service", "targets": ["web-01"], "parameters": {"service": "nginx"}}
HOSTILE = {
    "an expression": "{{ 7 * 7 }}",
    "half an expression": "a {{",
    "the end of an expression": "}} b",
    "a statement": "{% raw %}",
    "the end of a statement": "%}",
    "a comment": "{# x",
    "the end of a comment": "#}",
    "an unsafe tag": "!unsafe 'x'",
    "a vault tag": "!vault |",
    "an encrypted vault tag": "!vault-encrypted x",
    "a python tag": "!!python/object/apply:os.system [id]",
    "a line break": "a\nb",
    "a carriage return": "a\rb",
    "a null byte": "a\x00b",
    "an escape": "\x1b[2Kb",
    "a C1 control": "a\x9bb",
    "a delete": "a\x7fb",
    "a line separator": "a\u2028b",
    "a paragraph separator": "a\u2029b",
    "a bidi override": "a\u202eb",
    "a bidi isolate": "a\u2066b",
    "a zero width space": "a\u200bb",
    "a zero width joiner": "a\u200db",
    "a byte order mark": "\ufeffa",
    "a soft hyphen": "a\u00adb",
    "a tag character": "a\U000e0041",
    "a lone surrogate": "a\ud800b",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize(
    "place",
    [
        lambda text: {"parameters": {"service": text}},
        lambda text: {"parameters": {"deep": {"list": [1, [text]]}}},
        lambda text: {"reason": text},
        lambda text: {"parameters": {text: 1}},
        lambda text: {"targets": [text]},
        lambda text: {"action": text},
    ],
    ids=["value", "nested", "reason", "key", "target", "action"],
)
def test_hostile_text_is_refused_everywhere(text: str, place: Any) -> None:
    with pytest.raises(IntentError):
        Intent.parse({**GOOD, **place(text)})


@pytest.mark.parametrize("mark", MARKS)
def test_the_refusal_names_the_place_and_the_mark(mark: str) -> None:
    with pytest.raises(IntentError) as refused:
        Intent.parse({**GOOD, "parameters": {"a": ["x", {"b": f"1{mark}2"}]}})
    assert "parameters.a[1].b" in refused.value.what
    assert mark in refused.value.what


@pytest.mark.parametrize(
    "name",
    [
        "*",
        "web*",
        "web-0[1:3]",
        "web:db",
        "web,db",
        "!web",
        "&web",
        "~web.*",
        "@file",
        "-i",
        "--limit",
        "all",
        "ALL",
        "All",
        *("ungrouped", "localhost", "", " ", "web 01", "web-01 ", "../x", "a/b", "web\n", "ẇeb", "a" * 254, "_x", ".x"),
    ],
)
def test_what_ansible_could_read_as_more_than_a_name_is_no_target(name: str) -> None:
    with pytest.raises(IntentError):
        Intent.parse({**GOOD, "targets": ["web-01", name]})


def test_no_targets_would_mean_every_host() -> None:
    with pytest.raises(IntentError):
        Intent.parse({**GOOD, "targets": []})


def test_too_many_targets_are_refused() -> None:
    Intent.parse({**GOOD, "targets": [f"web-{n}" for n in range(MAX_TARGETS)]})
    with pytest.raises(IntentError, match="500"):
        Intent.parse({**GOOD, "targets": [f"web-{n}" for n in range(MAX_TARGETS + 1)]})


def test_targets_are_a_set() -> None:
    assert Intent.parse({**GOOD, "targets": ["b", "a", "b"]}).targets == ("a", "b")


@pytest.mark.parametrize("extra", ["actor", "hosts", "undo_of", "approved", "__class__", "Action"])
def test_unknown_keys_are_refused(extra: str) -> None:
    with pytest.raises(IntentError, match=extra):
        Intent.parse({**GOOD, extra: "x"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"action": 1},
        {"action": None},
        {"action": b"restart_service"},
        {"targets": "web-01"},
        {"targets": [1]},
        {"targets": {"web-01": 1}},
        {"targets": {"web-01"}},
        {"parameters": []},
        {"parameters": [["service", "nginx"]]},
        {"parameters": {"a": b"x"}},
        {"parameters": {"a": {1, 2}}},
        {"parameters": {"a": object()}},
        {"parameters": {1: "a"}},
        {"parameters": None},
        {"reason": 1},
        {"reason": "a" * 501},
    ],
)
def test_nothing_is_converted(wrong: dict[str, Any]) -> None:
    with pytest.raises(IntentError):
        Intent.parse({**GOOD, **wrong})


@pytest.mark.parametrize("raw", [None, "text", 1, [], [GOOD], {}, {"action": "a"}, b"{}"])
def test_what_is_no_intent_is_refused(raw: Any) -> None:
    with pytest.raises(IntentError):
        Intent.parse(raw)


@pytest.mark.parametrize(
    "key", ["ansible_host", "ANSIBLE_X", "__ansible_unsafe", "__ansible_vault", "a-b", "a b", "", "ä"]
)
@pytest.mark.parametrize("deep", [False, True])
def test_reserved_and_odd_keys_are_refused(key: str, deep: bool) -> None:
    parameters = {"outer": {key: 1}} if deep else {key: 1}
    with pytest.raises(IntentError):
        Intent.parse({**GOOD, "parameters": parameters})


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf"), 2**63, -(2**63) - 1, 10**400])
def test_a_number_that_json_cannot_say_is_refused(number: float) -> None:
    with pytest.raises(IntentError):
        Intent.parse({**GOOD, "parameters": {"a": [number]}})


def _nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def test_depth_is_bounded() -> None:
    Intent.parse({**GOOD, "parameters": {"a": _nested(5)}})
    with pytest.raises(IntentError, match="deep"):
        Intent.parse({**GOOD, "parameters": {"a": _nested(6)}})


def test_a_value_nested_thousandfold_is_refused_without_exhausting_the_stack() -> None:
    with pytest.raises(IntentError, match="deep"):
        Intent.parse({**GOOD, "parameters": {"a": _nested(100_000)}})


def test_an_intent_says_the_same_data_again() -> None:
    made = Intent.of("restart_service", ["web-01"], {"service": "nginx", "wait": 3, "hard": True}, "Because.")
    assert Intent.parse(made.as_json()) == made


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from([*HOSTILE.values()]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def _texts(value: Any) -> list[str]:
    match value:
        case str():
            return [value]
        case dict():
            return [text for key, inner in value.items() for text in (key, *_texts(inner))]
        case list() | tuple():
            return [text for inner in value for text in _texts(inner)]
    return []


@given(ANYTHING, st.text())
def test_no_accepted_text_carries_marks_or_invisible_characters(value: Any, reason: str) -> None:
    try:
        accepted = Intent.parse({**GOOD, "parameters": {"value": value}, "reason": reason})
    except IntentError:
        return
    for text in _texts(accepted.as_json()):
        assert not any(mark in text for mark in MARKS)
        assert not any(unicodedata.category(one) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for one in text)


@given(ANYTHING)
def test_whatever_comes_is_an_intent_or_refused(value: Any) -> None:
    for raw in (value, {**GOOD, "action": value}, {**GOOD, "targets": value}, {**GOOD, "parameters": value}):
        try:
            Intent.parse(raw)
        except IntentError:
            continue
