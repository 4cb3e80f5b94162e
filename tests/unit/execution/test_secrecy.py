from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from gate.execution.redaction import Redactor
from gate.execution.secrecy import MAX_KEPT, Secrecy
from gate.values.keys import make_sealing_key, sealing_key

CANARY = "canary-4f1c9a"


def knowing(*secrets: str) -> Secrecy:
    return Secrecy(redactor=Redactor(secrets or [CANARY]))


def test_what_is_kept_of_the_runners_files_is_redacted(tmp_path: Path) -> None:
    for name in ("command", "stdout", "stderr", "rc", "status"):
        (tmp_path / name).write_text(f"{name} {CANARY} password=other")
    (tmp_path / "job_events").mkdir()
    (tmp_path / "job_events" / "1.json").write_text(CANARY)
    (tmp_path / "fact_cache").write_text(CANARY)
    assert knowing().keep(tmp_path, tmp_path / "kept") == []
    kept = {path.name: path.read_text() for path in (tmp_path / "kept").iterdir()}
    assert kept.keys() == {"command", "stdout", "stderr", "rc", "status"}
    assert kept["stdout"] == "stdout [hidden] password=[hidden]"


@pytest.mark.slow
def test_output_that_is_too_long_is_redacted_before_it_is_cut(tmp_path: Path) -> None:
    (tmp_path / "stdout").write_text("x" * (MAX_KEPT - 7) + CANARY + "y" * 100)
    knowing().keep(tmp_path, tmp_path / "kept")
    kept = (tmp_path / "kept" / "stdout").read_text()
    assert kept.endswith("[hidden\n[101 more characters]\n")
    assert "canary" not in kept


def test_output_that_is_no_text_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "stdout").write_bytes(b"\xff\xfe" + CANARY.encode() + b"\x00")
    assert knowing().keep(tmp_path, tmp_path / "kept") == []
    assert CANARY.encode() not in (tmp_path / "kept" / "stdout").read_bytes()


def test_output_that_cannot_be_kept_is_said_and_breaks_nothing(tmp_path: Path) -> None:
    (tmp_path / "stdout").write_text("x")
    (tmp_path / "kept").write_text("in the way")
    [said] = knowing().keep(tmp_path, tmp_path / "kept")
    assert "could not be kept" in said


def test_a_guarded_stream_passes_no_secret_even_in_pieces() -> None:
    out = io.StringIO()
    guarded = knowing().guard(out)
    for piece in ("a ", CANARY[:4], CANARY[4:], " b\nc", f"\n{CANARY}"):
        guarded.write(piece)
    guarded.close()
    assert out.getvalue() == "a [hidden] b\nc\n[hidden]\n"


def test_evidence_is_redacted_for_good_where_there_is_no_key() -> None:
    assert knowing().evidence("web-01", {"a": CANARY, "n": 1}) == {"a": "[hidden]", "n": 1}


def test_after_a_lost_run_evidence_is_sealed_as_a_whole(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "run-1"
    folder.mkdir(parents=True)
    (tmp_path / "keys").mkdir()
    (folder / "warrant").write_text(json.dumps({"warrant": json.dumps({"action": "rotate"}), "signature": "x"}))
    sealed = Secrecy.afterwards(folder).evidence("web-01", {"resources": ["file:/x"], "text": CANARY})
    assert sealed.keys() == {"resources", "sealed"}


def test_the_sealing_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    make_sealing_key(tmp_path, "evidence")
    key = sealing_key(tmp_path, "evidence")
    make_sealing_key(tmp_path, "evidence")
    assert sealing_key(tmp_path, "evidence") == key
    assert len(key) == 32
    assert [path.name for path in tmp_path.iterdir()] == ["evidence.key"]
    assert (tmp_path / "evidence.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("spoil", ["short", "open", "gone"])
def test_a_sealing_key_that_is_none_is_refused(tmp_path: Path, spoil: str) -> None:
    from gate.values.errors import SettingsError

    make_sealing_key(tmp_path, "evidence")
    path = tmp_path / "evidence.key"
    match spoil:
        case "short":
            path.write_bytes(b"x")
        case "open":
            path.chmod(0o644)
        case _:
            path.unlink()
    with pytest.raises(SettingsError):
        sealing_key(tmp_path, "evidence")
