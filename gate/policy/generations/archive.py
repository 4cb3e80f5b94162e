"""Every generation of rules that ever decided, as files: to explain and replay old decisions, and to go back.

A generation is archived before it decides, and never changed after. What comes out of the archive is what went in: the
digest of each file is kept beside it and compared. The folder is for its owner alone.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from gate.values.canonical import canonical, digest, digest_bytes
from gate.values.clock import from_stamp, stamp
from gate.values.errors import NotFoundError, PolicyError

_TESTS = "tests"
_SHORTEST = 8  # characters of a digest that name a generation


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One archived generation: when it was first loaded, its rules folder, and whether it decides now."""

    generation: str
    at: datetime
    folder: Path
    current: bool

    def as_json(self) -> dict[str, Any]:
        return {"generation": self.generation, "at": stamp(self.at), "current": self.current}


class Archive:
    """The folder of generations; it is made when it is first written to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, generation: str, rules: Path, now: datetime, *, unchanged: Callable[[], bool]) -> bool:
        """Archives the files of `rules` as this generation; one that is there stays as it is.

        Returns False, and keeps nothing, if the files are not those any more that the generation was read from.
        """
        place = self._place(generation)
        if place.exists():
            return unchanged()
        draft = self._draft(generation)
        copy_rules(rules, draft / "rules")
        about = {"generation": generation, "at": stamp(now), "files": dict(_digests(draft / "rules"))}
        (draft / "generation.json").write_text(canonical(about))
        sound = unchanged()
        try:
            if sound:
                draft.rename(place)
        except OSError:
            if not place.exists():  # otherwise somebody else was faster, and theirs is as good
                raise
        shutil.rmtree(draft, ignore_errors=True)
        return sound

    def set_current(self, generation: str) -> None:
        """Notes which generation decides now."""
        if self.current() != generation:
            self._write(self._folder / "current", generation)

    def current(self) -> str | None:
        """The generation that decided last; None if there was none."""
        try:
            return (self._folder / "current").read_text().strip() or None
        except FileNotFoundError:
            return None

    def note_tested(self, generation: str, rules: Path) -> None:
        """Notes that the rules passed the tables that lie beside them."""
        self._write(self._place(generation) / "tested", _tables(rules))

    def was_tested(self, generation: str, rules: Path) -> bool:
        """Whether the rules have passed exactly these tables before."""
        try:
            return (self._place(generation) / "tested").read_text() == _tables(rules)
        except OSError:
            return False

    def all(self) -> list[Generation]:
        """Every generation, the newest first."""
        current = self.current()
        found = [_read(place, current) for place in self._folder.glob("*/") if (place / "generation.json").is_file()]
        return sorted(found, key=lambda one: (one.at, one.generation), reverse=True)

    def get(self, name: str) -> Generation:
        """The generation of this digest, or of an unambiguous beginning of it.

        Raises:
            NotFoundError: none, or several.
            PolicyError: its files are not what was archived.
        """
        begin = name.removeprefix("sha256:")
        every = self.all() if len(begin) >= _SHORTEST else []
        found = [one for one in every if one.generation.removeprefix("sha256:").startswith(begin)]
        if len(found) != 1:
            raise NotFoundError(
                f"There is no generation {name!r}." if not found else f"{name!r} could be several generations.",
                f"A generation is named by {_SHORTEST} or more characters of its digest.",
                "`gate policy generations` lists them.",
            )
        _refuse_changed(found[0])
        return found[0]

    def restore(self, name: str, rules: Path, now: datetime) -> Generation:
        """Makes an archived generation the rules folder again; what was there is kept beside the generations.

        Raises:
            NotFoundError, PolicyError: as `get`, or the folder cannot be replaced; the rules are as they were.
        """
        wanted = self.get(name)
        kept = self._folder / "replaced" / stamp(now).replace(":", "")
        try:
            shutil.copytree(rules, kept)
            _replace(rules.resolve(), wanted.folder)
        except (OSError, shutil.Error) as wrong:
            raise PolicyError(
                f"{rules} could not be replaced by generation {wanted.generation[:19]}.",
                f"{wrong}.",
                "The rules are as they were. Mend the rights of the folder that it lies in, or its disk.",
            ) from wrong
        return wanted

    def _place(self, generation: str) -> Path:
        return self._folder / generation.removeprefix("sha256:")

    def _draft(self, generation: str) -> Path:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self._folder / f".{generation.removeprefix('sha256:')}.{os.getpid()}"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        return draft

    def _write(self, path: Path, text: str) -> None:
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.write_text(text)
        draft.replace(path)


def copy_rules(source: Path, to: Path) -> None:
    """Copies the files that make a rules folder: those that lie in it, and its tables. Hidden ones are left out."""
    to.mkdir(mode=0o700)
    for folder in (source, source / _TESTS):
        place = to / folder.relative_to(source)
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.is_file() and not path.name.startswith("."):
                place.mkdir(mode=0o700, exist_ok=True)
                shutil.copyfile(path, place / path.name)


def _replace(rules: Path, wanted: Path) -> None:
    """Puts a copy of the folder `wanted` in the place of `rules`, all of it or nothing; hidden files stay."""
    fresh, old = (rules.with_name(f".{rules.name}.{os.getpid()}.{what}") for what in ("new", "old"))
    try:
        copy_rules(wanted, fresh)
        for hidden in (path for path in rules.iterdir() if path.name.startswith(".")):
            (shutil.copytree if hidden.is_dir() else shutil.copy2)(hidden, fresh / hidden.name)
        rules.rename(old)
        try:
            fresh.rename(rules)
        except OSError:
            old.rename(rules)
            raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)  # it is kept elsewhere, and the rules are in place


def _digests(rules: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(rules.rglob("*")):
        if path.is_file():
            yield path.relative_to(rules).as_posix(), digest_bytes(path.read_bytes())


def _tables(rules: Path) -> str:
    folder = rules / _TESTS
    return digest(dict(_digests(folder))) if folder.is_dir() else digest({})


def _about(place: Path) -> Mapping[str, Any]:
    about: Mapping[str, Any] = json.loads((place / "generation.json").read_text())
    return about


def _read(place: Path, current: str | None) -> Generation:
    about = _about(place)
    return Generation(
        generation=about["generation"],
        at=from_stamp(about["at"]),
        folder=place / "rules",
        current=about["generation"] == current,
    )


def _refuse_changed(kept: Generation) -> None:
    if dict(_digests(kept.folder)) != _about(kept.folder.parent)["files"]:
        raise PolicyError(
            f"The archived generation {kept.generation[:19]} is not what was archived.",
            f"A file below {kept.folder} was changed, added or taken away.",
            "Do not use it. Restore that folder from a backup.",
        )
