"""When two logins may take turns: what a server tells of them, changed in one place, is refused."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

OURS = "rotate_credentials/module_utils/"
Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def turns(load: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """On a host Ansible puts the action's own files below ansible.module_utils."""
    for name in ("kept_file", "credential"):
        monkeypatch.setitem(sys.modules, f"ansible.module_utils.{name}", load(f"{OURS}{name}.py"))
    return load(f"{OURS}turns.py")


def row(turns: Any, **changed: object) -> dict[str, Any]:
    links = {"shop": {"admin_option": False, "inherit_option": True, "set_option": True}}  # as PostgreSQL 16 has them
    plain = {"flags": dict(turns.FLAGS), "limit": -1, "verifier": None, "valid_until": None, "comment": None}
    return {**plain, "settings": [], "member_of": links, "members": 0, **changed}


def seen(turns: Any) -> dict[str, Any]:
    """Both logins are there, and can take turns."""
    credential = sys.modules["ansible.module_utils.credential"]
    verifier = credential.verifier_of("an-old-one", b"salt")
    return {
        "standby": False,
        "rows": {
            "shop": {"flags": {**turns.FLAGS, "login": False}},
            "shop_a": row(turns, verifier=verifier),
            "shop_b": row(turns, valid_until="2026-01-02 00:00:00+00"),
        },
        "about": {
            "shop_a": {"is_valid": True, "sessions": 7, "holds": 0},
            "shop_b": {"is_valid": False, "sessions": 0, "holds": 0},
        },
    }


def judged(turns: Any, told: dict[str, Any]) -> None:
    login = sys.modules["ansible.module_utils.credential"].Login("shop_a", "an-old-one", "postgres")
    turns.refuse_unsafe(told, "shop", "shop_a", "shop_b", login)


def test_plain_logins_take_turns_whether_the_other_one_is_there_or_not(turns: Any) -> None:
    told = seen(turns)
    judged(turns, told)
    del told["rows"]["shop_b"], told["about"]["shop_b"]
    judged(turns, told)
    told["rows"]["shop_a"]["settings"] = [["", ["role=shop"]]]
    judged(turns, told)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda told: told.update(standby=True), "is a standby"),
        (lambda told: told["rows"].pop("shop"), "no role shop without login"),
        (lambda told: told["rows"]["shop"]["flags"].update(login=True), "no role shop without login"),
        (lambda told: told["rows"].pop("shop_a"), "no shop_a"),
        (lambda told: told["rows"]["shop_a"].update(member_of={}), "more or less than a login"),
        (lambda told: told["rows"]["shop_a"]["member_of"].update(other={}), "more or less than a login"),
        (lambda told: told["rows"]["shop_a"]["member_of"]["shop"].update(admin_option=True), "more or less than a login"),
        (lambda told: told["rows"]["shop_a"]["member_of"]["shop"].update(set_option=False), "more or less than a login"),
        (lambda told: told["rows"]["shop_a"].update(members=1), "more or less than a login"),
        (lambda told: told["about"]["shop_a"].update(holds=1), "owns something"),
        (lambda told: told["about"]["shop_b"].update(holds=1), "owns something"),
        (lambda told: told["about"]["shop_a"].update(is_valid=False), "has expired"),
        (lambda told: told["rows"]["shop_a"].update(verifier=None), "has another password"),
        (lambda told: told["about"]["shop_b"].update(is_valid=True), "shop_b is still valid"),
        (lambda told: told["about"]["shop_b"].update(sessions=1), "1 open sessions"),
        (lambda told: told["rows"]["shop_b"].update(limit=3), "is not like shop_a"),
        (lambda told: told["rows"]["shop_b"].update(settings=[["", ["work_mem=8MB"]]]), "is not like shop_a"),
        (lambda told: told["rows"]["shop_b"]["flags"].update(superuser=True), "is not like shop_a"),
        (lambda told: told["rows"]["shop_b"]["flags"].update(login=False), "is not like shop_a"),
    ],
)
def test_whatever_the_other_login_could_not_stand_for_is_refused(turns: Any, change: Change, reason: str) -> None:
    told = seen(turns)
    change(told)
    with pytest.raises(Exception, match=reason):
        judged(turns, told)


@pytest.mark.parametrize("flag", ["superuser", "inherit", "createrole", "createdb", "login", "replication", "bypassrls"])
def test_a_login_with_any_power_of_its_own_is_refused(turns: Any, flag: str) -> None:
    told = seen(turns)
    told["rows"]["shop_a"]["flags"][flag] ^= True
    with pytest.raises(Exception, match="more or less than a login"):
        judged(turns, told)
