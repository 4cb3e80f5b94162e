"""Reads the catalog from disk. What is broken is reported and not offered; the rest is offered."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gate.catalog.action import Action, Targets
from gate.catalog.argument_spec import ArgumentSpec
from gate.catalog.check import inspect
from gate.catalog.collections import missing
from gate.catalog.digest import digest_folder, digest_undo
from gate.catalog.finding import BrokenActionError, Finding, broken
from gate.catalog.manifest import Manifest
from gate.values.errors import CatalogError, UnknownActionError

MAX_README = 64 * 1024  # characters
SecretsFor = Callable[[str], tuple[str, ...]]  # from an action's name to the secrets that it may be given


def _no_secrets(_: str) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Catalog:
    """The actions that can be wanted, by name, and the errors of those that are broken."""

    by_name: Mapping[str, Action]
    broken: tuple[CatalogError, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong in the actions that are broken."""
        return tuple(one for wrong in self.broken if isinstance(wrong, BrokenActionError) for one in wrong.findings)

    @property
    def actions(self) -> tuple[Action, ...]:
        """All actions, by name."""
        return tuple(self.by_name[name] for name in sorted(self.by_name))

    def get(self, name: str) -> Action:
        """The action of that name.

        Raises:
            UnknownActionError: with the name that was probably meant.
        """
        if name in self.by_name:
            return self.by_name[name]
        near = difflib.get_close_matches(name, list(self.by_name), 1)
        mean = f"Did you mean {near[0]}? " if near else ""
        raise UnknownActionError(
            f"The catalog has no action {name!r}.",
            "Only actions of the catalog can be asked for; broken ones are not offered.",
            f"{mean}`gate catalog list` shows the actions, `gate catalog check` what is broken.",
        )


def load_catalog(
    folders: Sequence[Path], secrets: SecretsFor = _no_secrets, collections: Sequence[Path] | None = None
) -> Catalog:
    """The actions of all subfolders of `folders` that have an action.yml.

    `secrets` says which of the site's secrets an action may be given; if nothing is said, none.
    `collections` are the places where those that an action requires must be; if nothing is said, nobody looks.
    A name that is there twice is broken in its later place.

    Raises:
        CatalogError: one of `folders` is no folder that can be read.
    """
    actions: dict[str, Action] = {}
    errors: list[CatalogError] = []
    for folder in (sub for top in folders for sub in _subfolders(top)):
        try:
            action = load_action(folder, secrets)
            if action.name in actions:
                raise broken(folder, 1, "folder", f"{action.name} is there already, in {actions[action.name].folder}")
            if collections is not None and (absent := missing(action.collections, collections)):
                what = f"{action.name} is not offered: {', '.join(absent)} is not installed here"
                raise broken(folder / "action.yml", 1, "collection-missing", what)
            actions[action.name] = action
        except CatalogError as wrong:
            errors.append(wrong)
    return Catalog(actions, tuple(errors))


def load_action(folder: Path, secrets: SecretsFor = _no_secrets) -> Action:
    """The action in `folder`, which may be given these of the site's secrets.

    Raises:
        BrokenActionError: it has findings that are no warnings.
    """
    digest, undo_digest = digest_folder(folder), digest_undo(folder)  # first: what changes later does not fit them
    seen = inspect(folder)
    refusals = [found for found in seen.findings if not found.warning]
    if refusals or seen.manifest is None or seen.spec is None:
        raise BrokenActionError(refusals)
    spec = replace(seen.spec, parameters=seen.spec.parameters.with_secrets(secrets(folder.name)))
    return _action(folder, seen.manifest, spec, digest, undo_digest)


def _action(folder: Path, manifest: Manifest, spec: ArgumentSpec, digest: str, undo_digest: str) -> Action:
    readme = folder / "README.md"
    return Action(
        name=folder.name,
        summary=spec.summary,
        description=spec.description,
        risk=manifest.risk,
        targets=Targets(groups=manifest.targets.groups, max_hosts=manifest.targets.max_hosts),
        reversibility=manifest.reversibility,
        reversibility_reason=manifest.reversibility_reason,
        check=manifest.check,
        on_failure=manifest.on_failure,
        timeout_s=manifest.timeout_s,
        grace_s=manifest.grace_s,
        undo_window=manifest.window,
        collections=manifest.requires.collections,
        owner=manifest.owner,
        phrases=manifest.phrases,
        parameters=spec.parameters,
        folder=folder,
        digest=digest,
        undo_digest=undo_digest,
        has_verify=(folder / "verify.yml").is_file(),
        readme=readme.read_text("utf-8", "replace")[:MAX_README] if readme.is_file() else "",
    )


def _subfolders(top: Path) -> list[Path]:
    try:
        return sorted(sub for sub in top.iterdir() if (sub / "action.yml").exists() and not sub.name.startswith("."))
    except OSError as wrong:
        raise CatalogError(
            f"The catalog folder {top} cannot be read.", f"{wrong.strerror}.", "Name a folder of actions in gate.toml."
        ) from None
