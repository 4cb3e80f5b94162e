"""The child process that reads secrets with Ansible's own code: `python -I secret_reader.py`, a request on stdin.

Request: `source` (the inventory), `hosts` (none: all, any may know a variable), `folder` (of the
relative paths of lookups), `variables` ({name: variable of the inventory}), `lookups` ({name: {plugin, terms,
options}}), `secret_name` (by which names of variables are known that hold a secret). Answer on stdout: `values` ({name:
text}), `wrong` ({name: why there is none}), `hidden` (what it keeps encrypted or under the name of a secret).

It imports nothing of the gate, and nobody but its parent sees what it prints.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from typing import Any

LEAST_DIGITS = 6  # of a number that is taken for a secret
NO_SECRETS = frozenset(  # which Ansible makes itself
    {"groups", "group_names", "hostvars", "vars", "inventory_hostname", "inventory_hostname_short", "inventory_dir",
     "inventory_file", "playbook_dir", "ansible_playbook_python", "ansible_version", "omit"}
)  # fmt: skip


def main() -> int:
    """One request, one answer. Exit code 1 and Ansible's words on stderr if the inventory cannot be read."""
    request = json.load(sys.stdin)
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what Ansible prints while it reads is no answer
    from ansible.errors import AnsibleError

    try:
        found = read(request)
    except AnsibleError as wrong:
        sys.stderr.write(f"{wrong}\n")
        return 1
    with answer:
        json.dump(found, answer)
    return 0


def read(request: dict[str, Any]) -> dict[str, Any]:
    """The answer to a request."""
    from ansible import constants
    from ansible.cli import CLI
    from ansible.inventory.manager import InventoryManager
    from ansible.plugins.loader import init_plugin_loader
    from ansible.vars.manager import VariableManager

    init_plugin_loader()
    loader, encrypted = _loader()
    loader.set_basedir(request["folder"])
    vaults = constants.DEFAULT_VAULT_IDENTITY_LIST
    loader.set_vault_secrets(CLI.setup_vault_secrets(loader, vault_ids=vaults, auto_prompt=False))
    inventory = InventoryManager(loader=loader, sources=[request["source"]])
    manager = VariableManager(loader=loader, inventory=inventory)
    hosts = request["hosts"] or [str(host.name) for host in inventory.list_hosts("all")]
    seen = {name: manager.get_vars(host=inventory.get_host(name)) for name in hosts}
    names = re.compile(request["secret_name"], re.IGNORECASE)
    values, wrong = _wanted(request, loader, seen)
    hidden = {text for variables in seen.values() for text in _of_host(variables, loader, names, encrypted)}
    hidden |= set(_of_files(encrypted))
    return {"values": values, "wrong": wrong, "hidden": sorted(hidden)}


def _loader() -> tuple[Any, list[str]]:
    """A loader of files, and the list to which it adds the text of each that was encrypted."""
    from ansible.parsing.dataloader import DataLoader
    from ansible.parsing.vault import is_encrypted_file

    encrypted: list[str] = []

    class Loader(DataLoader):  # type: ignore[misc]
        def get_text_file_contents(self, file_name: str, encoding: str | None = None) -> str:
            text: str = super().get_text_file_contents(file_name, encoding)
            with open(self.path_dwim(file_name), "rb") as file:  # noqa: PTH123
                if is_encrypted_file(file):
                    encrypted.append(str(text))
            return text

    return Loader(), encrypted


def _of_files(encrypted: list[str]) -> Iterator[str]:
    """Every text in files that were encrypted as a whole, if they are of YAML or JSON."""
    from ansible.errors import AnsibleError
    from ansible.parsing.dataloader import DataLoader

    for whole in encrypted:
        try:
            yield from (text for text, _ in _texts(DataLoader().load(whole)))
        except AnsibleError:
            continue  # an inventory of another kind: `_of_host` looks for its values


def _of_host(variables: dict[str, Any], loader: Any, names: re.Pattern[str], encrypted: list[str]) -> Iterator[str]:
    """Every text of a host's variables that was encrypted, as a whole or in its file, or has the name of a secret."""
    for name, value in variables.items():
        if name in NO_SECRETS:
            continue
        by_name = names.search(name) is not None
        for text, is_encrypted in _texts(value):
            if is_encrypted or any(text in whole for whole in encrypted):
                yield text
            if by_name:
                yield _rendered(text, variables, loader)


def _texts(value: Any) -> Iterator[tuple[str, bool]]:
    from ansible.parsing.vault import EncryptedString

    if isinstance(value, EncryptedString):
        yield str(value), True
    elif isinstance(value, str):
        yield str(value), False
    elif isinstance(value, int) and not isinstance(value, bool) and len(str(value)) >= LEAST_DIGITS:
        yield str(int(value)), False
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


def _rendered(text: str, variables: dict[str, Any], loader: Any) -> str:
    # of "{{ vault_password }}" the value, not the words; what cannot be rendered has none to be kept
    from ansible.errors import AnsibleError
    from ansible.template import Templar, trust_as_template

    try:
        return str(Templar(loader=loader, variables=variables).template(trust_as_template(text)))
    except AnsibleError:
        return text


def _wanted(
    request: dict[str, Any], loader: Any, seen: dict[str, dict[str, Any]]
) -> tuple[dict[str, str], dict[str, str]]:
    values: dict[str, str] = {}
    wrong: dict[str, str] = {}
    for name, variable in request["variables"].items():
        _keep(
            name,
            lambda variable=variable: _variable(variable, loader, seen, everywhere=bool(request["hosts"])),
            values,
            wrong,
        )
    for name, asked in request["lookups"].items():
        _keep(name, lambda asked=asked: _lookup(asked, loader, seen), values, wrong)
    return values, wrong


def _keep(name: str, find: Any, values: dict[str, str], wrong: dict[str, str]) -> None:
    from ansible.errors import AnsibleError

    try:
        found = find()
    except (AnsibleError, LookupError, ValueError, OSError) as failed:
        # its words could hold a part of the secret
        wrong[name] = "it is not there" if isinstance(failed, LookupError) else type(failed).__name__
        return
    if isinstance(found, str):
        values[name] = str(found)
    else:
        wrong[name] = "it is no text" if found is not None else "it is not the same on all hosts of the run"


def _variable(variable: str, loader: Any, seen: dict[str, dict[str, Any]], *, everywhere: bool) -> Any:
    from ansible.template import Templar

    known = {name: one for name, one in seen.items() if everywhere or variable in one}
    if not known:
        raise LookupError(variable)
    found = {str(Templar(loader=loader, variables=one).template(one[variable])) for one in known.values()}
    return found.pop() if len(found) == 1 or not everywhere else None


def _lookup(asked: dict[str, Any], loader: Any, seen: dict[str, dict[str, Any]]) -> Any:
    from ansible.plugins.loader import lookup_loader
    from ansible.template import Templar

    variables = next(iter(seen.values()), {})
    plugin = lookup_loader.get(asked["plugin"], loader=loader, templar=Templar(loader=loader, variables=variables))
    if plugin is None:
        raise LookupError(asked["plugin"])
    found = plugin.run(asked["terms"], variables=variables, **asked["options"])
    if len(found) != 1:
        raise ValueError(f"{len(found)} values")
    return found[0]


if __name__ == "__main__":
    sys.exit(main())
