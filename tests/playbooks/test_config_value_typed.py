"""json and yaml: exactly the one value changes, as a real parser reads it, and every other byte stays."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

KINDS = {"string": "v", "number": "8", "boolean": "true", "null": "null"}
BEYOND = [  # files with something over a line end, or of which readers think differently
    "a: &x 1\nb: *x\n",
    "a: !str 1\n",
    "a: |\n  s: {k: 1}\n",
    "a: >-\n  k: 1\n",
    'a: "x\n  k: 1"\n',
    "a: 'x\nk: 1'\n",
    "a: x\n  more\n",
    "a: [1,\n  2]\n",
    "a: {b: [1]}\n",
    "a: [b', ']\nk: 1, ']\n",
    "? a\n: 1\n",
    "<<: {k: 1}\n",
    "a:\n\tk: 1\n",
    "a: 1\t# c\n",
    "a: 1\na: 2\n",
    "a: 1\n'a': 2\n",
    "s:\n  a: 1\n  a: 2\n",
    "- a: 1\n  a: 2\n",
    "a: 1\n---\nk: 1\n",
    "a: 1\n...\nk: 1\n",
    "%YAML 1.1\n---\na: 1\n",
    "a: 1\n  k: 1\n",
    "s:\n    a: 1\n  k: 1\n",
    "a: 1\n- k\n",
    "- k\na: 1\n",
    "- - k\n",
    "- x\n",
    "x\n",
    "{k: 1}\n",
    "a: b: c\n",
    "a: 1 # c\n #d\n b\n",
    "a: x\N{NEXT LINE}k: 1\n",
    "a: x\rk: 1\n",
    "\N{ZERO WIDTH NO-BREAK SPACE}k: 1\n",
    "k:\n  - 1\n",
    "k: [1]\n",
    "k: {}\n",
    "k: {a: 1}\n",
    "k:\n  a: 1\n",
    "'''k''': 1\na:\n- b\n c\n",
]


@pytest.fixture(scope="module")
def typed(load: Callable[[str], Any]) -> dict[str, Any]:
    return {style: load(f"set_config_value/module_utils/config_{style}.py") for style in ("json", "yaml")}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "s:\n  k: v\n"),
        ("# by hand\n", "# by hand\ns:\n  k: v\n"),
        ("---\n", "---\ns:\n  k: v\n"),
        ("s:\n  k: old\n", "s:\n  k: v\n"),
        ("s:\n  k: 'old'  # why\n", "s:\n  k: 'v'  # why\n"),
        ('s:\n  k:   "old: # 1"\n', 's:\n  k:   "v"\n'),
        ("s:\n  k:\n  a: 1\n", "s:\n  k: v\n  a: 1\n"),
        ("s:\n  k:   # none\n", "s:\n  k: v   # none\n"),
        ("s:\r\n  k: 1\r\n", "s:\r\n  k: v\r\n"),
        ("s:\n    a: 1\n\n# about t\nt: 1\n", "s:\n    a: 1\n    k: v\n\n# about t\nt: 1\n"),
        ("s:\n  a:\n  - x: 1\n    k: 2\n  - y\nt: 1", "s:\n  a:\n  - x: 1\n    k: 2\n  - y\n  k: v\nt: 1"),
        ("t: [a, 'b # c', d: e]\nu: {a: 1, b: x y}\n", "t: [a, 'b # c', d: e]\nu: {a: 1, b: x y}\ns:\n  k: v\n"),
        ("t: http://a/b#c\nk: 1", "t: http://a/b#c\nk: 1\ns:\n  k: v\n"),
        ('"s":\n  "k": 1\n', '"s":\n  "k": v\n'),
        ("a:\n  s:\n    k: 1\ns:\n  k: 2\n", "a:\n  s:\n    k: 1\ns:\n  k: v\n"),
        ("s:\n  - a\ns2:\n- b\n", None),
    ],
)
def test_a_yaml_value_is_set_and_nothing_else(typed: dict[str, Any], before: str, after: str | None) -> None:
    edited = typed["yaml"].edited
    if after is None:
        with pytest.raises(typed["yaml"].Refused, match="no mapping"):
            edited(before.encode(), "s", "k", "v", "string")
        return
    assert edited(before.encode(), "s", "k", "v", "string").decode() == after
    assert edited(after.encode(), "s", "k", "v", "string").decode() == after
    assert yaml.safe_load(after)["s"]["k"] == "v"


@pytest.mark.parametrize("before", BEYOND)
def test_a_yaml_file_beyond_the_subset_is_refused(typed: dict[str, Any], before: str) -> None:
    with pytest.raises(typed["yaml"].Refused):
        typed["yaml"].edited(before.encode(), "", "k", "v", "string")


@pytest.mark.parametrize("data", [b"k: \xff\n", b"\xef\xbb\xbfk: 1\n", b"k: \0\n", "k: é".encode("utf-16")])
@pytest.mark.parametrize("style", ["json", "yaml"])
def test_what_is_no_plain_text_is_refused(typed: dict[str, Any], style: str, data: bytes) -> None:
    with pytest.raises(typed[style].Refused):
        typed[style].edited(data, "", "k", "v", "string")


@pytest.mark.parametrize(
    "word", ["on", "No", "y", "NULL", "8", "0x1", "1e3", "1:30", "2026-01-01", ".inf", "", "=", "a: b"]
)
@pytest.mark.parametrize("old", ["1", "'1'", '"1"', "x"])
def test_a_string_stays_a_string_in_yaml(typed: dict[str, Any], word: str, old: str) -> None:
    after = typed["yaml"].edited(f"k: {old}\n".encode(), "", "k", word, "string")
    assert yaml.safe_load(after) == {"k": word}


@pytest.mark.parametrize("key", ["on", "yes", "8080", "y"])
def test_a_key_that_is_a_text_to_some_readers_only(typed: dict[str, Any], key: str) -> None:
    with pytest.raises(typed["yaml"].Refused, match="to some readers"):
        typed["yaml"].edited(f"{key}:\n  k: 1\n".encode(), key, "k", "v", "string")
    after = typed["yaml"].edited(f"'{key}':\n  k: 1\n".encode(), key, "k", "v", "string")
    assert yaml.safe_load(after) == {key: {"k": "v"}}
    assert yaml.safe_load(typed["yaml"].edited(b"", key, "k", "v", "string")) == {key: {"k": "v"}}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '{\n  "s": {\n    "k": 8\n  }\n}\n'),
        ("{}", '{"s": {"k": 8}}'),
        ('{"s": { } }\n', '{"s": {"k": 8 } }\n'),
        ('{"s":{"k":"a\\"}b"},"k":1}', '{"s":{"k":8},"k":1}'),
        (
            '{\n\t"s" : {\n\t\t"a" : [1, {"k": 2}]\n\t}\n}\n',
            '{\n\t"s" : {\n\t\t"a" : [1, {"k": 2}],\n\t\t"k" : 8\n\t}\n}\n',
        ),
        ('{"\\u0073": {"k": null}}\r\n', '{"\\u0073": {"k": 8}}\r\n'),
        ('{"a": 1e400, "b": 1.10, "s": {"k": -0.0}}', '{"a": 1e400, "b": 1.10, "s": {"k": 8}}'),
        ('{"a": "\\ud800", "s": {"k": 8}}', '{"a": "\\ud800", "s": {"k": 8}}'),
    ],
)
def test_a_json_value_is_set_and_nothing_else(typed: dict[str, Any], before: str, after: str) -> None:
    assert typed["json"].edited(before.encode(), "s", "k", "8", "number").decode() == after
    assert typed["json"].edited(after.encode(), "s", "k", "8", "number").decode() == after


@pytest.mark.parametrize(
    "before",
    [
        " ", "[]", "[{}]", "1", '"k"', "{", '{"k": 1} {}', '{"k": 1}x', '{"k": 1,}', "{'k': 1}", '{"k": NaN}',
        '{"k": 01}',
        '{"k": 1, "k": 2}', '{"a": {"b": 1, "\\u0062": 2}}', '{"k": {}}', '{"k": []}', '{/**/"k": 1}', '{"k": "a\nb"}',
        "[" * 100_000, '{"a":' * 61 + "1" + "}" * 61, '{"a": Infinity}', '{"k": 1e99999999999999999999}',
    ],
)  # fmt: skip
def test_what_is_no_plain_json_object_is_refused(typed: dict[str, Any], before: str) -> None:
    with pytest.raises(typed["json"].Refused):
        typed["json"].edited(before.encode(), "", "k", "v", "string")


@pytest.mark.parametrize("style", ["json", "yaml"])
@pytest.mark.parametrize(
    ("section", "key", "value", "kind"),
    [
        ("a..b", "k", "v", "string"),
        (".", "k", "v", "string"),
        ("a b", "k", "v", "string"),
        ("a:b", "k", "v", "string"),
        ("", 'k"', "v", "string"),
        ("", "", "v", "string"),
        ("", "k", 'v"', "string"),
        ("", "k", "v\\", "string"),
        ("", "k", "v\nx: 1", "string"),
        ("", "k", "\N{RIGHT-TO-LEFT OVERRIDE}", "string"),
        ("", "k", "08", "number"),
        ("", "k", "1e5", "number"),
        ("", "k", "1_000", "number"),
        ("", "k", ".5", "number"),
        ("", "k", "8, 9", "number"),
        ("", "k", "True", "boolean"),
        ("", "k", "yes", "boolean"),
        ("", "k", "", "null"),
        ("", "k", "~", "null"),
        ("s", "k", "v", "string"),
    ],
)
def test_what_could_mean_more_than_one_value_is_refused(
    typed: dict[str, Any], style: str, section: str, key: str, value: str, kind: str
) -> None:
    with pytest.raises(typed[style].Refused):
        typed[style].edited(b'{"s": 1}' if style == "json" else b"s: 1\n", section, key, value, kind)


# Properties: a document is written from its data, so that what belongs to the value is known without the module

names = st.text("abcdkxyz_", min_size=1, max_size=4).filter(lambda name: name not in ("y", "on"))
texts = st.text(st.sampled_from("ab 8:#'\"{}[],&*!|>-%@`é\\"), max_size=8)
scalars = st.none() | st.booleans() | st.integers(-99, 99) | st.sampled_from([0.5, 1e-9, 10.0]) | texts
lists = st.lists(scalars | st.dictionaries(names, scalars, min_size=1, max_size=2), max_size=3)
trees = st.recursive(
    st.dictionaries(names, scalars | lists, max_size=4),
    lambda inner: st.dictionaries(names, inner | scalars, max_size=4),
)
blanks = st.sampled_from(["", " ", "\n", "\t", "\r\n    "])


def scalar_ways(tree: dict[str, Any], way: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for key, value in tree.items():
        if isinstance(value, dict):
            found += scalar_ways(value, (*way, key))
        elif not isinstance(value, list):
            found.append((*way, key))
    return found


def at(tree: Any, way: tuple[str, ...]) -> Any:
    for name in way:
        tree = tree[name]
    return tree


def changed(tree: dict[str, Any], way: tuple[str, ...], value: Any) -> dict[str, Any]:
    made = json.loads(json.dumps(tree))
    at(made, way[:-1])[way[-1]] = value
    return made


MARK = "\N{SNOWMAN}"  # stands where the value is


def as_json(draw: Any, value: Any, way: tuple[str, ...] | None) -> str:
    if way == ():
        return MARK
    if isinstance(value, dict):
        inner = [
            draw(blanks) + json.dumps(key) + draw(blanks) + ":" + draw(blanks)
            + as_json(draw, each, way[1:] if way and way[0] == key else None) + draw(blanks)
            for key, each in value.items()
        ]  # fmt: skip
        return "{" + (",".join(inner) or draw(blanks)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(draw(blanks) + as_json(draw, each, None) + draw(blanks) for each in value) + "]"
    return json.dumps(value, ensure_ascii=draw(st.booleans()))


def yaml_scalar(draw: Any, value: Any) -> str:
    if isinstance(value, str):
        single = "'" + value.replace("'", "''") + "'"
        plain = value if value.isalpha() and value.isascii() else single
        return draw(st.sampled_from([json.dumps(value, ensure_ascii=False), single, plain]))
    if value is None:
        return draw(st.sampled_from(["null", "~", "Null"]))
    return "1.0e-09" if value == 1e-9 else json.dumps(value)


def as_yaml(draw: Any, tree: dict[str, Any], way: tuple[str, ...] | None, margin: str) -> list[str]:
    lines = []
    for key, value in tree.items():
        lines += draw(st.sampled_from([[], [""], [f"{margin}# k: 1"], ["# x", "   "]]))
        head = f"{margin}{draw(st.sampled_from([key, repr(key), json.dumps(key)]))}:"
        comment = draw(st.sampled_from(["", '  # it\'s "so": ok', " #"]))
        below = way[1:] if way and way[0] == key else None
        deeper = margin + draw(st.sampled_from([" ", "  ", "    "]))
        if below == ():
            lines.append(f"{head} {MARK}{comment}")
        elif isinstance(value, dict) and value:
            lines += [head + comment, *as_yaml(draw, value, below, deeper)]
        elif isinstance(value, list) and value:
            lines += [head + comment, *yaml_items(draw, value, draw(st.sampled_from([margin, deeper])))]
        else:
            empty = {dict: "{}", list: "[]"}.get(type(value))
            lines.append(f"{head} {empty or yaml_scalar(draw, value)}{comment}")
    return lines


def yaml_items(draw: Any, items: list[Any], margin: str) -> list[str]:
    lines = []
    for item in items:
        if isinstance(item, dict):
            first, *rest = as_yaml(draw, item, None, margin + "  ")
            while not first.strip() or first.strip().startswith("#"):
                first, *rest = rest
            lines += [f"{margin}- {first.lstrip()}", *rest]
        else:
            lines.append(f"{margin}- {yaml_scalar(draw, item)}")
    return lines


@st.composite
def documents(draw: Any, style: str) -> tuple[str, dict[str, Any], tuple[str, ...], str]:
    """A text with a mark for the value, what it says with the old value, the way, and how the old value is written."""
    tree = draw(trees.filter(scalar_ways))
    way = draw(st.sampled_from(scalar_ways(tree)))
    old = at(tree, way)
    if style == "json":
        return as_json(draw, tree, way), tree, way, json.dumps(old)
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    text = newline.join(as_yaml(draw, tree, way, "")) + draw(st.sampled_from(["", newline, newline + "# end"]))
    return draw(st.sampled_from(["", "---" + newline])) + text, tree, way, yaml_scalar(draw, old)


def read(style: str, text: str) -> Any:
    return json.loads(text) if style == "json" else yaml.safe_load(text)


kinds = st.sampled_from(sorted(KINDS))


@pytest.mark.parametrize("style", ["json", "yaml"])
@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_exactly_the_one_value_changes(typed: dict[str, Any], style: str, data: Any) -> None:
    text, tree, way, old = data.draw(documents(style))
    kind = data.draw(kinds)
    before = text.replace(MARK, old)
    assert repr(read(style, before)) == repr(tree)
    after = typed[style].edited(before.encode(), ".".join(way[:-1]), way[-1], KINDS[kind], kind).decode()
    new = KINDS[kind] if kind != "string" else {"'": "'v'", '"': '"v"'}.get(old[0], '"v"' if style == "json" else "v")
    assert after == text.replace(MARK, new)
    wanted = {"string": "v", "number": 8, "boolean": True, "null": None}[kind]
    assert repr(read(style, after)) == repr(changed(tree, way, wanted))


@pytest.mark.parametrize("style", ["json", "yaml"])
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_missing_key_comes_last_in_its_mapping(typed: dict[str, Any], style: str, data: Any) -> None:
    text, tree, way, old = data.draw(documents(style))
    before = text.replace(MARK, old)
    above = way[:-1]
    made = (*above, *data.draw(st.sampled_from([("new",), ("m", "n", "new")])))
    if "m" in at(tree, above):
        return
    after = typed[style].edited(before.encode(), ".".join(made[:-1]), "new", "8", "number").decode()
    wanted: Any = 8
    for name in reversed(made[len(above) + 1 :]):
        wanted = {name: wanted}
    assert repr(read(style, after)) == repr(changed(tree, made[: len(above) + 1], wanted))
    rest = iter(after)
    assert all(character in rest for character in before)  # nothing went away, nothing moved


PIECES = [
    "k", "a", "s", ":", ": ", " ", "  ", "\n", "\n  ", "\n- ", "- ", "#", " # ", '"', "'", "''", "\\", "[", "]", "{",
    "}", ",", ", ", "|", ">", "&x", "*x", "!t", "?", "? ", "---", "...", "\n---\n", "%", "@", "`", "1", "~", "\t", "\r",
    "\r\n", "<<", "k: 1\n", "a: x\n", "s:\n", '"k": ', "- k: 1\n", "é",
]  # fmt: skip


@settings(max_examples=3000, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join), st.sampled_from(["", "s", "a"]), kinds)
def test_whatever_the_text_is_either_refused_or_read_as_a_parser_does(
    typed: dict[str, Any], text: str, section: str, kind: str
) -> None:
    try:
        after = typed["yaml"].edited(text.encode(), section, "k", KINDS[kind], kind).decode()
    except typed["yaml"].Refused:
        return
    wanted = yaml.safe_load(text) or {}
    inside = wanted.setdefault(section, {}) if section else wanted
    inside["k"] = {"string": "v", "number": 8, "boolean": True, "null": None}[kind]
    assert repr(yaml.safe_load(after)) == repr(wanted)
