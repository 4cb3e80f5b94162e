from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate.ledger.checkpoint import Checkpoint, open_note, sign
from gate.values.errors import TamperedError

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
ORIGIN = "gate/site/ledger"
MADE = Checkpoint(origin=ORIGIN, size=42, root=bytes(32))
NOTE = sign(MADE, KEY)


def test_a_signed_note_says_the_same_checkpoint_again() -> None:
    assert open_note(NOTE, ORIGIN, KEY.public_key()) == MADE


def test_a_note_has_the_form_that_c2sp_describes() -> None:
    origin, size, root, empty, signature, end = NOTE.split("\n")
    assert (origin, size, empty, end) == (ORIGIN, "42", "", "")
    assert base64.b64decode(root) == bytes(32)
    assert signature.startswith(f"\u2014 {ORIGIN} ")
    assert len(base64.b64decode(signature.rpartition(" ")[2])) == 4 + 64


@pytest.mark.parametrize(
    "changed",
    [
        NOTE.replace("\n42\n", "\n43\n"),
        NOTE.replace("\n42\n", "\n042\n"),
        NOTE.replace("\n42\n", "\n42 \n"),
        NOTE.replace("\n42\n", "\n42\r\n"),
        NOTE.replace("AAAA", "BAAA", 1),
        NOTE.replace("gate/site", "gate/other"),
        NOTE.replace("gate/site", "gate/other", 1),
        NOTE.replace("\n\n", "\nmore\n\n"),
        NOTE.partition("\n\n")[0] + "\n\n",
        NOTE.partition("\n\n")[0],
        "",
        "\n\n",
        NOTE[:-3] + "AA\n",
        NOTE.replace("\u2014", "-"),
        NOTE[: NOTE.rindex(" ")] + " !!!\n",
        NOTE[: NOTE.rindex(" ")] + " \n",
    ],
)
def test_a_changed_note_is_refused(changed: str) -> None:
    assert changed != NOTE
    with pytest.raises(TamperedError):
        open_note(changed, ORIGIN, KEY.public_key())


def test_a_note_of_another_key_is_refused() -> None:
    with pytest.raises(TamperedError):
        open_note(sign(MADE, OTHER), ORIGIN, KEY.public_key())


def test_a_note_of_another_ledger_is_refused() -> None:
    foreign = sign(Checkpoint(origin="gate/other/ledger", size=42, root=bytes(32)), KEY)
    with pytest.raises(TamperedError):
        open_note(foreign, ORIGIN, KEY.public_key())


def test_a_second_signature_of_a_witness_does_no_harm() -> None:
    with_witness = NOTE + sign(MADE, OTHER).splitlines()[-1].replace(ORIGIN, "witness") + "\n"
    assert open_note(with_witness, ORIGIN, KEY.public_key()) == MADE


def test_a_signed_text_that_is_no_checkpoint_is_refused() -> None:
    strange = sign(Checkpoint(origin=ORIGIN, size=-1, root=b""), KEY)
    with pytest.raises(TamperedError):
        open_note(strange, ORIGIN, KEY.public_key())
