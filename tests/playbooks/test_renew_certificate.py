"""renew_certificate by hand, with a CA of one's own: what stays, how it comes back, and that no key gets out."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.playbooks.conftest import Site, Tree

SHOP = {"certificate": "shop", "days": 30, "service": "", "serving_port": 0, "starttls": "none"}
EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
NAMES = "subjectAltName=DNS:shop.internal,IP:10.0.0.1"


def openssl(*command: str) -> str:
    return subprocess.run(["openssl", *command], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def issued(site: Site) -> Site:
    """A site whose two hosts have a CA each and a certificate `shop` that ends tomorrow, with a chain behind it."""
    for host in ("one", "two"):
        folder, ca = site.root(host) / "etc/ssl/gate", site.root(host) / "etc/ssl/gate-ca"
        folder.mkdir(parents=True)
        ca.mkdir()
        paths = ("-keyout", f"{ca}/ca.key", "-out", f"{ca}/ca.crt")
        openssl("req", "-x509", *EC, "-subj", "/CN=CA", "-days", "100", *paths)
        signer = ("-CA", f"{ca}/ca.crt", "-CAkey", f"{ca}/ca.key", "-days", "1")
        paths = ("-keyout", f"{folder}/shop.key", "-out", f"{folder}/shop.crt")
        extensions = ("-addext", NAMES, "-addext", "basicConstraints=critical,CA:FALSE")
        openssl("req", "-x509", *EC, "-subj", "/O=Shop/CN=shop", *extensions, *signer, *paths)
        with (folder / "shop.crt").open("a") as file:
            file.write(f"# the chain\n{(ca / 'ca.crt').read_text()}")
        (folder / "shop.key").chmod(0o640)
        folder.chmod(0o755)
    return site


def file(site: Site, name: str, host: str = "one") -> Path:
    return site.root(host) / "etc/ssl/gate" / name


def shown(place: Path) -> str:
    return openssl("x509", "-in", str(place), "-noout", "-subject", "-ext", "subjectAltName,basicConstraints")


def written(site: Site) -> str:
    files = (place for room in site.top.glob("run-*") for place in room.rglob("*") if place.is_file())
    return "\n".join(place.read_text(errors="replace") for place in files)


def refused(site: Site, because: str, **other: Any) -> None:
    """The renewal is refused on both hosts, and nothing is different."""
    before: dict[str, Tree] = site.trees()
    done = site.play("renew_certificate/do.yml", {**SHOP, **other})
    assert done.failed.keys() == {"one", "two"}
    assert all(because in reason for reason in done.failed.values()), done.failed
    assert (done.evidence, site.trees()) == ({}, before)


def test_a_certificate_is_renewed_verified_and_comes_back_as_it_was(issued: Site) -> None:
    site, before = issued, issued.trees()
    old, chain = shown(file(site, "shop.crt")), file(site, "shop.crt").read_text().partition("# the chain")[2]
    inode = file(site, "shop.key").stat()
    assert site.play("renew_certificate/verify.yml", SHOP).failed.keys() == {"one", "two"}

    done = site.play("renew_certificate/do.yml", SHOP)
    assert (done.rc, done.changed) == (0, {"one", "two"})
    assert site.play("renew_certificate/verify.yml", SHOP).rc == 0
    assert shown(file(site, "shop.crt")) == old
    assert file(site, "shop.crt").read_text().partition("# the chain")[2] == chain
    assert file(site, "shop.key").stat().st_mode == inode.st_mode
    kept = file(site, done.evidence["one"]["kept"])
    assert kept.stat().st_mode & 0o777 == 0o700
    assert {place.name for place in kept.iterdir()} == {"old.key", "old.crt", "seal"}

    undone = site.undo("renew_certificate", SHOP, done.evidence)
    assert (undone.rc, undone.changed) == (0, {"one", "two"})
    assert site.trees() == before
    after = file(site, "shop.key").stat()
    assert (after.st_ino, after.st_mtime_ns) == (inode.st_ino, inode.st_mtime_ns)
    again = site.undo("renew_certificate", SHOP, done.evidence)
    assert (again.rc, again.changed) == (0, frozenset())


def test_no_private_key_is_in_anything_that_was_written(issued: Site) -> None:
    site = issued
    keys = [file(site, "shop.key", host).read_text() for host in ("one", "two")]
    keys += [(site.root(host) / "etc/ssl/gate-ca/ca.key").read_text() for host in ("one", "two")]
    site.play("renew_certificate/do.yml", SHOP, "--check", "-vvv")
    done = site.play("renew_certificate/do.yml", SHOP, "-vvv")
    keys += [file(site, "shop.key", host).read_text() for host in ("one", "two")]
    site.play("renew_certificate/verify.yml", SHOP, "-vvv")
    site.undo("renew_certificate", SHOP, done.evidence, "-vvv")
    everything = written(site)
    assert "shop.key" in everything
    lines = {line for key in keys for line in key.splitlines() if not line.startswith("-----")}
    assert len(lines) > 12
    assert not [line for line in lines if line in everything]
    assert "PRIVATE KEY" not in everything


def test_undo_refuses_what_somebody_touched_since(issued: Site) -> None:
    site = issued
    done = site.play("renew_certificate/do.yml", SHOP)
    file(site, "shop.crt").write_text("rewritten")
    (file(site, done.evidence["two"]["kept"], "two") / "old.key").write_text("planted")
    touched = site.trees()
    undone = site.undo("renew_certificate", SHOP, done.evidence)
    assert undone.failed.keys() == {"one", "two"}
    assert all(reason.startswith("stale: ") for reason in undone.failed.values())
    assert site.trees() == touched


def test_renewals_come_back_only_in_reverse_order(issued: Site) -> None:
    site, before = issued, issued.trees()
    first = site.play("renew_certificate/do.yml", SHOP).evidence
    second = site.play("renew_certificate/do.yml", SHOP).evidence
    assert site.undo("renew_certificate", SHOP, first).failed.keys() == {"one", "two"}
    assert site.undo("renew_certificate", SHOP, second).rc == 0
    assert site.undo("renew_certificate", SHOP, first).rc == 0
    assert site.trees() == before


def test_a_run_that_was_cut_off_anywhere_comes_back(issued: Site) -> None:
    """Host one was cut off before the switch, host two between its two renames."""
    site, before = issued, issued.trees()
    evidence = site.play("renew_certificate/do.yml", SHOP, "--check").evidence
    assert site.trees() == before
    kept = file(site, evidence["one"]["kept"])
    kept.mkdir(mode=0o700)
    (kept / "new.key").write_text("half of")
    done = site.play("renew_certificate/do.yml", SHOP, "--limit", "two").evidence
    half = file(site, done["two"]["kept"], "two")
    file(site, "shop.crt", "two").rename(half / "new.crt")
    (half / "old.crt").rename(file(site, "shop.crt", "two"))
    assert site.undo("renew_certificate", SHOP, {**evidence, **done}).rc == 0
    assert site.trees() == before


def test_what_cannot_be_renewed_here_is_refused(issued: Site) -> None:
    site = issued
    refused(site, "ends within", days=101)
    refused(site, "is not there", certificate="other")
    refused(site, "gate_services", service="sshd")
    for host in ("one", "two"):
        file(site, "..", host).joinpath("gate-ca/ca.crt").rename(file(site, "ca.crt", host))
    refused(site, "is not there")
    for host in ("one", "two"):
        ca = site.root(host) / "etc/ssl/gate-ca"
        openssl("req", "-x509", *EC, "-subj", "/CN=CA", "-keyout", f"{ca}/ca.key", "-out", f"{ca}/ca.crt")
    refused(site, "has not issued")


def test_a_foreign_key_a_symlink_and_a_folder_for_everybody_are_refused(issued: Site) -> None:
    site = issued
    for host in ("one", "two"):
        shutil.copy(site.root(host) / "etc/ssl/gate-ca/ca.key", file(site, "shop.key", host))
    refused(site, "does not belong")
    for host in ("one", "two"):
        file(site, "shop.key", host).rename(file(site, "real.key", host))
        file(site, "shop.key", host).symlink_to("real.key")
    refused(site, "symlink")
    for host in ("one", "two"):
        file(site, "", host).chmod(0o777)
    refused(site, "Others can write")
