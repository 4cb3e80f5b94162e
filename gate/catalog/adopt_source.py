"""Reads what `gate catalog adopt` makes an action of: a role with its argument specification, or a playbook."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from gate.catalog.argument_spec import MAX_SUMMARY
from gate.catalog.check_playbook import LOCAL_SOURCES
from gate.catalog.digest import files_of
from gate.catalog.playbook import Playbook, Step, inside, read_playbook, short
from gate.catalog.source import read_yaml
from gate.catalog.trace import is_template
from gate.catalog.undecided import MARK
from gate.values.errors import CatalogError

COPIED = ("tasks", "files", "templates", "library", "module_utils")
READ = ("defaults", "vars", "handlers", "meta", "tests", "molecule", "README.md", "LICENSE")
EVIDENCE = f"""\
    # {MARK}: look at what will be touched and record it, before anything is changed; name it in `resources`
    - name: Record the evidence
      ansible.builtin.set_stats:
        data:
          undo: {{resources: []}}
        per_host: true
        aggregate: false
"""
_TYPES = {bool: "bool", int: "int", float: "float", list: "list", dict: "dict"}
_COLLECTION = re.compile(r"([a-z][a-z0-9_]*\.[a-z][a-z0-9_]*)(\.[a-z0-9_]+)+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a role or playbook gives: texts, options, do.yml, and the files that belong to it, by their new place."""

    summary: str
    description: str
    options: dict[str, Any]
    do: str
    files: dict[str, Path] = field(default_factory=dict)
    collections: tuple[str, ...] = ()


def read_source(source: Path) -> Source:
    """The role in the folder, or the playbook in the file, `source`.

    Raises:
        CatalogError: it is neither, or cannot be read as plain YAML; links are refused.
    """
    if source.is_dir():
        return _role(source)
    if source.suffix in (".yml", ".yaml") and source.is_file():
        return _playbook(source)
    raise CatalogError(
        f"{source} is no role and no playbook.", "A role is a folder, a playbook a .yml file.", "Name one."
    )


def as_yaml(value: Any) -> str:
    """YAML text as people write it: block style, in the given order."""
    return yaml.safe_dump(_plain(value), sort_keys=False, allow_unicode=True, default_flow_style=False, width=110)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def _role(role: Path) -> Source:
    main = _one_of(role, "tasks/main")
    if main is None:
        raise CatalogError(f"{role} is no role.", "It has no tasks/main.yml.", "Name the folder of a role.")
    spec = _spec(role)
    defaults = _map(_one_of(role, "defaults/main"))
    options = {name: _option(raw, name, defaults) for name, raw in _as_map(spec.get("options")).items()}
    variables = {
        name: value for name, value in (defaults | _map(_one_of(role, "vars/main"))).items() if name not in options
    }
    files = {
        f"{top}/{name}": role / top / name for top in COPIED if (role / top).is_dir() for name in files_of(role / top)
    }
    summary, description = _words(spec, role.name)
    do = _play(summary, variables, f"tasks/{main.name}", _handlers(role), _left_out(role))
    return Source(
        summary=summary, description=description, options=options, do=do, files=files, collections=_collections(files)
    )


def _spec(role: Path) -> dict[str, Any]:
    specs = _map(_one_of(role, "meta/argument_specs")) or _map(_one_of(role, "meta/main"))
    return _as_map(_as_map(specs.get("argument_specs")).get("main"))


def _option(raw: Any, name: str, defaults: dict[str, Any]) -> Any:
    """The option, with what Ansible would take it for where nothing is said; what is refused is kept for a person."""
    if not isinstance(raw, dict):
        return raw
    made = {"type": "str", **raw}
    if name in defaults and "default" not in raw and raw.get("required") is not True:
        made["default"] = defaults[name]
    return made


def _play(summary: str, variables: dict[str, Any], main: str, handlers: str, left_out: list[str]) -> str:
    lines = [f"# {MARK}: {one}\n" for one in left_out]
    play = as_yaml([{"name": summary, "hosts": "all", **({"vars": variables} if variables else {})}])
    play += "  tasks:\n" + EVIDENCE + f"\n    - name: Do it\n      ansible.builtin.import_tasks: {main}\n"
    return "".join(["---\n", *lines, play, f"  handlers:\n{handlers}" if handlers else ""])


def _handlers(role: Path) -> str:
    file = _one_of(role, "handlers/main")
    handlers = read_yaml(file) if file else None
    return "".join(f"    {line}".rstrip() + "\n" for line in as_yaml(handlers).splitlines()) if handlers else ""


def _left_out(role: Path) -> list[str]:
    needs = _map(_one_of(role, "meta/main")).get("dependencies")
    open_points = [f"the role needs others, which are not followed: {needs}"] if needs else []
    names = sorted(path.name for path in role.iterdir() if path.name not in {*COPIED, *READ} and path.name[0] != ".")
    open_points += [f"{name} of the role was left out, since it is nothing of an action" for name in names]
    return [" ".join(point.split()) for point in open_points]


