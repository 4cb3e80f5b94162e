from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate.database.engine import Database
from gate.ledger.checkpoint import Checkpoint, sign
from gate.ledger.export import verify_export, write_export
from gate.ledger.notes import Notes
from gate.values.errors import LedgerError, TamperedError
from gate.values.keys import make_key, private_key


@pytest.fixture
def export(database: Database, notes: Notes, tmp_path: Path) -> Path:
    """An export, its checkpoint and the public key in a folder of their own; all else is gone."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    count, note = write_export(database, notes, private_key(tmp_path, "ledger"), elsewhere / "ledger.jsonl")
    assert count == 10
    assert note == elsewhere / "ledger.jsonl.note"
    shutil.copy(tmp_path / "ledger.pub", elsewhere / "ledger.pub")
    database.close()
    database.path.unlink()
    shutil.rmtree(notes.folder)
    return elsewhere / "ledger.jsonl"


def check(export: Path) -> bool:
    return verify_export(export, export.with_name("ledger.pub"), [export.with_name("ledger.jsonl.note")]).sound


def test_an_export_verifies_with_the_public_key_and_a_checkpoint_alone(export: Path) -> None:
    report = verify_export(export, export.with_name("ledger.pub"), [export.with_name("ledger.jsonl.note")])
    assert report.sound
    assert (report.size, report.signed) == (10, 10)
    assert not list(export.parent.glob("*.tmp"))


def test_every_single_changed_byte_is_seen(export: Path) -> None:
    content = export.read_bytes()
    assert check(export)
    for place in range(0, len(content), 7):
        changed = bytearray(content)
        changed[place] ^= 1
        export.write_bytes(changed)
        try:
            assert not check(export), f"byte {place}"
        except LedgerError:
            continue  # it is no text any more


def test_a_missing_last_line_is_seen(export: Path) -> None:
    export.write_text("".join(export.read_text().splitlines(keepends=True)[:-1]))
    assert not check(export)


def test_an_export_that_is_longer_than_its_checkpoint_says_what_is_signed(export: Path) -> None:
    lines = export.read_text().splitlines(keepends=True)
    export.write_text("".join([*lines, lines[-1]]))
    assert not check(export)


def test_a_checkpoint_of_another_key_is_refused(export: Path, tmp_path: Path) -> None:
    make_key(tmp_path, "other")
    with pytest.raises(TamperedError):
        verify_export(export, tmp_path / "other.pub", [export.with_name("ledger.jsonl.note")])


def test_checkpoints_of_several_ledgers_are_refused(export: Path, tmp_path: Path) -> None:
    key: Ed25519PrivateKey = private_key(tmp_path, "ledger")
    (tmp_path / "a.note").write_text(sign(Checkpoint(origin="other", size=0, root=bytes(32)), key))
    notes = [tmp_path / "a.note", export.with_name("ledger.jsonl.note")]
    with pytest.raises(LedgerError, match="several ledgers"):
        verify_export(export, tmp_path / "ledger.pub", notes)


@pytest.mark.parametrize("missing", ["ledger.jsonl", "ledger.jsonl.note"])
def test_a_missing_file_is_an_error_and_no_verdict(export: Path, missing: str) -> None:
    export.with_name(missing).unlink()
    with pytest.raises(LedgerError):
        check(export)


def test_no_checkpoint_is_told_as_nothing_signed(export: Path) -> None:
    assert verify_export(export, export.with_name("ledger.pub"), []).signed == 0
