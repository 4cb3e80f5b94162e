"""Generations come out of the archive as they went in, or not at all."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from gate.policy.generations.archive import Archive
from gate.values.errors import NotFoundError, PolicyError

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ONE, TWO = "sha256:" + "1" * 64, "sha256:" + "1" * 20 + "2" * 44


@pytest.fixture
def rules(tmp_path):
    folder = tmp_path / "rules"
    (folder / "tests").mkdir(parents=True)
    (folder / "a.yml").write_text("one\n")
    (folder / "tests" / "t.yml").write_text("cases: []\n")
    (folder / ".hidden").write_text("mine\n")
    return folder


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path / "state" / "generations")


def keep(archive, name, rules, at=NOON):
    assert archive.keep(name, rules, at, unchanged=lambda: True)
    archive.set_current(name)


def test_what_was_kept_is_there_with_its_tables_and_time(archive, rules):
    keep(archive, ONE, rules)
    kept = archive.get(ONE)
    assert (kept.generation, kept.at, kept.current) == (ONE, NOON, True)
    assert (kept.folder / "a.yml").read_text() == "one\n"
    assert (kept.folder / "tests" / "t.yml").exists()
    assert not (kept.folder / ".hidden").exists()


def test_nobody_else_can_look(archive, rules):
    keep(archive, ONE, rules)
    folder = archive.get(ONE).folder
    assert [path.stat().st_mode & 0o777 for path in (folder, folder.parent, folder.parent.parent)] == [0o700] * 3


def test_a_generation_is_kept_once_and_never_changed(archive, rules):
    keep(archive, ONE, rules)
    (rules / "a.yml").write_text("# a remark\none\n")
    keep(archive, ONE, rules, NOON + timedelta(days=1))
    assert (archive.get(ONE).folder / "a.yml").read_text() == "one\n"
    assert archive.get(ONE).at == NOON


def test_files_that_change_while_they_are_read_are_not_kept(archive, rules):
    assert not archive.keep(ONE, rules, NOON, unchanged=lambda: False)
    assert archive.all() == []
    assert list(rules.parent.glob("state/generations/*")) == []


def test_the_newest_is_first_and_one_is_current(archive, rules):
    assert (archive.all(), archive.current()) == ([], None)
    keep(archive, TWO, rules)
    keep(archive, ONE, rules, NOON + timedelta(hours=1))
    assert [(one.generation, one.current) for one in archive.all()] == [(ONE, True), (TWO, False)]


@pytest.mark.parametrize("name", ["", "1", "1111111", "1" * 12, "sha256:" + "1" * 12, "3" * 12, "../../etc"])
def test_a_name_that_is_short_unknown_or_of_several_is_none(archive, rules, name):
    keep(archive, ONE, rules)
    keep(archive, TWO, rules)
    with pytest.raises(NotFoundError):
        archive.get(name)
    assert archive.get("1" * 21).generation == ONE


@pytest.mark.parametrize(
    "tamper",
    [
        lambda folder: (folder / "a.yml").write_text("two\n"),
        lambda folder: (folder / "b.yml").write_text("more\n"),
        lambda folder: (folder / "a.yml").unlink(),
        lambda folder: (folder / "tests" / "t.yml").write_text("x"),
    ],
)
def test_a_generation_that_was_changed_is_not_given_out(archive, rules, tamper):
    keep(archive, ONE, rules)
    tamper(archive.get(ONE).folder)
    with pytest.raises(PolicyError, match="not what was archived"):
        archive.get(ONE)
    with pytest.raises(PolicyError, match="not what was archived"):
        archive.restore(ONE, rules, NOON)
    assert (rules / "a.yml").read_text() == "one\n"


def test_going_back_replaces_all_files_and_keeps_the_present_ones(archive, rules, tmp_path):
    keep(archive, ONE, rules)
    (rules / "a.yml").write_text("two\n")
    (rules / "b.yml").write_text("more\n")
    archive.restore(ONE, rules, NOON)
    assert sorted(path.name for path in rules.iterdir()) == [".hidden", "a.yml", "tests"]
    assert (rules / "a.yml").read_text() == "one\n"
    (kept,) = (tmp_path / "state" / "generations" / "replaced").iterdir()
    assert (kept / "a.yml").read_text() == "two\n"
    assert (kept / "b.yml").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rules", "state"]


@pytest.mark.parametrize("what", ["new", "old"])
def test_a_folder_that_cannot_be_replaced_stays_as_it_is(archive, rules, tmp_path, what):
    keep(archive, ONE, rules)
    (rules / "a.yml").write_text("two\n")
    in_the_way = tmp_path / f".rules.{os.getpid()}.{what}"
    in_the_way.mkdir()
    (in_the_way / "file").touch()
    with pytest.raises(PolicyError, match="could not be replaced"):
        archive.restore(ONE, rules, NOON)
    assert (rules / "a.yml").read_text() == "two\n"
    assert {path.name for path in tmp_path.iterdir()} - {in_the_way.name} == {"rules", "state"}


def test_passing_tables_is_remembered_for_exactly_these_tables(archive, rules):
    keep(archive, ONE, rules)
    assert not archive.was_tested(ONE, rules)
    archive.note_tested(ONE, rules)
    assert archive.was_tested(ONE, rules)
    assert not archive.was_tested(TWO, rules)
    (rules / "tests" / "t.yml").write_text("cases: [] # other\n")
    assert not archive.was_tested(ONE, rules)
