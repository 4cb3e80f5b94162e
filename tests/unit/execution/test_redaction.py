from __future__ import annotations

import base64
import html
import json
import shlex
import textwrap
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.execution.forms import LEAST
from gate.execution.redaction import Redactor

SECRET = "c4n/ry+ \"q'<&>é$;\\x 7d1e"  # everything that some encoding changes
LINES = "first-line-canary\nsecond-line-canary"


def carried(secret: str) -> dict[str, str]:
    data = secret.encode()
    wrapped = base64.encodebytes(b"x" * 40 + data * 3).decode()
    return {
        "as it is": secret,
        "in JSON": json.dumps({"a": secret}),
        "in JSON with letters": json.dumps({"a": secret}, ensure_ascii=False),
        "in JSON in JSON": json.dumps({"a": json.dumps({"b": secret})}),
        "as Python": repr({"a": secret}),
        "in HTML": f"<p>{html.escape(secret)}</p>",
        "in HTML without quotes": html.escape(secret, quote=False),
        "in a path of a URL": quote(secret),
        "in a URL": quote(secret, safe=""),
        "in a form": quote_plus(secret),
        "in a URL, small letters": quote(secret, safe="").replace("%2F", "%2f").replace("%3C", "%3c"),
        "quoted for a shell": shlex.quote(secret),
        "escaped for a shell": "".join(c if c.isalnum() or c in "/+" else "\\" + c for c in secret),
        "in YAML": "'" + secret.replace("'", "''") + "'",
        "in hex": data.hex(),
        "in capital hex": data.hex().upper(),
        "in base64": base64.b64encode(data).decode(),
        "in base64 with one before": base64.b64encode(b"u:" + data + b"!").decode(),
        "in base64 with two before": base64.b64encode(b"u" + data + b"!!").decode(),
        "in URL-safe base64": base64.urlsafe_b64encode(b"x" + data).decode(),
        "in base64 twice": base64.b64encode(base64.b64encode(b"some text " + data)).decode(),
        "in wrapped base64": wrapped,
        "in wrapped base64 in JSON": json.dumps(wrapped),
        "wrapped": "\n".join(textwrap.wrap(f"The value {secret} is wrong.", 9, drop_whitespace=False)),
        "in colours": "\x1b[0;31m" + secret[:9] + "\x1b[0m\n\x1b[0;31m" + secret[9:] + "\x1b[0m",
        "cut": "The value is " + secret[:14],
    }


@pytest.mark.parametrize("way", carried(SECRET))
def test_a_known_secret_is_hidden_however_it_is_carried(way: str) -> None:
    text = carried(SECRET)[way]
    hidden = Redactor([SECRET]).text(f"{text}")
    assert "[hidden]" in hidden
    for form in carried(SECRET).values():
        assert form not in hidden
    assert SECRET[:9] not in hidden


@given(st.text(min_size=LEAST).filter(lambda text: len("".join(text.split())) >= LEAST and text == text.strip()))
def test_no_secret_survives_in_any_of_these_forms(secret: str) -> None:
    redactor = Redactor([secret])
    data = secret.encode("utf-8", "surrogatepass") if secret.isprintable() else b""
    forms = [secret, json.dumps(secret), quote(secret, safe="", errors="surrogatepass"), html.escape(secret)]
    forms += [data.hex(), base64.b64encode(b"a:" + data).decode()] if data else []
    for form in forms:
        assert form not in redactor.text(f"<<{form}>>"), form


def test_each_line_of_a_secret_is_a_secret() -> None:
    redactor = Redactor([LINES])
    assert redactor.text("+second-line-canary") == "+[hidden]"
    assert "canary" not in redactor.text(json.dumps(LINES)) + redactor.text(LINES)


def test_the_longer_of_two_secrets_is_hidden_as_a_whole() -> None:
    redactor = Redactor(["canary", "canary-and-more"])
    assert redactor.text("a canary-and-more b canary c") == "a [hidden] b [hidden] c"


def test_what_is_too_short_would_be_found_everywhere_and_is_not_looked_for() -> None:
    assert Redactor(["abc", "", "  \n"]).text("abc and abc") == "abc and abc"


def test_base64_of_what_looks_like_a_secret_is_hidden() -> None:
    text = base64.b64encode(b"[db]\nuser = app\npassword = canary\n").decode()
    assert Redactor().text(f"content: {text} end") == "content: [hidden] end"
    plain = base64.b64encode(b"[db]\nuser = app\nworkers = 8 and more\n").decode()
    assert Redactor().text(plain) == plain


def test_data_is_cleaned_with_its_keys_however_deep() -> None:
    given = {"a": [{"x canary-1 y": "canary-1"}, ("canary-1",)], "n": 4711471, "b": True, "z": None, "f": 1.5}
    assert Redactor(["canary-1", "4711471"]).value(given) == {
        "a": [{"x [hidden] y": "[hidden]"}, ["[hidden]"]],
        "n": "[hidden]",
        "b": True,
        "z": None,
        "f": 1.5,
    }


def test_below_a_key_that_names_a_secret_every_text_is_hidden() -> None:
    given = {"db_password": "x", "tokens": ["a", {"b": "c"}], "secret": "", "password": None, "path": "/x"}
    hidden = Redactor().value(given)
    assert hidden == {
        "db_password": "[hidden]",
        "tokens": ["[hidden]", {"b": "[hidden]"}],
        "secret": "",
        "password": None,
        "path": "/x",
    }
    assert Redactor().value(hidden) == hidden


def test_it_says_whether_there_is_a_secret() -> None:
    redactor = Redactor(["canary-1"])
    assert redactor.knows({"a": ["canary-1"]})
    assert not redactor.knows({"a": ["other"], "n": 1})


def test_marks_can_tell_secrets_apart() -> None:
    seen: dict[str, str] = {}
    mark = lambda secret: seen.setdefault(secret, f"[hidden {len(seen) + 1}]")  # noqa: E731
    redactor = Redactor(["canary-1", "canary-2"])
    assert (
        redactor.text("canary-1 canary-2 canary-1 password=x", mark)
        == "[hidden 1] [hidden 2] [hidden 1] password=[hidden 3]"
    )
    assert redactor.text(redactor.text("password=x", mark), mark) == "password=[hidden 3]"


def test_what_is_no_secret_stays_byte_for_byte() -> None:
    text = "a = 1\n\tb\x1b[0m \\n c {{ x }} é\r\n" * 50
    assert Redactor(["canary-1", "another one"]).text(text) == text
