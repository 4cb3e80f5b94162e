"""Which lines of an authorized_keys hold a key, and what is no key."""

from __future__ import annotations

import base64
import datetime as dt
import os
import pwd
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

BLOB = "AAAAC3NzaC1lZDI1NTE5AAAAIB1oRfzrd0YIz17NRyJDxZvp8FoRvBQyQfmDuYPZVyYE"
OTHER = "AAAAC3NzaC1lZDI1NTE5AAAAIEy6A9C2rMQceFZRLE4Fes+1Yoyr7D9GFyYgNqSXNZRK"
KEY = f"ssh-ed25519 {BLOB} alice@laptop"
TODAY = dt.date(2026, 11, 26)


@pytest.fixture
def line(load: Callable[[str], Any]) -> Any:
    return load("add_authorized_key/library/authorized_line.py")


@pytest.mark.parametrize(
    ("before", "options"),
    [
        ("", []),
        (f"ssh-ed25519 {BLOB}\n", [""]),
        (f"  ssh-ed25519\t{BLOB} somebody else\r\n", [""]),
        (f"# ssh-ed25519 {BLOB}\n", []),
        (f"ssh-ed25519 {OTHER} ssh-ed25519 {BLOB}\n", []),
        (
            f'from="10.0.0.0/8",command="echo \\" ssh" ssh-ed25519 {BLOB} x\n',
            ['from="10.0.0.0/8",command="echo \\" ssh"'],
        ),
        (f'command="ssh-ed25519 {BLOB}" ssh-ed25519 {OTHER}\n', []),
        (f"ssh-ed25519 {BLOB}\nno-pty ssh-ed25519 {BLOB}", ["", "no-pty"]),
        (f"ssh-ed25519 {BLOB}AAAA\n", []),
    ],
)
def test_a_key_is_found_as_sshd_finds_it(line: Any, before: str, options: list[str]) -> None:
    assert line.found_with(before.encode(), KEY) == options


def test_a_line_is_added_behind_a_last_one_without_an_end(line: Any) -> None:
    assert line.added_to(b"", KEY, "") == f"{KEY}\n"
    assert line.added_to(b"x\n", KEY, "") == f"{KEY}\n"
    assert line.added_to(b"x", KEY, 'expiry-time="20270131"') == f'\nexpiry-time="20270131" {KEY}\n'
    assert line.added_to(f"ssh-ed25519 {BLOB}".encode(), KEY, "") == ""


@pytest.mark.parametrize("options", ["no-pty ", 'expiry-time="20270131" ', "cert-authority "])
def test_a_key_with_other_options_is_refused(line: Any, options: str) -> None:
    with pytest.raises(line.Refused, match="other options"):
        line.added_to(f"{options}ssh-ed25519 {BLOB}\n".encode(), KEY, "")


@pytest.mark.parametrize(
    "key",
    [f"ssh-rsa {BLOB}", f"ssh-dss {BLOB}", "ssh-ed25519 AAAA", "ssh-ed25519 A", f"ssh-ed25519 {BLOB[:-1]}"],
)
def test_what_is_no_key_of_its_kind_is_refused(line: Any, key: str) -> None:
    with pytest.raises(line.Refused):
        line.blob_of(key)


def test_a_key_says_itself_of_which_kind_it_is(line: Any) -> None:
    kind = b"ssh-ed25519"
    assert line.blob_of(KEY).startswith(struct.pack(">I", len(kind)) + kind)
    assert base64.b64encode(line.blob_of(KEY)).decode() == BLOB


def test_an_expiry_is_a_day_to_come(line: Any) -> None:
    assert line.options_of("", TODAY) == ""
    assert line.options_of("20261127", TODAY) == 'expiry-time="20261127"'
    for over in ("20261126", "20200101", "20270230"):
        with pytest.raises(line.Refused):
            line.options_of(over, TODAY)


def test_root_and_users_of_the_system_need_the_inventory(line: Any) -> None:
    for name in ("root", "daemon", "nobody"):
        with pytest.raises(line.Refused, match="gate_key_users"):
            line.user_of(name, ["somebody-else"])
        assert line.user_of(name, [name]).pw_name == name
    with pytest.raises(line.Refused, match="no user"):
        line.user_of("nobody-has-this-name", [])


@pytest.fixture
def user(tmp_path: Path) -> pwd.struct_passwd:
    tmp_path.chmod(0o755)
    (tmp_path / ".ssh").mkdir(mode=0o700)
    return pwd.struct_passwd(("me", "x", os.getuid(), os.getgid(), "", str(tmp_path), "/bin/sh"))


def test_what_sshd_would_not_take_and_symlinks_are_refused(line: Any, user: pwd.struct_passwd, tmp_path: Path) -> None:
    folder, file = tmp_path / ".ssh", tmp_path / ".ssh/authorized_keys"
    assert line.look(user) == (True, None, None)
    file.write_text("x")
    file.chmod(0o640)
    assert line.look(user) == (True, b"x", "0640")
    for place, mode in ((file, 0o660), (folder, 0o770), (tmp_path, 0o777)):
        before = place.stat().st_mode
        place.chmod(mode)
        with pytest.raises(line.Refused, match="others can write"):
            line.look(user)
        place.chmod(before)
    file.write_bytes(b"x" * (line.MAX_BYTES + 1))
    with pytest.raises(line.Refused, match="bytes"):
        line.look(user)
    file.rename(tmp_path / "real")
    file.symlink_to(tmp_path / "real")
    with pytest.raises(line.Refused, match="symlink"):
        line.look(user)
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(line.Refused, match="symlink"):
        line.look(user)


def evidence(line: Any, before: bytes, *, existed: bool) -> dict[str, Any]:
    import hashlib

    return {
        "path": "p", "existed": existed, "size": len(before), "sha256": hashlib.sha256(before).hexdigest(),
        "mode": "0600", "added": line.added_to(before, KEY, ""),
    }  # fmt: skip


def test_undo_knows_a_line_that_was_written_in_part_and_what_somebody_edited(line: Any) -> None:
    told = evidence(line, b"old", existed=True)
    whole = b"old" + told["added"].encode()
    for size in range(3, len(whole) + 1):
        assert line.left_of(told, whole[:size], "0600") == whole[3:size].decode()
    for now, mode in (
        (b"new" + whole[3:], "0600"),
        (whole + b"x", "0600"),
        (whole, "0640"),
        (b"ol", "0600"),
        (None, None),
    ):
        with pytest.raises(line.Refused, match="stale: "):
            line.left_of(told, now, mode)
    assert line.left_of(evidence(line, b"", existed=False), None, None) == ""
