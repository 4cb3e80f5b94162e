"""deploy_release by hand: what it does, how it comes back, what it refuses."""

from __future__ import annotations

import hashlib
import io
import tarfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.playbooks.conftest import Site

FILES = {"bin/run": (b"#!/bin/sh\n", 0o755), "etc/site.conf": (b"\xff\x00raw", 0o600), "VERSION": (b"1.1\n", 0o664)}


def archive() -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        for name, (content, mode) in FILES.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size, member.mode = len(content), mode
            tar.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("./bin/start")
        link.type, link.linkname = tarfile.SYMTYPE, "run"
        tar.addfile(link)
    return data.getvalue()


ARCHIVE = archive()
SHOP = {"app": "shop", "version": "1.1", "sha256": hashlib.sha256(ARCHIVE).hexdigest()}


def stock(site: Site) -> None:
    for host in ("one", "two"):
        site.put(host, "/srv/releases/store/shop-1.1.tar.gz", ARCHIVE)


def older(site: Site, host: str) -> None:
    site.put(host, "/srv/shop/releases/1.0/VERSION", "1.0\n")
    (site.root(host) / "srv/shop/current").symlink_to("releases/1.0")


@pytest.mark.usefixtures("private_umask")
def test_a_release_is_deployed_verified_and_taken_back_without_a_trace(site: Site) -> None:
    stock(site)
    older(site, "two")  # host one has no /srv/shop yet
    before = site.trees()

    done = site.play("deploy_release/do.yml", SHOP)
    assert (done.rc, done.changed) == (0, {"one", "two"})
    for host in ("one", "two"):
        current = site.root(host) / "srv/shop/current"
        assert current.readlink().as_posix() == "releases/1.1"
        assert (current / "bin/start").read_bytes() == b"#!/bin/sh\n"
        modes = {name: (current / name).stat().st_mode & 0o7777 for name in FILES}
        assert modes == {"bin/run": 0o755, "etc/site.conf": 0o644, "VERSION": 0o644}
    assert site.play("deploy_release/verify.yml", SHOP).rc == 0

    left = site.trees()
    assert site.play("deploy_release/do.yml", SHOP).changed == frozenset()
    assert site.trees() == left

    undone = site.undo("deploy_release", SHOP, done.evidence)
    assert (undone.rc, undone.changed) == (0, {"one", "two"})
    assert site.trees() == before
    again = site.undo("deploy_release", SHOP, done.evidence)
    assert (again.rc, again.changed) == (0, frozenset())


def test_a_version_that_was_there_before_stays_after_undo(site: Site) -> None:
    stock(site)
    site.play("deploy_release/do.yml", SHOP)
    for host, target in (("one", "releases/1.0"), ("two", "/gone/elsewhere")):
        current = site.root(host) / "srv/shop/current"
        current.unlink()
        current.symlink_to(target)
    site.put("one", "/srv/shop/releases/1.0/VERSION", "1.0\n")
    before = site.trees()
    done = site.play("deploy_release/do.yml", SHOP)
    assert done.changed == {"one", "two"}
    assert site.undo("deploy_release", SHOP, done.evidence).rc == 0
    assert site.trees() == before


def test_undo_refuses_what_somebody_touched_since(site: Site) -> None:
    stock(site)
    older(site, "one")
    done = site.play("deploy_release/do.yml", SHOP)
    current = site.root("one") / "srv/shop/current"
    current.unlink()
    current.symlink_to("releases/1.2")
    site.put("two", "/srv/shop/current/etc/site.conf", "edited")
    touched = site.trees()
    undone = site.undo("deploy_release", SHOP, done.evidence)
    assert undone.failed.keys() == {"one", "two"}
    assert all(reason.startswith("stale: ") for reason in undone.failed.values())
    assert site.trees() == touched


def test_undo_refuses_to_lead_back_to_a_release_that_is_gone_or_over_a_stranger(site: Site) -> None:
    stock(site)
    older(site, "one")
    done = site.play("deploy_release/do.yml", SHOP)
    (site.root("one") / "srv/shop/releases/1.0/VERSION").unlink()
    (site.root("one") / "srv/shop/releases/1.0").rmdir()
    site.put("two", "/srv/shop/shared/upload", "mine")  # in a directory that the change made
    touched = site.trees()
    undone = site.undo("deploy_release", SHOP, done.evidence)
    assert "is gone" in undone.failed["one"]
    assert "holds more" in undone.failed["two"]
    assert site.trees() == touched


def test_check_shows_the_change_and_makes_none(site: Site) -> None:
    stock(site)
    older(site, "two")
    before = site.trees()
    checked = site.play("deploy_release/do.yml", SHOP, "--check")
    assert (checked.rc, checked.changed) == (0, {"one", "two"})
    assert "-/srv/shop/current -> releases/1.0" in checked.text
    assert checked.text.count("+/srv/shop/current -> releases/1.1") == 2
    assert site.trees() == before


def test_only_the_archive_with_the_given_digest_is_unpacked(site: Site) -> None:
    stock(site)
    site.put("one", "/srv/releases/store/shop-1.1.tar.gz", ARCHIVE + b"x")
    (site.root("two") / "srv/releases/store/shop-1.1.tar.gz").unlink()
    before = site.trees()
    done = site.play("deploy_release/do.yml", SHOP)
    assert "SHA-256" in done.failed["one"]
    assert "no archive" in done.failed["two"]
    assert (done.evidence, site.trees()) == ({}, before)


def test_a_version_with_other_content_and_a_current_that_is_no_link_are_refused(site: Site) -> None:
    stock(site)
    site.put("one", "/srv/shop/releases/1.1/VERSION", "half a release")
    (site.root("two") / "srv/shop/current").mkdir(parents=True)
    before = site.trees()
    done = site.play("deploy_release/do.yml", SHOP)
    assert "other content" in done.failed["one"]
    assert "is no link" in done.failed["two"]
    assert site.trees() == before


def test_a_symlink_out_of_the_tree_and_a_hostile_name_are_refused(site: Site) -> None:
    stock(site)
    outside = site.top / "outside"
    outside.mkdir()
    (site.root("one") / "srv/shop").symlink_to(outside)
    before = site.trees()
    assert "symlink" in site.play("deploy_release/do.yml", SHOP, "--limit", "one").failed["one"]
    assert site.play("deploy_release/do.yml", {**SHOP, "version": "../../../x"}).failed.keys() == {"one", "two"}
    assert (list(outside.iterdir()), site.trees()) == ([], before)


def test_undo_cleans_up_after_a_run_that_was_cut_off(site: Site) -> None:
    stock(site)
    older(site, "two")
    before = site.trees()
    evidence = site.play("deploy_release/do.yml", SHOP, "--check").evidence
    site.put("one", "/srv/shop/releases/.1.1.coming/half", "half")
    site.put("two", "/srv/shop/releases/.1.1.coming/half", "half")
    (site.root("two") / "srv/shop/.current.coming").symlink_to("releases/1.1")
    assert "cut off" in site.play("deploy_release/do.yml", SHOP).failed["one"]
    assert site.undo("deploy_release", SHOP, evidence).rc == 0
    assert site.trees() == before
