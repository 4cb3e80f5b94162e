"""rotate_credentials by hand: what it does, how it comes back, and that no secret gets out."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.playbooks.conftest import Site

KEY = {"path": "/etc/app/session.key", "length": 32}
OLD = "hunter2-the-old-one\n"


def started(site: Site) -> None:
    """Host one has no secret yet; host two has one that its group can read."""
    (site.root("one") / "etc/app").mkdir(parents=True)
    site.put("two", "/etc/app/session.key", OLD, 0o640)


def secret(site: Site, host: str) -> str:
    return (site.root(host) / "etc/app/session.key").read_text()


def written(site: Site) -> str:
    """Everything that the runs wrote outside the hosts: parameters, output, events, artifacts."""
    files = (file for room in site.top.glob("run-*") for file in room.rglob("*") if file.is_file())
    return "\n".join(file.read_text(errors="replace") for file in files)


def test_a_secret_is_rotated_verified_and_the_old_one_comes_back_as_it_was(site: Site) -> None:
    started(site)
    before = site.trees()
    inode = (site.root("two") / "etc/app/session.key").stat()

    done = site.play("rotate_credentials/do.yml", KEY)
    assert (done.rc, done.changed) == (0, {"one", "two"})
    assert len({secret(site, "one"), secret(site, "two"), OLD}) == 3
    assert all(len(bytes.fromhex(secret(site, host))) == 32 for host in ("one", "two"))
    assert site.play("rotate_credentials/verify.yml", KEY).rc == 0
    kept = site.root("two") / "etc/app" / done.evidence["two"]["kept"]
    assert (kept.stat().st_mode & 0o777, (kept / "old").stat().st_mode & 0o777) == (0o700, 0o600)
    assert (kept / "old").read_text() == OLD

    undone = site.undo("rotate_credentials", KEY, done.evidence)
    assert (undone.rc, undone.changed) == (0, {"one", "two"})
    assert site.trees() == before
    after = (site.root("two") / "etc/app/session.key").stat()
    assert (after.st_ino, after.st_mtime_ns) == (inode.st_ino, inode.st_mtime_ns)
    again = site.undo("rotate_credentials", KEY, done.evidence)
    assert (again.rc, again.changed) == (0, frozenset())
    assert site.play("rotate_credentials/verify.yml", KEY).failed.keys() == {"one", "two"}


def test_no_secret_is_in_anything_that_was_written(site: Site) -> None:
    started(site)
    site.play("rotate_credentials/do.yml", KEY, "--check", "-vvv")
    done = site.play("rotate_credentials/do.yml", KEY, "-vvv")
    new = [secret(site, host) for host in ("one", "two")]
    site.play("rotate_credentials/verify.yml", KEY, "-vvv")
    (site.root("one") / "etc/app/session.key").write_text("rewritten-by-the-app")
    undone = site.undo("rotate_credentials", KEY, done.evidence, "-vvv")
    assert (undone.failed.keys(), undone.changed) == ({"one"}, {"two"})
    everything = written(site)
    assert "session.key" in everything
    for told in (*new, OLD.strip(), "rewritten-by-the-app"):
        assert told not in everything
        assert hashlib.sha256(told.encode()).hexdigest() not in everything
    assert hashlib.sha256(OLD.encode()).hexdigest() not in everything


def test_undo_refuses_what_somebody_touched_since(site: Site) -> None:
    started(site)
    done = site.play("rotate_credentials/do.yml", KEY)
    (site.root("one") / "etc/app/session.key").write_text("rewritten")
    (site.root("two") / "etc/app" / done.evidence["two"]["kept"] / "old").write_text("planted")
    touched = site.trees()
    undone = site.undo("rotate_credentials", KEY, done.evidence)
    assert undone.failed.keys() == {"one", "two"}
    assert all(reason.startswith("stale: ") for reason in undone.failed.values())
    assert site.trees() == touched


def test_rotations_come_back_only_in_reverse_order(site: Site) -> None:
    started(site)
    before = site.trees()
    first = site.play("rotate_credentials/do.yml", KEY).evidence
    second = site.play("rotate_credentials/do.yml", KEY).evidence
    assert site.undo("rotate_credentials", KEY, first).failed.keys() == {"one", "two"}
    assert site.undo("rotate_credentials", KEY, second).rc == 0
    assert site.undo("rotate_credentials", KEY, first).rc == 0
    assert site.trees() == before


def test_check_changes_nothing(site: Site) -> None:
    started(site)
    before = site.trees()
    checked = site.play("rotate_credentials/do.yml", KEY, "--check")
    assert (checked.rc, checked.changed) == (0, {"one", "two"})
    assert site.trees() == before


def test_a_run_that_was_cut_off_before_the_switch_is_cleaned_up(site: Site) -> None:
    started(site)
    before = site.trees()
    evidence = site.play("rotate_credentials/do.yml", KEY, "--check").evidence
    for host in ("one", "two"):
        site.put(host, f"/etc/app/{evidence[host]['kept']}/new", "never used", 0o600)
    assert site.undo("rotate_credentials", KEY, evidence).rc == 0
    assert site.trees() == before


def test_a_symlink_a_missing_directory_and_a_path_outside_are_refused(site: Site) -> None:
    outside = site.top / "outside"
    outside.mkdir()
    (site.root("one") / "etc").mkdir()
    (site.root("one") / "etc/app").symlink_to(outside)
    before = site.trees()
    done = site.play("rotate_credentials/do.yml", KEY)
    assert "symlink" in done.failed["one"]
    assert "is not there" in done.failed["two"]
    assert site.play("rotate_credentials/do.yml", {**KEY, "path": "/etc/shadow"}).failed.keys() == {"one", "two"}
    assert (list(outside.iterdir()), site.trees()) == ([], before)
