from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.catalog.parameters import MAX_ELEMENTS, MAX_INTEGER, Option, ParameterSchema
from gate.values.errors import IntentError

NAME = "[a-z0-9][a-z0-9@._-]*"
SCHEMA = ParameterSchema(
    "act",
    {
        "unit": Option(type="str", required=True, pattern=NAME, max_length=20, description="The unit."),
        "path": Option(type="str", default="app/x", pattern=r"[\w/.]+", max_length=30),
        "wait": Option(type="int", default=30, min=1, max=300),
        "share": Option(type="float", default=0.5, min=0, max=1),
        "force": Option(type="bool", default=False),
        "level": Option(type="int", default=1, choices=(1, 5)),
        "mode": Option(type="str", default="soft", choices=("soft", "hard")),
        "tags_": Option(type="list", elements="str", default=[], pattern=NAME, max_length=5),
        "limit": Option(type="dict", default=None, options={"cpu": Option(type="int", required=True, min=1)}),
        "model_config": Option(type="int", default=0),
    },
)

HOSTILE: list[tuple[str, Any]] = [
    *[("unit", value) for value in (
        "", "nginx\n", "nginx\r", "nginx\r\n", "\nnginx", "nginx\x00", "nginx\x1b[2J", "nginx\u2028", "nginx\u202e",
        "nginx\u200b", "\ufeffnginx", "-nginx", "--version", "-", "nginx;id", "nginx id", "nginx|id", "nginx&id",
        "$(id)", "`id`", "$HOME", "ng*nx", "~root", "../nginx", "a/../b", "/etc/passwd", "..\\x", "NGINX", "ng\u0456nx",
        "ng\u0131nx", "\uff4eginx", "ngin\u2179", "x" * 21, "x" * 100_000, "{{ 7*7 }}", "{% x %}", "!unsafe x", "%s",
        "a=b", True, 1, 1.0, None, [], ["nginx"], {}, {"__ansible_unsafe": "nginx"}, b"nginx", "\ud800",
    )],
    *[("path", value) for value in ("\u0430pp", "app\u0301", "app x", "\u0663", "-x", "app\n")],
    *[("wait", value) for value in (
        True, False, "5", 5.0, 5.5, 0, -1, 301, 10**400, None, [5], float("nan"), float("inf"), "\u0665", "0x5",
    )],
    *[("share", value) for value in (True, "0.5", -0.1, 1.1, float("nan"), float("inf"), None)],
    *[("force", value) for value in (1, 0, "true", "yes", "on", None, [])],
    *[("level", value) for value in (True, 1.0, 5.0, "1", 2, None)],
    *[("mode", value) for value in ("Soft", "soft\n", "soft ", " hard", "-soft", "", True, None)],
    *[("tags_", value) for value in (
        "abc", ["abc\n"], ["-a"], ["toolong"], [1], [["a"]], [None], {"a": 1}, None, ["a"] * (MAX_ELEMENTS + 1),
    )],
    *[("limit", value) for value in (
        {}, {"cpu": 1, "mem": 1}, {"cpu": True}, {"cpu": 0}, {"cpu": "1"}, {"cpu": {"cpu": 1}}, [], "cpu",
        {"cpu": 1, "ansible_connection": "local"},
    )],
    *[("model_config", value) for value in (MAX_INTEGER + 1, -MAX_INTEGER - 1)],
    *[(name, "x") for name in (
        "p0", "ansible_connection", "ansible_host", "__ansible_unsafe", "Unit", "unit ", "evidence", "hosts", "",
    )],
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), HOSTILE, ids=lambda value: ascii(value)[:40])
def test_hostile_values_are_refused_by_the_name_of_the_parameter(name: str, value: Any) -> None:
    with pytest.raises(IntentError) as wrong:
        SCHEMA.validate({"unit": "nginx"} | {name: value})
    assert repr(name)[1:-1] in str(wrong.value)
    assert wrong.value.fix


def test_there_are_enough_hostile_values() -> None:
    assert len(HOSTILE) >= 50


def test_every_parameter_comes_out_with_its_default() -> None:
    assert SCHEMA.validate({"unit": "nginx", "limit": {"cpu": 2}}) == {
        "unit": "nginx", "path": "app/x", "wait": 30, "share": 0.5, "force": False, "level": 1, "mode": "soft",
        "tags_": [], "limit": {"cpu": 2}, "model_config": 0,
    }  # fmt: skip


def test_a_default_list_is_not_shared() -> None:
    SCHEMA.validate({"unit": "a"})["tags_"].append("x")
    assert SCHEMA.validate({"unit": "a"})["tags_"] == []


