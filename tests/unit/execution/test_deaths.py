from __future__ import annotations

from pathlib import Path

import pytest

from gate.execution.deaths import Death, death
from gate.values.lease import Lease, Owner, boot_id

OWNER = Owner(pid=7, started=70, boot="this")


@pytest.mark.parametrize(
    ("owner", "boot", "who"),
    [(OWNER, "this", Death.WORKER), (OWNER, "that", Death.MACHINE), (None, "this", Death.SOMEBODY)],
)
def test_who_died_is_told_apart(owner: Owner | None, boot: str, who: Death) -> None:
    assert death(owner, boot) is who


def test_a_lease_says_who_signed_it(tmp_path: Path) -> None:
    lease = Lease.take(tmp_path / "lease")
    assert lease is not None
    assert lease.owner() is None
    lease.sign()
    owner = lease.owner()
    assert owner is not None
    assert owner.boot == boot_id()
    lease.release()


@pytest.mark.parametrize(
    "said",
    [
        b"", b"{", b"[]", b"7", b"null", b"\xff\xfe", b"\x00" * 5000, b"[" * 4096, b'{"pid": 7}', b'{"pid": "7"}' * 2,
        b'{"pid": true, "started": 1, "boot": "x"}', b'{"pid": 7, "started": 1.5, "boot": "x"}',
        b'{"pid": 7, "started": 1, "boot": null}', b'{"pid": 7, "started": 1, "boot": "' + b"x" * 9000 + b'"}',
    ],
)  # fmt: skip
def test_a_signature_that_makes_no_sense_is_nobodys(tmp_path: Path, said: bytes) -> None:
    (tmp_path / "lease").write_bytes(said)
    lease = Lease.take(tmp_path / "lease")
    assert lease is not None
    assert lease.owner() is None
    lease.release()
