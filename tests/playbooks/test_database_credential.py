"""The file of a database login, and the verifier of a password: what a rotation makes of them, without a database."""

from __future__ import annotations

import base64
import hashlib
import hmac
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

OURS = "rotate_credentials/module_utils/"


@pytest.fixture
def credential(load: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """On a host Ansible puts the action's own files below ansible.module_utils."""
    monkeypatch.setitem(sys.modules, "ansible.module_utils.kept_file", load(f"{OURS}kept_file.py"))
    return load(f"{OURS}credential.py")


def test_a_verifier_proves_what_rfc_7677_says_that_the_server_proves(credential: Any) -> None:
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    spoken = (
        "n=user,r=rOprNGfwEbeRWgbNEkqO,"
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    )
    found = credential.SCRAM.fullmatch(credential.verifier_of("pencil", salt))
    signature = hmac.digest(base64.b64decode(found[4]), spoken.encode(), "sha256")
    assert base64.b64encode(signature).decode() == "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    proof = base64.b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    stored = base64.b64decode(found[3])
    key = bytes(a ^ b for a, b in zip(proof, hmac.digest(stored, spoken.encode(), "sha256"), strict=True))
    assert hashlib.sha256(key).digest() == stored


def test_a_password_is_known_by_its_verifier_only(credential: Any) -> None:
    login = credential.Login("shop_a", "an-old-one", "postgres")
    verifier = credential.verifier_of("an-old-one", b"salt of any kind", 5000)
    md5 = "md5" + hashlib.md5(b"an-old-oneshop_a", usedforsecurity=False).hexdigest()
    assert credential.is_password_of(verifier, login)
    assert credential.is_password_of(md5, login)
    for wrong in (None, "", verifier[:-4] + "AAA=", md5[:-1], "an-old-one"):
        assert not credential.is_password_of(wrong, login)
    assert not credential.is_password_of(verifier, login._replace(password="another-one"))


@pytest.mark.parametrize(
    "text",
    [
        "PGUSER=shop_a\nPGPASSWORD=secret",
        "# by hand\nPGHOST=127.0.0.1\nPGPASSWORD=secret\n\nPGUSER=shop_a\nPGPASSFILE=/x\n",
        "PGUSER=shop_a\nPGPASSWORD=secret\nOTHER='PGUSER=shop_a'\r\n",
    ],
)
def test_only_the_login_is_replaced(credential: Any, text: str) -> None:
    assert credential.login_of(text) == ("shop_a", "secret", "postgres")
    other = credential.with_login(text, "shop_b", "fresh")
    assert credential.login_of(other) == ("shop_b", "fresh", "postgres")
    assert credential.with_login(other, "shop_a", "secret") == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PGUSER=shop_a\n",
        "PGUSER=shop_a\nPGPASSWORD=\n",
        "PGUSER=shop_a\nPGPASSWORD=a b\n",
        "PGUSER=shop_a\nPGPASSWORD='secret'\n",
        "PGUSER=shop_a\r\nPGPASSWORD=secret\r\n",
        "export PGUSER=shop_a\nPGPASSWORD=secret\n",
        "PGUSER=shop_a\nPGPASSWORD=secret\n PGPASSWORD=other\n",
        "PGUSER=shop_a\nPGPASSWORD=secret\nPGPASSWORD=other\n",
        "PGUSER=shop_a\nPGPASSWORD=secret\nPGDATABASE=$HOME\n",
        "PGUSER=shop_a\nPGPASSWORD=secr\u00e9t\n",
    ],
)
def test_what_readers_could_take_differently_is_refused(credential: Any, text: str) -> None:
    with pytest.raises(Exception, match="does not have one plain line"):
        credential.login_of(text)
