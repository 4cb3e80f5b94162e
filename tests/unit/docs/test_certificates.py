"""The page of certificates is about the actions as they are."""

from __future__ import annotations

import re
from pathlib import Path

from gate.catalog.digest import digest_folder
from gate.catalog.load import load_catalog
from gate.proof.ground import FINGERPRINT

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "certificates.md").read_text()


ROW = r"^\| (\w+) \| `(sha256:[0-9a-f]{64})` \| `([0-9a-f]{12})` \| [0-9 :-]+ \| [0-9]+ \|$"


def test_every_action_that_can_be_taken_back_is_proved_as_it_is_now() -> None:
    """`make prove ACTIONS="a b"` proves those that were edited; `make test` does not prove them all anew."""
    told = {name: (digest, seen) for name, digest, seen in re.findall(ROW, PAGE, re.MULTILINE)}
    seen_by = digest_folder(FINGERPRINT).removeprefix("sha256:")[:12]
    actions = load_catalog([ROOT / "playbooks"]).actions
    assert told == {action.name: (action.digest, seen_by) for action in actions if action.has_undo}


def test_what_has_no_undo_is_named() -> None:
    (named,) = re.findall(r"because there is no undo: (.*)\.$", PAGE, re.MULTILINE)
    rest = [action.name for action in load_catalog([ROOT / "playbooks"]).actions if not action.has_undo]
    assert named == ", ".join(f"`{name}`" for name in rest)
