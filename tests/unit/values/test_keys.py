from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gate.values.errors import SettingsError
from gate.values.keys import make_key, private_key, public_key
from gate.values.lease import Lease


def test_a_key_is_made_once_and_its_halves_fit(tmp_path: Path) -> None:
    make_key(tmp_path, "ledger")
    before = (tmp_path / "ledger.key").read_bytes()
    make_key(tmp_path, "ledger")
    assert (tmp_path / "ledger.key").read_bytes() == before
    public_key(tmp_path, "ledger").verify(private_key(tmp_path, "ledger").sign(b"x"), b"x")


def test_a_private_key_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    make_key(tmp_path, "ledger")
    assert (tmp_path / "ledger.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_private_key_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    make_key(tmp_path, "ledger")
    (tmp_path / "ledger.key").chmod(mode)
    with pytest.raises(SettingsError, match="can be read by others"):
        private_key(tmp_path, "ledger")


def test_a_missing_key_says_which(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"ledger\.key"):
        private_key(tmp_path, "ledger")


@pytest.mark.parametrize(
    "content", [b"", b"garbage", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_file_that_is_no_key_is_refused_in_three_sentences(tmp_path: Path, content: bytes) -> None:
    make_key(tmp_path, "ledger")
    (tmp_path / "ledger.key").write_bytes(content)
    (tmp_path / "ledger.pub").write_bytes(content)
    with pytest.raises(SettingsError, match="no Ed25519 key"):
        private_key(tmp_path, "ledger")
    with pytest.raises(SettingsError, match="no Ed25519 key"):
        public_key(tmp_path, "ledger")


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    other = generate_private_key(SECP256R1()).public_key()
    (tmp_path / "ledger.pub").write_bytes(other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(SettingsError, match="no Ed25519 key"):
        public_key(tmp_path, "ledger")


def test_a_lease_has_one_holder_at_a_time(tmp_path: Path) -> None:
    first = Lease.take(tmp_path / "lease")
    assert first is not None
    assert Lease.take(tmp_path / "lease") is None
    first.release()
    second = Lease.take(tmp_path / "lease")
    assert second is not None
    second.release()


def test_a_lease_ends_with_its_process_however_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "lease"
    code = (
        "import os, sys; from pathlib import Path; from gate.values.lease import Lease;"
        "Lease.take(Path(sys.argv[1])).sign(); print('held', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        assert Lease.take(path) is None
        child.kill()
        with Lease.turn(path):
            assert Lease.take(path) is None
