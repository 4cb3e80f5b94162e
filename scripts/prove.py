"""Proves every shipped action on two real hosts, and writes docs/certificates.md. `make prove`; needs root."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from datetime import UTC, datetime
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

What `gate catalog prove` said of the shipped actions: made by `make prove` on {when:%Y-%m-%d %H:%M} UTC, on {machine}.
Hosts: {hosts}. ansible-core {ansible}, Python {python}. In all {seconds:.0f} s.

A case is a state to start from. In each the action is done and taken back twice, and taken back from every step at
which it was broken off; after each of these the [fingerprint](reference/fingerprint.md) of the hosts is what it was.
Seconds are those of whole changes, by the gate's own way, the slower of two; the first case is on both hosts at once.

| action | case | what it changed | broken off | do, s | undo, s |
|---|---|---|--:|--:|--:|
{rows}
Not proved, because there is no undo: {rest}.

These certificates are bound to the digests of the action folders. A site proves its own:
[Prove an action](howto/prove-an-action.md).

| action | digest of its folder |
|---|---|
{digests}"""


def rows(certificate: Certificate) -> str:
    return "".join(
        f"| {certificate.action if number == 0 else ''} | {case.name} | {', '.join(case.changed) or 'nothing'} "
        f"| {len(case.broken_off)} | {case.do_s:.1f} | {case.undo_s:.1f} |\n"
        for number, case in enumerate(certificate.cases)
    )


def page(proofs: list[Proof], rest: list[str], seconds: float, when: datetime, about: str) -> str:
    made = [one.certificate for one in proofs if one.certificate]
    return TEXT.format(
        when=when,
        machine=about,
        hosts=", ".join(sorted({f"{system}" for one in made for system in one.hosts.values()})),
        ansible=made[0].ansible_core,
        python=made[0].python,
        seconds=seconds,
        rows="".join(map(rows, made)),
        rest=", ".join(f"`{name}`" for name in rest) or "none",
        digests="".join(f"| {one.action} | `{one.digest}` |\n" for one in made),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("actions", nargs="*", help="some of them; then no page is written")
    wanted = parser.parse_args().actions
    when, begun, about = datetime.now(UTC), time.monotonic(), machine()
    lab = Lab.up(2, lambda text: print(text, file=sys.stderr), containers=True)
    try:
        with tempfile.TemporaryDirectory() as folder, Gate.open(proving_site(Path(folder) / "site", lab)) as gate:
            proofs = []
            for proof in gate.prove(wanted or None, say=lambda text: print(text, file=sys.stderr)):
                proofs.append(proof)
                print(f"{proof.action}: {proof.fault or 'certified'}")
            rest = sorted(action.name for action in gate.catalog().actions if not action.has_undo)
    finally:
        lab.down()
    if any(proof.fault for proof in proofs):
        return 1
    if not wanted:
        PAGE.write_text(page(proofs, rest, time.monotonic() - begun, when, about))
    return 0


if __name__ == "__main__":
    sys.exit(main())
