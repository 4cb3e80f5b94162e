"""`gate catalog adopt`: an action's folder made of a role or playbook, with all that is still open marked.

What is marked with `TODO(gate)`, or refused for another reason, keeps the action from being offered.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from gate.catalog.adopt_source import Source, as_yaml, read_source
from gate.catalog.check import check_action
from gate.catalog.finding import Finding
from gate.catalog.names import refused_name
from gate.catalog.undecided import MARK
from gate.values.errors import CatalogError

ACTION = f"""\
---
risk: 100                      # {MARK}: 0-100, what can go wrong
targets: {{groups: [], max_hosts: 1}}   # {MARK}: on hosts of which groups, and how many at once
reversibility: full            # {MARK}: full, or partial or none with reversibility_reason
check: none                    # {MARK}: how far --check can be trusted: full, partial or none
on_failure: stop               # {MARK}: undo or stop
timeout_s: 300
undo_window: 7d
owner: nobody-yet              # {MARK}: who answers for it
"""
UNDO = f"""\
---
# {MARK}: bring back what do.yml changed, from the evidence; stop with `stale:` if somebody changed it since
- name: Take it back
  hosts: all
  gather_facts: false
  tasks:
    - name: Refuse, since nobody has written yet how it is taken back
      ansible.builtin.fail:
        msg: Nobody has written yet how NAME is taken back. Nothing was changed.
"""
VERIFY = f"""\
---
# {MARK}: look whether the change holds, or take this file away
- name: Check that it holds
  hosts: all
  gather_facts: false
  tasks:
    - name: Refuse, since nobody has written yet what is looked at
      ansible.builtin.fail:
        msg: Nobody has written yet how NAME is verified.
"""
README = f"""\
# NAME

SUMMARY

**Not for** {MARK}: when people should take something else.

**Evidence** and **undo** {MARK}: what is recorded, and what is brought back.
"""


@dataclass(frozen=True, slots=True)
class Adopted:
    """The folder that was made, or would be; its files, relative; and all that keeps the action from being offered."""

    folder: Path
    files: tuple[str, ...]
    findings: tuple[Finding, ...]
    written: bool


def adopt(source: Path, parent: Path, name: str = "", *, dry_run: bool = False) -> Adopted:
    """Makes the folder `parent`/`name` of the role or playbook at `source`, whole or not at all.

    Without a `name` it is the role's or playbook's own. With `dry_run` nothing is made.

    Raises:
        CatalogError: there is no such role or playbook, it cannot be read, the name is none for an action, there is
            such a folder, or it cannot be written.
    """
    name = name or _name_of(source.resolve())
    if why := refused_name(name):
        raise CatalogError(f"{name!r} is no name of an action.", f"It {why}.", "Give a name behind the source.")
    folder = parent / name
    if folder.exists() or folder.is_symlink():
        raise CatalogError(f"{folder} is there already.", "Nothing is overwritten.", "Choose another name.")
    try:
        read = read_source(source)
        if not dry_run:
            parent.mkdir(parents=True, exist_ok=True)
        # begins with a dot: until it is whole, no catalog looks at it
        with tempfile.TemporaryDirectory(prefix=".adopt-", dir=None if dry_run else parent) as scratch:
            return _made(read, Path(scratch) / name, folder, dry_run=dry_run)
    except OSError as wrong:
        what = f"{folder} cannot be made from {source}."
        raise CatalogError(what, f"{wrong.filename}: {wrong.strerror}.", "Choose another place.") from None


def _name_of(source: Path) -> str:
    # of a collection's role, namespace.collection.role, the last part
    own = source.name.rsplit(".", 1)[-1] if source.is_dir() else source.stem
    return own.lower().replace("-", "_")


def _made(source: Source, scratch: Path, folder: Path, *, dry_run: bool) -> Adopted:
    scratch.mkdir()
    for file, text in _texts(source, scratch.name).items():
        (scratch / file).write_text(text)
    for file, origin in source.files.items():
        (scratch / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(origin, scratch / file, follow_symlinks=False)
    for file in ("do.meta.yml", "do.yml"):
        _mark(scratch / file, [one for one in check_action(scratch) if one.file == scratch / file])
    files = tuple(sorted(str(path.relative_to(scratch)) for path in scratch.rglob("*") if path.is_file()))
    findings = tuple(replace(one, file=folder / one.file.relative_to(scratch)) for one in check_action(scratch))
    if not dry_run:
        scratch.rename(folder)
    return Adopted(folder, files, findings, written=not dry_run)


def _texts(source: Source, name: str) -> dict[str, str]:
    needed = f"requires: {{collections: [{', '.join(source.collections)}]}}\n" if source.collections else ""
    spec = {"short_description": source.summary, "options": source.options}
    meta = {
        "short_description": source.summary,
        "description": source.description,
        "argument_specs": {name: spec},
    }
    texts = {"action.yml": ACTION + needed, "do.meta.yml": f"---\n{as_yaml(meta)}", "do.yml": source.do}
    texts |= {"undo.yml": UNDO, "verify.yml": VERIFY, "README.md": README.replace("SUMMARY", source.summary)}
    own = {"undo.yml", "verify.yml", "README.md"}
    return {file: text.replace("NAME", name) if file in own else text for file, text in texts.items()}


def _mark(file: Path, findings: list[Finding]) -> None:
    """Writes above each line that the catalog refuses what a person has to do about it."""
    lines = file.read_text().splitlines(keepends=True)
    for line, marks in sorted(_by_line(findings), reverse=True):
        margin = lines[line][: len(lines[line]) - len(lines[line].lstrip(" "))] if line < len(lines) else ""
        lines[line:line] = [f"{margin}# {MARK}: {mark}\n" for mark in marks]
    file.write_text("".join(lines))


def _by_line(findings: list[Finding]) -> Iterator[tuple[int, list[str]]]:
    refusals = [one for one in findings if not one.warning and one.rule != "undecided"]
    for line in {one.line for one in refusals}:
        yield line - 1, [" ".join(f"{one.what}. {one.mend}".split()) for one in refusals if one.line == line]