def _playbook(file: Path) -> Source:
    text, book = file.read_text("utf-8", "replace"), _followed(file)
    if not book.scopes:
        raise CatalogError(f"{file} is no playbook.", str(book.findings[0]) + ".", "Name a file with a list of plays.")
    meta = _map(_one_of(file.parent, f"{file.stem}.meta"))
    spec = next(iter(_as_map(meta.get("argument_specs")).values()), None)
    options = {name: _option(raw, name, {}) for name, raw in _as_map(_as_map(spec).get("options")).items()}
    if spec is None:
        options = {name: _from_value(value) for name, value in _variables(book).items()}
    summary, description = _words(meta | _as_map(spec), str(book.scopes[0][1].get("name") or file.stem))
    files = _taken(book, file)
    do = text if text.startswith("---") else f"---\n{text}"
    return Source(
        summary=summary, description=description, options=options, do=do, files=files, collections=_used(book)
    )


def _followed(file: Path) -> Playbook:
    try:
        return read_playbook(file.parent, file.name)
    except ValueError:  # what it includes lies elsewhere
        why = "A link among its task files leads out of its folder."
        raise CatalogError(f"{file} cannot be taken over.", why, "Put the file itself there.") from None


def _variables(book: Playbook) -> dict[str, Any]:
    plays = [scope for _, scope in book.scopes if "hosts" in scope]
    return {name: value for play in plays for name, value in _as_map(play.get("vars")).items()}


def _from_value(value: Any) -> dict[str, Any]:
    return {"type": _TYPES.get(type(value), "dict" if isinstance(value, dict) else "str"), "default": value}


def _taken(book: Playbook, playbook: Path) -> dict[str, Path]:
    """What the tasks take of the playbook's folder: task files, modules and what is copied, by its new place."""
    found = {
        _below("tasks", step.file.relative_to(book.folder)): step.file for step in book.steps if step.file != playbook
    }
    for step in book.steps:
        for place, origin in _sources(step):
            if (whole := book.folder / origin).resolve() != book.folder.resolve() / origin:
                continue  # a link leads somewhere else
            if whole.is_file():
                found.setdefault(place, whole)
            elif whole.is_dir():
                found |= {f"{place}/{name}": whole / name for name in files_of(whole)}
    shared = book.folder / "module_utils"
    if any(name.startswith("library/") for name in found) and shared.is_dir():
        found |= {f"module_utils/{name}": shared / name for name in files_of(shared)}
    return found


def _sources(step: Step) -> list[tuple[str, Path]]:
    """Places in the action, each with where in the playbook's folder Ansible looks for what belongs there."""
    name, args = short(step.module), step.args if isinstance(step.args, dict) else {}
    if "." not in step.module:
        own = f"library/{step.module}.py"
        return [(own, Path(own))]
    given = args.get("src")
    if name not in LOCAL_SOURCES or not isinstance(given, str) or args.get("remote_src") is True:
        return []
    path, top = Path(given), "templates" if name == "template" else "files"
    if is_template(given) or not inside(given) or not path.parts:
        return []
    return [(_below(top, path), Path(_below(top, path))), (_below(top, path), path)]


def _below(top: str, path: Path) -> str:
    return str(path if path.parts[0] in COPIED else top / path)


def _used(book: Playbook) -> tuple[str, ...]:
    found = {match[1] for step in book.steps if (match := _COLLECTION.fullmatch(step.module))}
    return tuple(sorted(found - {"ansible.builtin"}))


def _collections(files: dict[str, Path]) -> tuple[str, ...]:
    """The collections of a role's modules; each task file is read as the tasks of a play."""
    text = "\n".join(path.read_text("utf-8", "replace") for name, path in files.items() if name.startswith("tasks/"))
    keys = re.findall(r"(?m)^[ -]*([a-z][a-z0-9_]*\.[a-z][a-z0-9_]*)\.[a-z0-9_.]+:", text)
    return tuple(sorted(set(keys) - {"ansible.builtin"}))


def _words(spec: dict[str, Any], otherwise: str) -> tuple[str, str]:
    """One line, and a text, that say what it does."""
    told = spec.get("description") or ""
    description = " ".join(map(str, told)) if isinstance(told, list) else str(told)
    summary = " ".join(str(spec.get("short_description") or description.split(". ")[0] or otherwise).split())
    return summary[:MAX_SUMMARY], description.strip() or summary


def _one_of(folder: Path, name: str) -> Path | None:
    return next((file for end in (".yml", ".yaml") if (file := folder / f"{name}{end}").is_file()), None)


def _map(file: Path | None) -> dict[str, Any]:
    return _as_map(read_yaml(file)) if file else {}


def _as_map(raw: Any) -> dict[str, Any]:
    return raw if isinstance(raw, dict) else {}
