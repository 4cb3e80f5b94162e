"""Starts the reader: an allow-listed environment, its own session, a time-out that takes its children along.

Ansible's own words do not get into an error, because they repeat lines of the inventory; the place and the kind do.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gate.inventory.digest import config_of
from gate.values.errors import InventoryError

_READER = Path(__file__).with_name("reader.py")
_PASSED = ("HOME", "PATH", "TMPDIR")
_FIXED = {
    "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "True",  # Ansible's default is to warn and go on with less
    "ANSIBLE_INVENTORY_UNPARSED_FAILED": "True",
    "ANSIBLE_NOCOLOR": "True",
    "LC_ALL": "C.UTF-8",
}
_NO_CONFIG = Path(__file__).with_name("ansible.cfg")  # empty: else Ansible looks in the home and in /etc
_PLACE = re.compile(
    r"^Origin: (/.*)$|parse inventory source (/.*)$|^(gate_\w+ of \S+) cannot be rendered", re.MULTILINE
)
_KNOWN = {
    "No closing quotation": "a quote is not closed",
    "YAML parsing failed": "it is no YAML",
    "Expected key=value": "a host's variable is not written as key=value",
    "Invalid host pattern": "a host's name is none",
    "Section [": "a section of an INI file is none",
    "is undefined": "a variable is undefined",
    "no vault secrets": "it is encrypted, and no vault password is given",
    "Decryption failed": "the vault password is wrong",
    "unknown plugin": "the plugin is not installed",
    "Permission denied": "it may not be read or run",
}


def read_in_child(source: Path, environment: Mapping[str, str], timeout_s: float) -> Any:
    """What the reader printed about `source`; `environment` is added to the few variables that are passed.

    Raises:
        InventoryError: with Ansible's own words.
    """
    given = {name: os.environ[name] for name in _PASSED if name in os.environ}
    given |= {**environment, **_FIXED, "ANSIBLE_CONFIG": str(config_of(source) or _NO_CONFIG)}
    child = subprocess.Popen(
        [sys.executable, "-I", str(_READER), str(source)],
        env=given,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        out, err = child.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        _kill(child)
        raise _unreadable(source, f"Reading it took more than {timeout_s:g} seconds.", "Look at its script.") from None
    except BaseException:
        _kill(child)
        raise
    if child.returncode != 0:
        raise _unreadable(source, told(err), f"`ansible-inventory -i {source} --list` prints Ansible's own words.")
    try:
        return json.loads(out)
    except ValueError:
        raise _unreadable(source, "The reader answered what is no JSON.", "Report this.") from None


def _kill(child: subprocess.Popen[bytes]) -> None:
    os.killpg(child.pid, signal.SIGKILL)  # a script's children too: they would keep the pipes open
    child.wait()
    for pipe in (child.stdout, child.stderr):
        if pipe is not None:
            pipe.close()


def _unreadable(source: Path, why: str, mend: str) -> InventoryError:
    return InventoryError(f"The inventory {source} cannot be read.", why, mend)


def told(err: bytes) -> str:
    """Where, and what of a few known things, Ansible's words say is wrong; never the words: a broken line can hold
    a password, and an error travels to agents.
    """
    text = err.decode("utf-8", "replace")
    places = dict.fromkeys("".join(found.groups("")) for found in _PLACE.finditer(text))
    known = [sentence for phrase, sentence in _KNOWN.items() if phrase in text]
    return f"Ansible fails at {', '.join(places) or 'an unnamed place'}: {'; '.join(known) or 'it is not readable'}."
