"""The values of a run's secrets, had on the executor's side: from its environment, the inventory, or a lookup.

A parameter says which secret by its name; the value is never in a parameter, a file, an argument or an event. What the
inventory keeps encrypted, or under the name of a secret, is had too, so that the redactor knows it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gate.execution.settings import RunSettings, SecretSource
from gate.inventory.child import told
from gate.inventory.sensitive import may_hold_secrets
from gate.values.errors import SecretError
from gate.values.secret_shapes import NAME

LEAST = 8  # characters of a value; a shorter one cannot be kept out of texts
READER = (sys.executable, "-I", str(Path(__file__).with_name("secret_reader.py")))
TIMEOUT_S = 60.0
_SAY = "`gate doctor` looks at every secret of the site."


@dataclass(frozen=True, slots=True)
class Found:
    """`values` by the names of secrets, and `hidden`: every other text of the inventory that is one."""

    values: Mapping[str, str] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()

    def all(self) -> Iterable[str]:
        """Everything that must not be told."""
        return (*self.values.values(), *self.hidden)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where secrets are had: `environment` holds those of `env`; `ansible` is the environment that Ansible reads in.

    A variable has to be the same for all `hosts`; if there are none, it has to be known for any host.
    """

    inventory: Path
    hosts: tuple[str, ...]
    environment: Mapping[str, str]
    ansible: Mapping[str, str]


def find(names: Iterable[str], settings: RunSettings, place: Place) -> Found:
    """The values of the secrets `names`, and what else must not be told.

    Raises:
        SecretError: one of them cannot be had, or the inventory's own cannot be read. Nothing may run then.
    """
    sources = {name: _source(name, settings) for name in names}
    values = {name: place.environment.get(one.env, "") for name, one in sources.items() if one.env is not None}
    asked = {name: source for name, source in sources.items() if source.env is None}
    hidden: tuple[str, ...] = tuple(_vault_passwords(settings))
    if asked or may_hold_secrets(place.inventory):
        answer = _read(asked, settings, place)
        for name, why in answer["wrong"].items():
            raise _missing(name, f"{sources[name]}: {why}")
        values |= answer["values"]
        hidden += tuple(answer["hidden"])
    for name, value in values.items():
        _refuse_short(name, value, sources[name])
    return Found(values, hidden)


def _source(name: str, settings: RunSettings) -> SecretSource:
    if name in settings.secrets:
        return settings.secrets[name]
    raise _missing(name, "gate.toml names none like this")


def _vault_passwords(settings: RunSettings) -> Iterable[str]:
    for file in settings.vault_files:
        try:
            if not file.stat().st_mode & 0o100:  # else it is a program
                yield file.read_text().strip()
        except (OSError, UnicodeDecodeError):
            continue  # Ansible will say so


def _read(asked: Mapping[str, SecretSource], settings: RunSettings, place: Place) -> dict[str, Any]:
    request = {
        "source": str(place.inventory),
        "hosts": list(place.hosts),
        "folder": settings.root,
        "variables": {name: one.variable for name, one in asked.items() if one.variable is not None},
        "lookups": {
            name: {"plugin": one.lookup, "terms": one.terms, "options": one.options}
            for name, one in asked.items()
            if one.lookup is not None
        },
        "secret_name": NAME,
    }
    child = subprocess.Popen(
        READER,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(place.ansible),
        cwd="/",
        start_new_session=True,
    )
    try:
        out, err = child.communicate(json.dumps(request).encode(), timeout=TIMEOUT_S)
        why = "" if child.returncode == 0 else told(err)
        answer: dict[str, Any] = {} if why else json.loads(out)
    except subprocess.TimeoutExpired:
        why = f"Reading them took more than {TIMEOUT_S:g} seconds."
    except ValueError:
        why = "The reader's answer is no JSON."
    finally:
        _end(child)
    if why:
        raise SecretError("The secrets of the inventory cannot be read.", why, f"Mend it; {_SAY}")
    return answer


def _end(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):  # what a lookup has started, too: it would keep the pipes open
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe is not None:
            pipe.close()


def _refuse_short(name: str, value: str, source: SecretSource) -> None:
    if not value:
        raise _missing(name, f"{source} is empty, or not there")
    if len(value.strip()) < LEAST:
        raise _missing(name, f"it has less than {LEAST} characters, too few to keep it out of what is written")


def _missing(name: str, why: str) -> SecretError:
    return SecretError(f"The secret {name} cannot be had.", f"{why[:1].upper()}{why[1:]}.", f"Mend it; {_SAY}")
