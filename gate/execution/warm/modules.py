"""Forks modules on local connections: `INTERPRETER modules.py SOCKET ANSIBLE FORKS`. Nothing but the standard library.

It runs under the interpreter that a host's modules run under, with Ansible's module library imported from the folder
ANSIBLE. A module arrives as the script that Ansible would have piped into that interpreter, library included. Where
the library that came along is the one that was imported, the imported one serves; where it is another, it is dropped.
"""

from __future__ import annotations

import atexit
import importlib
import os
import sys
import types
import zipfile
import zlib
from pathlib import Path
from typing import Any

sys.path[:] = [path for path in sys.path if path != os.path.dirname(os.path.abspath(__file__))]
OWN = ("ansible/__init__.py", "ansible/module_utils/__init__.py")  # made anew for each archive; they hold nothing
IMPORTED = (
    "ansible.module_utils.basic",
    "ansible.module_utils._internal._ansiballz._loader",
    "ansible.module_utils.common.file",
    "ansible.module_utils.common.text.converters",
    "ansible.module_utils.service",
    "ansible.modules",
    "base64",
    "encodings.cp437",  # of names in an archive
)
LOADER = "ansible.module_utils._internal._ansiballz._loader"


def import_library(ansible: Path) -> dict[str, int]:
    """Imports Ansible's module library from its folder; returns the checksum of each file of it."""
    sys.path.insert(0, str(ansible.parent))
    for name in IMPORTED:
        importlib.import_module(name)
    json: Any = importlib.import_module("ansible.module_utils.common.json")
    for direction in json.Direction:
        json.get_module_encoder("legacy", direction)
    sys.path.remove(str(ansible.parent))  # a module sees what its interpreter has, and no more
    files = [*ansible.glob("module_utils/**/*.py"), *ansible.glob("modules/**/*.py")]
    return {str(file.relative_to(ansible.parent)): zlib.crc32(file.read_bytes()) for file in files}


def play(_: list[str]) -> int:
    """Runs the script on our standard input, as this interpreter would have if it had been started for it."""
    atexit._clear()
    script = sys.stdin.read()
    sys.argv = ["-"]
    sys.path.insert(0, "")
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    code = 0
    try:
        exec(compile(script, "<stdin>", "exec"), main.__dict__)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        atexit._run_exitfuncs()
    return code


def use_what_is_imported(known: dict[str, int]) -> None:
    """From now on a module's archive is compared with the library, of whose files `known` has the checksums."""
    loader: Any = importlib.import_module(LOADER)
    plain = loader.run_module

    def run_module(*, modlib_path: str, **rest: Any) -> None:
        if _fits(modlib_path, known):
            for name in ("ansible.modules", "ansible.module_utils"):  # what only the archive has
                sys.modules[name].__path__.append(os.path.join(modlib_path, *name.split(".")))
            plain(modlib_path=modlib_path, **rest)
            return
        for name in [name for name in sys.modules if name.partition(".")[0] == "ansible"]:
            del sys.modules[name]
        importlib.import_module(LOADER).run_module(modlib_path=modlib_path, **rest)

    loader.run_module = run_module


def _fits(archive: str, known: dict[str, int]) -> bool:
    with zipfile.ZipFile(archive) as opened:
        entries = [one for one in opened.infolist() if one.filename.endswith(".py") and one.filename not in OWN]
    return all(_is_known(one, known) for one in entries if one.filename.startswith("ansible/"))


def _is_known(entry: zipfile.ZipInfo, known: dict[str, int]) -> bool:
    if entry.filename in known:
        return known[entry.filename] == entry.CRC
    # an action's own module or library file: it is found, unless it lies in a package that is imported already
    return os.path.dirname(entry.filename) in {"ansible/modules", "ansible/module_utils"}


def serve(path: str, ansible: str, forks: str) -> None:
    """Serves until the gate is gone. A module whose client is gone is ended, with all that it started."""
    from forkserver import ForkServer  # type: ignore[import-not-found]

    use_what_is_imported(import_library(Path(ansible)))
    release = Path(ansible) / "release.py"
    seen = release.stat()

    def stale() -> bool:
        return not release.exists() or release.stat().st_mtime_ns != seen.st_mtime_ns

    ForkServer(path, become=play, stale=stale, most=int(forks)).serve()


if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:0] = [here, os.path.dirname(here)]
    import boundaries  # type: ignore[import-not-found]
    import forkserver  # noqa: F401

    del sys.path[:2]
    boundaries.hold_as_told()
    serve(*sys.argv[1:4])
