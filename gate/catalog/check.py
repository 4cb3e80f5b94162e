"""`gate catalog check`: everything that is wrong in an action's folder, with file, line, reason and mend.

The same inspection decides whether the catalog offers the action: what has a finding that is no warning is not offered.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gate.catalog.argument_spec import ArgumentSpec, read_argument_spec
from gate.catalog.check_playbook import check_playbook, tainted_names
from gate.catalog.check_preview import check_preview
from gate.catalog.check_secrets import check_secrets
from gate.catalog.digest import files_of
from gate.catalog.finding import BrokenActionError, Finding, finding
from gate.catalog.manifest import Manifest, read_manifest
from gate.catalog.names import refused_name
from gate.catalog.playbook import Playbook, Step, read_playbook, short
from gate.catalog.proof_cases import check_cases
from gate.catalog.reading import changes, reads
from gate.catalog.trace import code_with, expressions, lookups_in
from gate.catalog.undecided import undecided

FILES = frozenset(
    {
        *("action.yml", "do.yml", "do.meta.yml", "undo.yml", "undo.meta.yml", "verify.yml", "verify.meta.yml"),
        *("proof.yml", "README.md"),
    }
)
FOLDERS = frozenset({"files", "templates", "tasks", "library", "module_utils", "molecule"})
PLAYBOOKS = ("do.yml", "undo.yml", "verify.yml")
MAX_TEMPLATE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a folder says, as far as it can be read, and what is wrong with it."""

    manifest: Manifest | None
    spec: ArgumentSpec | None
    findings: tuple[Finding, ...]


def check_action(folder: Path) -> list[Finding]:
    """All findings of an action's folder, warnings included, by file and line."""
    return list(inspect(folder).findings)


def inspect(folder: Path) -> Inspection:
    """Reads an action's folder; never raises for what is in it."""
    findings: list[Finding] = []
    try:
        files = files_of(folder)
    except BrokenActionError as wrong:
        return Inspection(None, None, wrong.findings)
    manifest, spec = _read(folder, files, findings)
    findings += _strange(folder, files)
    findings += _missing(folder, files, manifest)
    books = {name: read_playbook(folder, name) for name in PLAYBOOKS if name in files}
    parameters = frozenset(spec.parameters.options if spec else ())
    collections = frozenset(manifest.requires.collections if manifest else ())
    hidden = frozenset(name for name, option in spec.parameters.options.items() if option.no_log) if spec else None
    for book in books.values():
        findings += check_playbook(book, parameters, collections)
        findings += check_preview(book)
        findings += check_secrets(book, hidden) if hidden else []
    if "do.yml" in books and not (manifest and manifest.reversibility == "none"):
        findings += _evidence(books["do.yml"])
    if "verify.yml" in books:
        findings += _verify(books["verify.yml"])
    findings += undecided(folder, files)
    findings += check_cases(folder, spec.parameters if spec else None)
    tainted = frozenset().union(*(tainted_names(book, parameters) for book in books.values()))
    findings += _templates(folder, files, tainted)
    ordered = sorted(set(findings), key=lambda found: (found.warning, str(found.file), found.line, found.rule))
    return Inspection(manifest, spec, tuple(ordered))


def _read(folder: Path, files: list[str], findings: list[Finding]) -> tuple[Manifest | None, ArgumentSpec | None]:
    manifest, spec = None, None
    try:
        manifest = read_manifest(folder) if "action.yml" in files else None
    except BrokenActionError as wrong:
        findings += wrong.findings
    try:
        spec = read_argument_spec(folder) if "do.meta.yml" in files else None
    except BrokenActionError as wrong:
        findings += wrong.findings
    return manifest, spec


def _strange(folder: Path, files: list[str]) -> Iterator[Finding]:
    if why := refused_name(folder.name):
        yield finding(folder, 1, "folder", f"the folder's name, which is the action's, {why}")
    for top in sorted({name.split("/", 1)[0] for name in files if "/" in name} - FOLDERS):
        yield finding(folder / top, 1, "folder", f"{top}/ is no folder of an action")
    for name in files:
        if "/" not in name and name not in FILES:
            yield finding(folder / name, 1, "folder", f"{name} is no file of an action")


def _missing(folder: Path, files: list[str], manifest: Manifest | None) -> Iterator[Finding]:
    irreversible = manifest is not None and manifest.reversibility == "none"
    for name in ("action.yml", "do.yml", "do.meta.yml", "undo.yml"):
        if name not in files and not (name == "undo.yml" and irreversible):
            yield finding(folder / name, 1, "missing-file", f"{name} is missing")


def _evidence(book: Playbook) -> Iterator[Finding]:
    recorded = next((step for step in book.steps if step.main and _records(step)), None)
    if recorded is None:
        yield finding(book.folder / "do.yml", 1, "evidence", "nothing is recorded for undo")
        return
    for step in book.steps:
        if step is recorded:
            break
        if changes(step):
            yield finding(
                step.file, step.line, "evidence", f"{step.module} changes something before evidence is recorded"
            )
    where, keywords = (recorded.file, recorded.line), recorded.keywords
    if recorded.args.get("per_host") is not True:
        yield finding(*where, "evidence", "the evidence is not recorded per host")
    for key in ("no_log", "run_once", "delegate_to"):
        if keywords.get(key) not in (None, False):
            yield finding(*where, "evidence", f"the evidence is recorded with {key}")
    if "when" in keywords:
        yield finding(*where, "evidence-condition", "the evidence is recorded on a condition")


def _records(step: Step) -> bool:
    data = step.args.get("data") if isinstance(step.args, dict) else None
    return short(step.module) == "set_stats" and isinstance(data, dict) and "undo" in data


def _verify(book: Playbook) -> Iterator[Finding]:
    for step in book.steps:
        if changes(step):
            yield finding(step.file, step.line, "verify", f"{step.module} could change something")


def _templates(folder: Path, files: list[str], tainted: frozenset[str]) -> Iterator[Finding]:
    # the template module renders these on the gate's own machine
    for name in files:
        if not name.endswith(".j2") and not name.startswith("templates/"):
            continue
        text = (folder / name).read_bytes()[:MAX_TEMPLATE].decode("utf-8", "replace")
        for expression in expressions(text):
            line = text.count("\n", 0, text.find(expression)) + 1
            if not all(map(reads, lookups_in(expression))):
                yield finding(folder / name, line, "lookup", "a lookup does more than read, or it is not said which")
            if names := code_with(expression, tainted):
                what = f"{', '.join(sorted(names))} reaches a lookup or another template"
                yield finding(folder / name, line, "parameter-flow", what)