def test_a_misspelt_parameter_is_named_with_the_right_one() -> None:
    with pytest.raises(IntentError) as wrong:
        SCHEMA.validate({"unti": "nginx"})
    assert "no parameter unti" in wrong.value.what
    assert "Did you mean unit?" in wrong.value.fix


def test_a_missing_parameter_is_named() -> None:
    with pytest.raises(IntentError, match="lacks the parameter unit"):
        SCHEMA.validate({})


def test_a_pattern_with_a_dollar_takes_no_line_break() -> None:
    open_ended = ParameterSchema("a", {"x": Option(type="str", required=True, pattern="^[^/]+$", max_length=9)})
    assert open_ended.validate({"x": "ab"}) == {"x": "ab"}
    with pytest.raises(IntentError):
        open_ended.validate({"x": "ab\n"})
    with pytest.raises(IntentError):
        open_ended.validate({"x": "ab/"})


def test_alternatives_of_a_pattern_match_as_a_whole() -> None:
    either = ParameterSchema("a", {"x": Option(type="str", required=True, pattern="ab|cd", max_length=9)})
    with pytest.raises(IntentError):
        either.validate({"x": "abX"})


def test_the_json_schema_is_closed_and_plain() -> None:
    made = SCHEMA.json_schema()
    assert made["additionalProperties"] is False
    assert made["required"] == ["unit"]
    assert list(made["properties"]) == list(SCHEMA.options)
    assert made["properties"]["unit"] == {
        "type": "string", "description": "The unit.", "pattern": f"^(?:{NAME})$", "maxLength": 20,
    }  # fmt: skip
    assert made["properties"]["level"]["enum"] == [1, 5]
    assert json.loads(json.dumps(made)) == made
    jsonschema.Draft202012Validator.check_schema(made)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*SCHEMA.options, "other"]), JSON, max_size=4), st.booleans())
def test_whatever_comes_it_is_refused_or_complete_and_typed(raw: dict[str, Any], with_unit: bool) -> None:
    raw = ({"unit": "nginx"} if with_unit else {}) | raw
    try:
        made = SCHEMA.validate(raw)
    except IntentError:
        return
    assert list(made) == list(SCHEMA.options)
    assert "other" not in raw
    assert re.compile(NAME).fullmatch(made["unit"])
    assert type(made["wait"]) is int
    assert 1 <= made["wait"] <= 300
    assert type(made["share"]) is float
    jsonschema.validate(made, SCHEMA.json_schema())


@given(st.text(max_size=25))
def test_a_text_passes_only_if_the_whole_of_it_matches(text: str) -> None:
    fits = re.compile(f"(?:{NAME})\\Z", re.ASCII).match(text) is not None and len(text) <= 20
    try:
        SCHEMA.validate({"unit": text})
    except IntentError:
        assert not fits
    else:
        assert fits


@given(st.from_regex(NAME, fullmatch=True).filter(lambda text: len(text) <= 20 and text.isascii()))
def test_a_text_of_the_pattern_is_taken_as_it_is(text: str) -> None:
    assert SCHEMA.validate({"unit": text})["unit"] == text


KEYED = ParameterSchema("a", {"key": Option(type="str", required=True, no_log=True, description="A key.")})


def test_a_parameter_with_no_log_takes_the_name_of_a_secret_that_the_site_lists() -> None:
    schema = KEYED.with_secrets(("shop-db", "pager"))
    assert schema.validate({"key": "pager"}) == {"key": "pager"}
    shown = schema.json_schema()["properties"]["key"]
    assert shown["enum"] == ["shop-db", "pager"]
    assert shown["description"] == "A key. The name of a secret of the site, never its value."


@pytest.mark.parametrize("schema", [KEYED, KEYED.with_secrets(()), KEYED.with_secrets(("shop-db",))])
@pytest.mark.parametrize("sent", ["hunter2hunter2", "Shop-db", "", "shop-db "])
def test_anything_else_is_refused_and_never_repeated(schema: ParameterSchema, sent: str) -> None:
    with pytest.raises(IntentError) as refused:
        schema.validate({"key": sent})
    assert "hunter2" not in str(refused.value)
    assert "names none of the secrets" in refused.value.why


def test_an_optional_secret_may_be_left_out() -> None:
    schema = ParameterSchema("a", {"key": Option(type="str", no_log=True)}).with_secrets(("shop-db",))
    assert schema.validate({}) == {"key": None}
    assert schema.validate({"key": "shop-db"}) == {"key": "shop-db"}
