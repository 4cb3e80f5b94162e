"""Patterns mean what regular expressions mean, and cannot be made slow."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.policy.language.pattern import MAX_PATTERN, MAX_TEXT, glob, regex

ATOMS = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\d", r"\.", "(a|b)", "(?:ab|c)", "(a|)"])
REPEATS = st.sampled_from(["", "*", "+", "?", "{2}", "{1,3}", "{2,}"])
PIECES = st.tuples(ATOMS, REPEATS).map("".join)
ROWS = st.lists(PIECES, max_size=5).map("".join)
PATTERNS = st.lists(ROWS, min_size=1, max_size=3).map("|".join)
TEXTS = st.text(alphabet="abc1./", max_size=8)


@given(PATTERNS, TEXTS)
def test_a_pattern_fits_exactly_what_the_regular_expression_matches_as_a_whole(pattern, text):
    assert regex(pattern).fits(text) == (re.fullmatch(pattern, text, re.ASCII) is not None)


@given(TEXTS.map(lambda text: f"({text.replace('.', '')})*"), TEXTS)
def test_groups_can_be_repeated(pattern, text):
    assert regex(f"({pattern})*").fits(text) == (re.fullmatch(pattern, text) is not None)


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("/etc/app/*", "/etc/app/x.ini", True),
        ("/etc/app/*", "/etc/app/x/y.ini", False),
        ("/etc/**", "/etc/app/x/y.ini", True),
        ("**", "", True),
        ("web-0?", "web-01", True),
        ("a?b", "a/b", False),
        ("web-[0-3]*", "web-2x", True),
        ("web-[!0-3]*", "web-2x", False),
        ("a.b", "axb", False),
        ("a+(b)", "a+(b)", True),
        ("x*", "y", False),
        ("", "", True),
    ],
)
def test_a_glob_fits_what_people_expect(pattern, text, fits):
    assert glob(pattern).fits(text) is fits


@pytest.mark.parametrize(
    "pattern",
    [
        *("a**", "a*?", "a++", "(", "a)", "[a", "[z-a]", "[[a]", "^a", "a$", "*a", "x{", "a{3,1}", "a{2}{3}"),
        *("(?=a)", "(?P<n>a)", "(?i)a", r"\1", r"\b", r"\A", "\\", "[a&&b]", "(" * 9 + ")" * 9),
    ],
)
def test_what_would_be_slow_or_misread_is_refused(pattern):
    with pytest.raises(ValueError, match=r"\w"):
        regex(pattern)


@pytest.mark.parametrize("pattern", ["((a{99}){99}){99}", "(((){999}){999}){999}", "a" * (MAX_PATTERN + 1)])
def test_what_would_be_large_is_refused(pattern):
    with pytest.raises(ValueError, match=r"most|repeats"):
        regex(pattern)


@pytest.mark.parametrize("pattern", ["(a*)*b", "(a|a)*b", "(a|aa)+b", "(.*)(.*)(.*)(.*)(.*)b", "([a-c]+)+[^a]"])
def test_a_text_is_read_once_whatever_the_pattern_is(pattern, monkeypatch):
    made = regex(pattern)
    read = []
    takes = type(made)._onward
    monkeypatch.setattr(type(made), "_onward", lambda self, at, one: read.append(one) or takes(self, at, one))
    assert not made.fits("a" * MAX_TEXT)
    assert len(read) == MAX_TEXT


def test_a_text_that_is_too_long_is_an_error_and_no_answer():
    with pytest.raises(ValueError, match="too long"):
        regex("a*").fits("a" * (MAX_TEXT + 1))


def test_characters_beyond_ascii_are_no_digits_and_no_letters():
    assert not regex(r"\d").fits("٣")
    assert not regex(r"\w").fits("ü")
    assert regex(".").fits("ü")
