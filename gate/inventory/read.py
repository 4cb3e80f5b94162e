"""Reads the inventory once and remembers it: a warm read starts no process and imports no Ansible."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gate.inventory.child import read_in_child
from gate.inventory.digest import digest_source, inventory_digest
from gate.inventory.model import Inventory, build
from gate.values.canonical import digest_bytes
from gate.values.clock import Clock, SystemClock, from_stamp, stamp
from gate.values.errors import InventoryError

_FORMAT = 2
_TRIES = 3


class InventoryReader:
    """The inventory at `source`, remembered in the folder `cache`.

    Args:
        source: a file or folder that Ansible can read as an inventory.
        cache: a folder of the gate's own; made if it is not there.
        ttl_s: for how long the answer of a dynamic source (script, plugin, template) is taken again, in seconds.
        timeout_s: how long Ansible may take, in seconds.
        environment: variables that a script or plugin needs, such as credentials; nothing else is passed on.
    """

    def __init__(
        self,
        source: Path,
        cache: Path,
        *,
        ttl_s: float = 30,
        timeout_s: float = 60,
        environment: Mapping[str, str] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._source = Path(os.path.abspath(source))  # noqa: PTH100  (resolve would follow links away from group_vars)
        self._ttl = timedelta(seconds=ttl_s)
        self._timeout_s = timeout_s
        self._environment = dict(environment or {})
        self._clock = clock or SystemClock()
        self._file = cache / f"inventory-{digest_bytes(os.fsencode(self._source))[7:23]}.json"
        if "," in str(self._source):
            raise InventoryError(
                f"The inventory {self._source} has a comma in its path.",
                "Ansible would take it for a list of hosts.",
                "Rename the folder.",
            )

    def digest(self) -> str:
        """The digest of the source now, quickly: equal to `read().digest` if nothing changed since.

        Raises:
            InventoryError: the source is not there.
        """
        return inventory_digest(self._source)

    def read(self) -> Inventory:
        """The inventory: from the cache if the source is unchanged (and, where it is dynamic, young enough).

        Raises:
            InventoryError: with the place and the mend; a part of an inventory is never returned.
        """
        now = self._clock.now()
        digest, dynamic = digest_source(self._source)
        return self._remembered(digest, now) or self._read_anew(digest, dynamic=dynamic, now=now)

    def _remembered(self, digest: str, now: datetime) -> Inventory | None:
        try:
            kept = json.loads(self._file.read_bytes())
            age = now - from_stamp(kept["read_at"])
            fresh = not kept["dynamic"] or timedelta() <= age <= self._ttl
            if kept["format"] == _FORMAT and kept["digest"] == digest and fresh:
                return build(kept["content"], digest)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, InventoryError):
            pass  # no cache, or a broken one: read anew
        return None

    def _read_anew(self, digest: str, *, dynamic: bool, now: datetime) -> Inventory:
        for _ in range(_TRIES):
            content = read_in_child(self._source, self._environment, self._timeout_s)
            made = self._built(content, digest)
            after, dynamic_after = digest_source(self._source)
            if after == digest:
                self._remember(content, digest, dynamic=dynamic or content.get("templated") is not False, now=now)
                return made
            digest, dynamic = after, dynamic_after
        raise InventoryError(
            f"The inventory {self._source} changes while it is read.",
            f"It was another one after each of {_TRIES} readings.",
            "Wait until whatever writes it has finished.",
        )

    def _built(self, content: Any, digest: str) -> Inventory:
        try:
            made = build(content, digest)
        except (KeyError, TypeError, AttributeError):
            raise InventoryError(
                f"The inventory {self._source} cannot be read.",
                "The reader's answer has a wrong shape.",
                "Report this.",
            ) from None
        if not made.hosts:
            raise InventoryError(
                f"The inventory {self._source} has no hosts.",
                "An empty inventory is mostly one that was not found.",
                "Add a host, or name another file or folder in gate.toml.",
            )
        return made

    def _remember(self, content: Any, digest: str, *, dynamic: bool, now: datetime) -> None:
        kept = {"format": _FORMAT, "digest": digest, "dynamic": dynamic, "read_at": stamp(now), "content": content}
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write_whole(self._file, json.dumps(kept).encode())
        except OSError as wrong:
            raise InventoryError(
                f"The inventory cannot be remembered in {self._file.parent}.",
                f"{wrong.strerror or wrong}.",
                "Make the folder writable for the gate.",
            ) from None


def _write_whole(file: Path, content: bytes) -> None:
    # mkstemp makes it 0600; a reader sees the old file or the new one, never a part
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
