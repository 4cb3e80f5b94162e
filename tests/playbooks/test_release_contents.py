"""Hostile archives are refused by name before anything is unpacked."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def release(load: Callable[[str], Any]) -> Any:
    return load("deploy_release/module_utils/release_contents.py")


def packed(*members: tuple[str, bytes, str], mode: str = "w:gz") -> io.BytesIO:
    """Members are (name, type, link name); a file's content is its name."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode=mode) as tar:  # type: ignore[call-overload]
        for name, kind, link in members:
            member = tarfile.TarInfo(name)
            content = name.encode() if kind == tarfile.REGTYPE else b""
            member.type, member.linkname, member.size = kind, link, len(content)
            tar.addfile(member, io.BytesIO(content))
    return io.BytesIO(data.getvalue())


FILE, LINK, HARD, FOLDER = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE


@pytest.mark.parametrize(
    "members",
    [
        [("../x", FILE, "")],
        [("a/../../x", FILE, "")],
        [("/etc/x", FILE, "")],
        [("a\nb", FILE, "")],
        [("a", LINK, "/etc")],
        [("a", LINK, "..")],
        [("a", LINK, "b/../../x")],
        [("s", LINK, "."), ("a", LINK, "s/s/..")],
        [("d", LINK, "."), ("d/x", FILE, "")],
        [("d", FILE, ""), ("d/x", FILE, "")],
        [("x", FILE, ""), ("x", FILE, "")],
        [("x", FILE, ""), ("./x", LINK, "y")],
        [("d/x", FILE, ""), ("d", LINK, ".")],
        [("x", FILE, ""), ("y", HARD, "x")],
        [("x", tarfile.CHRTYPE, "")],
        [("x", tarfile.FIFOTYPE, "")],
    ],
)
def test_a_hostile_archive_is_refused(release: Any, members: list[tuple[str, bytes, str]]) -> None:
    with pytest.raises(release.Refused):
        release.contents_of_archive(packed(*members))


@pytest.mark.parametrize(
    "data",
    [b"", b"no archive", packed(("x", FILE, "")).getvalue()[:-20]],
    ids=["empty", "no archive", "cut short"],
)
def test_a_broken_archive_is_refused(release: Any, data: bytes) -> None:
    with pytest.raises(release.Refused):
        release.contents_of_archive(io.BytesIO(data))


def test_a_bomb_is_refused(release: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "MAX_BYTES", 3)
    with pytest.raises(release.Refused, match="too big"):
        release.contents_of_archive(packed(("four", FILE, "")))


def test_what_is_unpacked_is_what_was_foreseen(release: Any, tmp_path: Path) -> None:
    file = packed(("./", FOLDER, ""), ("d/e/x", FILE, ""), ("d/up", LINK, "../d/e"), ("d", FOLDER, ""), ("y", FILE, ""))
    contents = release.contents_of_archive(file)
    assert sorted(contents) == [".", "d", "d/e", "d/e/x", "d/up", "y"]
    release.unpack_archive(file, str(tmp_path / "top"), contents)
    assert release.contents_of_directory(str(tmp_path / "top")) == contents
    (tmp_path / "top/y").chmod(0o600)
    assert release.contents_of_directory(str(tmp_path / "top")) != contents
