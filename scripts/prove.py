"""Proves shipped actions on two real hosts, and writes docs/certificates.md. `make prove`; needs root.

Of some actions only, their rows of the page are replaced; the others stay as they were, each with its own date.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench_policy import machine

from gate.app import Gate
from gate.certificate.model import Certificate
from gate.proof.prove import Proof
from tests.hosts.lab import Lab
from tests.hosts.proving import proving_site

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "certificates.md"
TEXT = """\
# Certificates

What `gate catalog prove` said of the shipped actions: made by `make prove`, last on {machine}.
Hosts: {hosts}. ansible-core {ansible}, Python {python}.

A case is a state to start from. In each the action is done and taken back twice, and taken back from every step at
which it was broken off; after each of these the [fingerprint](reference/fingerprint.md) of the hosts is what it was.
Seconds are those of whole changes, by the gate's own way, the slower of two; the first case is on both hosts at once.

| action | case | what it changed | broken off | do, s | undo, s |
|---|---|---|--:|--:|--:|
{rows}
Not proved, because there is no undo: {rest}.

These certificates are bound to the digests of the action folders, and to what looked at the hosts.
A site proves its own: [Prove an action](howto/prove-an-action.md).

| action | digest of its folder | seen by fingerprint | proved on (UTC) | in, s |
|---|---|---|---|--:|
{digests}"""


def rows(certificate: Certificate) -> str:
    return "".join(
        f"| {certificate.action if number == 0 else ''} | {case.name} | {', '.join(case.changed) or 'nothing'} "
        f"| {len(case.broken_off)} | {case.do_s:.1f} | {case.undo_s:.1f} |\n"
        for number, case in enumerate(certificate.cases)
    )


def short(digest: str) -> str:
    """Enough of it to tell one fingerprint's code from another's."""
    return digest.removeprefix("sha256:")[:12]


def by_action(text: str, columns: int) -> dict[str, str]:
    """The rows of a table, by the action that they are about; a row without a name is about the one before it."""
    found: dict[str, str] = {}
    for line in text.splitlines(keepends=True):
        name = re.match(r"\| (\w*) \|", line)
        if name is not None and line.count("|") == columns + 1 and name[1] != "action":
            action = name[1] or next(reversed(found))
            found[action] = found.get(action, "") + line
    return found


def page(old: str, made: list[Certificate], seconds: dict[str, float], rest: list[str], about: str) -> str:
    """The page with these certificates in it, and with all of the `old` one that are about other actions."""
    cases, digests = by_action(old, 6), by_action(old, 5)
    for one in made:
        cases[one.action] = rows(one)
        digests[one.action] = (
            f"| {one.action} | `{one.digest}` | `{short(one.fingerprint)}` | {one.proved_at:%Y-%m-%d %H:%M} "
            f"| {seconds[one.action]:.0f} |\n"
        )
    return TEXT.format(
        machine=about,
        hosts=", ".join(sorted({f"{system}" for one in made for system in one.hosts.values()})),
        ansible=made[0].ansible_core,
        python=made[0].python,
        rows="".join(cases[name] for name in sorted(cases)),
        rest=", ".join(f"`{name}`" for name in rest) or "none",
        digests="".join(digests[name] for name in sorted(digests)),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("actions", nargs="*", help="some of them")
    wanted = parser.parse_args().actions
    about, seconds, proofs = machine(), dict[str, float](), list[Proof]()
    lab = Lab.up(2, lambda text: print(text, file=sys.stderr), containers=True)
    try:
        with tempfile.TemporaryDirectory() as folder, Gate.open(proving_site(Path(folder) / "site", lab)) as gate:
            begun = time.monotonic()
            for proof in gate.prove(wanted or None, say=lambda text: print(text, file=sys.stderr)):
                proofs.append(proof)
                seconds[proof.action], begun = time.monotonic() - begun, time.monotonic()
                print(f"{proof.action}: {proof.fault or 'certified'}")
            rest = sorted(action.name for action in gate.catalog().actions if not action.has_undo)
    finally:
        lab.down()
    made = [proof.certificate for proof in proofs if proof.certificate]
    if made:
        PAGE.write_text(page(PAGE.read_text() if wanted else "", made, seconds, rest, about))
    return 1 if any(proof.fault for proof in proofs) else 0


if __name__ == "__main__":
    sys.exit(main())
