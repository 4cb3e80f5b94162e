"""Modules that travel compiled: beside each Python file of a module's archive goes its bytecode.

A module's Python on the host compiles some fifty files at every task, which costs more than most tasks do. Another
Python version than ours passes over bytecode that is not its own and takes the source, which stays in the archive.
This reaches into ansible-core, so it is done in versions only that it was tried with.
"""

from __future__ import annotations

import base64
import dataclasses
import importlib.util
import io
import marshal
import zipfile
from typing import Any

TRIED = ("2.19.", "2.20.", "2.21.")
_UNCHECKED_HASH = 0b01  # the flags of a bytecode file whose source is not looked at
_HEADER = importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH.to_bytes(4, "little")


def compile_payloads() -> bool:
    """From now on, in this process, archives of modules hold bytecode too. False: this ansible-core was not tried."""
    import ansible
    from ansible.executor import module_common

    cached: Any = getattr(module_common, "_CachedModule", None)
    fields = {field.name for field in dataclasses.fields(cached)} if dataclasses.is_dataclass(cached) else set()
    if not ansible.__version__.startswith(TRIED) or "zip_data" not in fields:
        return False
    plain = cached.dump

    def dump(self: Any, path: str) -> None:
        plain(dataclasses.replace(self, zip_data=with_bytecode(self.zip_data)), path)

    cached.dump = dump
    return True


def with_bytecode(archive: bytes) -> bytes:
    """A base64 zip archive, with the bytecode of each Python file beside it."""
    source, target = zipfile.ZipFile(io.BytesIO(base64.b64decode(archive))), io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as out:
        for entry in source.infolist():
            text = source.read(entry)
            out.writestr(entry, text)
            if entry.filename.endswith(".py"):
                code = compile(text, entry.filename, "exec", dont_inherit=True)
                compiled = zipfile.ZipInfo(entry.filename + "c", entry.date_time)
                compiled.compress_type = zipfile.ZIP_DEFLATED
                out.writestr(compiled, _HEADER + importlib.util.source_hash(text) + marshal.dumps(code))
    return base64.b64encode(target.getvalue())
