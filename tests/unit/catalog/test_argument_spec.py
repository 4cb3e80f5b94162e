from __future__ import annotations

import pytest

from gate.catalog.argument_spec import read_argument_spec
from gate.catalog.finding import BrokenActionError

HEAD = "short_description: S\ndescription: D\nargument_specs:\n  restart_unit:\n    options:\n"


def options(text: str) -> dict[str, str]:
    return {"do.meta.yml": HEAD + "".join(f"      {line}\n" for line in text.splitlines())}


@pytest.mark.parametrize(
    ("text", "rule", "line"),
    [
        ("unit: {type: str, required: true}", "parameter-bound", 6),
        ("unit: {type: str, required: true, pattern: 'a+'}", "parameter-bound", 6),
        ("unit: {type: str, required: true, max_length: 4}", "parameter-bound", 6),
        ("unit: {type: list, elements: str, required: true}", "parameter-bound", 6),
        ("unit: {type: list, required: true}", "parameter-type", 6),
        ("unit: {type: int, elements: int, required: true}", "parameter-type", 6),
        ("unit: {type: list, elements: list, required: true}", "parameter-type", 6),
        ("unit: {type: dict, required: true}", "parameter-type", 6),
        ("unit: {type: raw, required: true}", "parameter-type", 6),
        ("unit: {type: path, required: true}", "parameter-type", 6),
        ("unit: {required: true}", "parameter-type", 6),
        ("unit: {type: int}", "parameter-default", 6),
        ("unit: {type: int, required: true, default: 3}", "parameter-default", 6),
        ("unit:\n  type: int\n  min: 1\n  default: 0", "parameter-default", 9),
        ("unit: {type: int, default: '3'}", "parameter-default", 6),
        ("unit: {type: int, default: yes}", "parameter-default", 6),
        ("unit: {type: str, choices: [a, b], default: c}", "parameter-default", 6),
        ("unit: {type: str, pattern: '.*', max_length: 9, default: '-x'}", "parameter-default", 6),
        ("unit: {type: str, pattern: '.*', max_length: 9, default: '{{ x }}'}", "parameter-default", 6),
        ("unit: {type: str, choices: ['-a'], required: true}", "meta-key", 6),
        ("unit: {type: int, choices: [yes], required: true}", "meta-key", 6),
        ("unit: {type: int, choices: [], required: true}", "meta-key", 6),
        ("unit: {type: str, pattern: '[', max_length: 9, required: true}", "meta-key", 6),
        ("unit: {type: str, pattern: 'a', max_length: 0, required: true}", "meta-key", 6),
        ("unit: {type: int, pattern: 'a', required: true}", "meta-key", 6),
        ("unit: {type: int, min: 5, max: 4, required: true}", "meta-key", 6),
        ("unit: {type: int, min: true, required: true}", "meta-key", 6),
        ("unit: {type: int, required: 1}", "meta-key", 6),
        ("unit:\n  type: int\n  required: true\n  aliases: [u]", "meta-key", 9),
        ("unit: nothing", "meta-key", 6),
        ("ok: {type: int, default: 1}\nansible_host: {type: int, default: 1}", "parameter-name", 7),
        (
            "unit:\n  type: dict\n  required: true\n  options:\n    x: {type: str, required: true}",
            "parameter-bound",
            10,
        ),
    ],
)
def test_what_leaves_a_parameter_open_is_refused_with_its_line(make_action, text: str, rule: str, line: int) -> None:
    folder = make_action(options(text))
    with pytest.raises(BrokenActionError) as wrong:
        read_argument_spec(folder)
    assert (rule, line) in [(found.rule, found.line) for found in wrong.value.findings]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[]", 1),
        ("short_description: S\nargument_specs: {other: {}}", 2),
        ("short_description: S\nargument_specs: {restart_unit: {}, main: {}}", 2),
        ("short_description: S\nargument_specs: []", 2),
        ("short_description: ''\nargument_specs: {restart_unit: {}}", 1),
        ("short_description: S\nargument_specs:\n  restart_unit:\n    mutually_exclusive: []", 4),
        ("short_description: S\nversion: 1\nargument_specs: {restart_unit: {}}", 2),
    ],
)
def test_the_file_has_one_specification_named_as_the_folder(make_action, text: str, line: int) -> None:
    folder = make_action({"do.meta.yml": text})
    with pytest.raises(BrokenActionError) as wrong:
        read_argument_spec(folder)
    assert ("meta-key", line) in [(found.rule, found.line) for found in wrong.value.findings]


def test_all_findings_are_told_at_once(make_action) -> None:
    folder = make_action(options("a: {type: str, required: true}\nb: {type: raw, default: 1}"))
    with pytest.raises(BrokenActionError, match=r"[12] more") as wrong:
        read_argument_spec(folder)
    assert {found.line for found in wrong.value.findings} == {6, 7}


def test_an_action_may_have_no_parameters(make_action) -> None:
    folder = make_action({"do.meta.yml": HEAD})
    spec = read_argument_spec(folder)
    assert spec.parameters.validate({}) == {}
    assert (spec.summary, spec.description) == ("S", "D")


def test_null_is_a_default(make_action) -> None:
    spec = read_argument_spec(make_action(options("unit: {type: int, default: null}")))
    assert spec.parameters.validate({}) == {"unit": None}
    assert spec.parameters.validate({"unit": 3}) == {"unit": 3}
