"""Which bytes of an ini or env file are the value, and when that cannot be said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def config(load: Callable[[str], Any]) -> Any:
    return load("set_config_value/module_utils/config_lines.py")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b"[s]\nk = v\n"),
        (b"[s]\nk=1\n", b"[s]\nk=v\n"),
        (b"[s]\nk  :  1", b"[s]\nk  :  v"),
        (b"[s]\r\nk=1\r\n", b"[s]\r\nk=v\r\n"),
        (b"[s]\nk=\n", b"[s]\nk=v\n"),
        (b"[s]\nk=1=2=3\nkk=1\n", b"[s]\nk=v\nkk=1\n"),
        (b"k=1\n[a]\nk=1\n[s]\nk=2\n[b]\nk=3\n", b"k=1\n[a]\nk=1\n[s]\nk=v\n[b]\nk=3\n"),
        (b"[a]\nk=1\n", b"[a]\nk=1\n\n[s]\nk = v\n"),
        (b"[a]\nk=1", b"[a]\nk=1\n\n[s]\nk = v\n"),
        (b"[s]\nx=1\n\n# about b\n[b]\n", b"[s]\nx=1\nk = v\n\n# about b\n[b]\n"),
        (b"[s]", b"[s]\nk = v\n"),
        (b"[s]\n#k=1\n;k=2\n", b"[s]\nk = v\n#k=1\n;k=2\n"),
        (b"[ s ] ; here\nk=1\n", b"[ s ] ; here\nk=v\n"),
        (b"[s]\n# gr\xfc\xdfe\nk=1\n", b"[s]\n# gr\xfc\xdfe\nk=v\n"),
    ],
)
def test_an_ini_value_is_set_and_nothing_else(config: Any, before: bytes, after: bytes) -> None:
    assert config.edited(before, "ini", "s", "k", "v") == after
    assert config.edited(after, "ini", "s", "k", "v") == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b"K=v\n"),
        (b"A=1\nK=1\nKK=2\n", b"A=1\nK=v\nKK=2\n"),
        (b"export K='old value'\n", b"export K=v\n"),
        (b"A=1", b"A=1\nK=v\n"),
        (b"# K=1\nA=1\n\n", b"# K=1\nA=1\nK=v\n\n"),
    ],
)
def test_an_env_value_is_set_and_nothing_else(config: Any, before: bytes, after: bytes) -> None:
    assert config.edited(before, "env", "", "K", "v") == after
    assert config.edited(after, "env", "", "K", "v") == after


def test_an_empty_section_means_the_lines_before_the_first(config: Any) -> None:
    assert config.edited(b"[a]\nk=1\n", "ini", "", "k", "v") == b"k = v\n[a]\nk=1\n"
    assert config.edited(b"k=2\n[a]\nk=1\n", "ini", "", "k", "v") == b"k=v\n[a]\nk=1\n"


@pytest.mark.parametrize(
    ("style", "before"),
    [
        ("ini", b"[s]\nk=1\nk=2\n"),
        ("ini", b"[s]\nk=1\n[a]\n[s]\nx=1\n"),
        ("ini", b"[s]\n  k=1\n"),
        ("ini", b"[s]\nK=1\n"),
        ("ini", b"[s]\nk\n"),
        ("ini", b"[s]\nk=1\n  more\n"),
        ("ini", b"[s]\nk=1\\\nmore\n"),
        ("ini", b"[s]\nx=1\\\nk=1\n"),
        ("ini", b"[s]\nx=1\\\n"),
        ("ini", b"[s]\nk=\0\n"),
        ("ini", b"\xef\xbb\xbf[s]\nk=1\n"),
        ("env", b"k=1\nexport k=2\n"),
        ("env", b" k=1\n"),
        ("env", b"k =1\n"),
        ("env", b"export  k=1\n"),
        ("env", b"k='a\nb'\n"),
        ("env", b"k=a\\\nb\n"),
    ],
)
def test_what_readers_take_differently_is_refused(config: Any, style: str, before: bytes) -> None:
    with pytest.raises(config.Refused):
        config.edited(before, style, "s" if style == "ini" else "", "k", "v")


@pytest.mark.parametrize(
    ("style", "section", "key", "value"),
    [
        ("ini", "s", "k", "a\nb=c"),
        ("ini", "s", "k", "a # b"),
        ("ini", "s", "k", "a;b"),
        ("ini", "s", "k", '"a"'),
        ("ini", "s", "k", "a\\"),
        ("ini", "s", "k", " a"),
        ("ini", "s", "k", "\N{RIGHT-TO-LEFT OVERRIDE}a"),
        ("ini", "s]\n[t", "k", "v"),
        ("ini", "s][t", "k", "v"),
        ("ini", "s", "[k", "v"),
        ("ini", "s", "k=", "v"),
        ("ini", "s", "", "v"),
        ("env", "s", "k", "v"),
        ("env", "", "k.x", "v"),
        ("env", "", "k", "a b"),
        ("env", "", "k", "$(id)"),
        ("env", "", "k", "a&b"),
    ],
)
def test_what_could_mean_more_than_a_value_is_refused(
    config: Any, style: str, section: str, key: str, value: str
) -> None:
    with pytest.raises(config.Refused):
        config.edited(b"", style, section, key, value)
