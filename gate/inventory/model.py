"""The inventory as values: hosts, groups, and what a name means. Pure.

Refused: names that are not plain (they could be taken for patterns), and a name of both a host and a group.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gate.values.errors import InventoryError

_OF_ANSIBLE = {"all", "ungrouped"}  # as a limit they mean every host
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,252}")
_VALUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_TAG = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")  # what a rule can name as tag.NAME
_MOST_TAGS = 64  # of one host


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryHost:
    """One machine. `groups` are all that it is in, parents too, without `all` and `ungrouped`.

    `local`: its tasks are processes of the machine that Ansible runs on.
    `tags` are those of `gate_tags`; none where the inventory does not set it.
    """

    name: str
    groups: frozenset[str]
    environment: str = "none"
    criticality: str = "none"
    local: bool = False
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """All hosts by name, the hosts of each group, and the digest of the source they were read from."""

    hosts: Mapping[str, InventoryHost]
    groups: Mapping[str, tuple[str, ...]]
    digest: str

    def local(self, names: Iterable[str]) -> tuple[str, ...]:
        """Which of these hosts are local."""
        return tuple(name for name in names if name in self.hosts and self.hosts[name].local)

    @property
    def tags(self) -> frozenset[str]:
        """Every tag that some host carries."""
        return frozenset().union(*(host.tags for host in self.hosts.values()))

    def resolve(self, names: Iterable[str]) -> tuple[InventoryHost, ...]:
        """The hosts that these names of hosts and groups mean: each once, sorted by name.

        Raises:
            InventoryError: an unknown name (with what was probably meant), or a group without hosts.
        """
        found = {host for name in names for host in self._of(name)}
        return tuple(self.hosts[name] for name in sorted(found))

    def _of(self, name: str) -> tuple[str, ...]:
        if name in self.hosts:
            return (name,)
        if name not in self.groups:
            near = difflib.get_close_matches(name, [*self.hosts, *self.groups], 1)
            mean = f"Did you mean {near[0]}? " if near else ""
            raise InventoryError(
                f"{name!r} is no host and no group.",
                "The inventory does not have it.",
                f"{mean}`gate inventory list` shows the names.",
            )
        if not self.groups[name]:
            raise InventoryError(
                f"The group {name} has no hosts.", "There would be nothing to do it on.", "Name another target."
            )
        return self.groups[name]


def build(content: Any, digest: str) -> Inventory:
    """The inventory from what the reader printed.

    Args:
        content: {"hosts": {name: {"groups": [...], "environment": ..., "criticality": ..., "tags": [...],
            "local": bool}},
            "groups": {name: [host]}}.
        digest: of the source it was read from.

    Raises:
        InventoryError: a name that is not plain, a name of both kinds, or a wrong environment, criticality or tag.
        KeyError, TypeError, AttributeError: this is no output of the reader.
    """
    hosts = {name: _host(name, raw) for name, raw in content["hosts"].items()}
    groups = {name: tuple(sorted(members)) for name, members in content["groups"].items()}
    for name in groups:
        _refuse_pattern("group", name)
    for name in sorted(hosts.keys() & groups.keys()):
        raise InventoryError(
            f"{name!r} is both a host and a group.",
            "An approval of the one could run on the other.",
            "Give one of them another name; `ansible_host` keeps the address.",
        )
    return Inventory(hosts=hosts, groups=groups, digest=digest)


def _host(name: str, raw: Any) -> InventoryHost:
    _refuse_pattern("host", name)
    return InventoryHost(
        name=name,
        groups=frozenset(raw["groups"]),
        environment=_value(name, "gate_environment", raw["environment"]),
        criticality=_value(name, "gate_criticality", raw["criticality"]),
        local=raw["local"] is True,
        tags=_tags(name, raw["tags"]),
    )


def _refuse_pattern(kind: str, name: str) -> None:
    if _NAME.fullmatch(name) is None or (kind == "host" and name.lower() in _OF_ANSIBLE):
        raise InventoryError(
            f"The {kind} {name!r} has no plain name.",
            "Ansible could take it for a pattern, which means other hosts than a person saw.",
            "Name it with letters, digits and _ . - and keep the address in `ansible_host`.",
        )


def _value(host: str, variable: str, raw: Any) -> str:
    text = str(raw) if isinstance(raw, str | int) and not isinstance(raw, bool) else ""
    if _VALUE.fullmatch(text) is None:
        # the value itself stays unsaid: a template could have rendered a secret
        raise InventoryError(
            f"{variable} of {host} is no plain word.",
            "Rules compare it with words such as prod or staging; the gate does not guess.",
            f"Set {variable} to letters, digits and _ . - (64 characters at most).",
        )
    return text


def _tags(host: str, raw: Any) -> frozenset[str]:
    words = raw if isinstance(raw, list) else None
    if (
        words is None
        or len(words) > _MOST_TAGS
        or not all(isinstance(one, str) and _TAG.fullmatch(one) for one in words)
    ):
        raise InventoryError(
            f"gate_tags of {host} is no list of plain words.",
            "Rules ask for a tag by its name; a tag that is misread would be one that no rule sees.",
            f"Write `gate_tags: [pci, canary]`: letters, digits, _ and - (63 characters, {_MOST_TAGS} tags at most).",
        )
    return frozenset(words)
