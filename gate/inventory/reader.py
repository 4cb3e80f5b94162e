"""The child process: reads an inventory with Ansible's own code and prints names, groups and three variables as JSON.

Runs as `python -I reader.py SOURCE`; imports nothing of the gate. Of a host's other variables it only says whether
they make it this machine. What Ansible prints while it reads goes to stderr. Exit code 1 and a sentence on stderr where
it cannot be read.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

WANTED = {
    "environment": ("gate_environment", "none"),
    "criticality": ("gate_criticality", "none"),
    "tags": ("gate_tags", []),
}


def main() -> int:
    """Reads `argv[1]`; the answer is one JSON document on stdout."""
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    from ansible.errors import AnsibleError

    try:
        content = read(sys.argv[1])
    except AnsibleError as wrong:
        sys.stderr.write(f"{wrong}\n{_place(wrong)}\n")
        return 1
    with answer:
        json.dump(content, answer)
    return 0


def _place(wrong: BaseException | None) -> str:
    """Lines as Ansible writes them: `Origin: FILE:LINE:COLUMN`, of the error and all its causes."""
    places = []
    while wrong is not None:
        # the lines of the file itself, which would follow, stay here
        places += str(getattr(wrong, "_formatted_source_context", None) or "").splitlines()[:1]
        wrong = wrong.__cause__ or wrong.__context__
    return "\n".join(places)


def read(source: str) -> dict[str, Any]:
    """{"hosts": ..., "groups": ..., "templated": whether one of the variables is a template}."""
    from ansible import constants
    from ansible.cli import CLI
    from ansible.inventory.manager import InventoryManager
    from ansible.parsing.dataloader import DataLoader
    from ansible.plugins.loader import init_plugin_loader
    from ansible.vars.manager import VariableManager

    init_plugin_loader()
    loader = DataLoader()
    vaults = constants.DEFAULT_VAULT_IDENTITY_LIST
    loader.set_vault_secrets(CLI.setup_vault_secrets(loader, vault_ids=vaults, auto_prompt=False))
    inventory = InventoryManager(loader=loader, sources=[source])
    variables = VariableManager(loader=loader, inventory=inventory)
    hosts: dict[str, Any] = {}
    templated = False
    for host in inventory.list_hosts("all"):
        known, is_template = _known(host, loader, variables)
        above = sorted({str(group.name) for group in host.get_groups()} - {"all", "ungrouped"})
        hosts[str(host.name)] = {"groups": above, **known}
        templated |= is_template
    groups = {
        str(name): sorted(str(host.name) for host in group.get_hosts())
        for name, group in inventory.groups.items()
        if name not in {"all", "ungrouped"}
    }
    return {"hosts": hosts, "groups": groups, "templated": templated}


def _known(host: Any, loader: Any, variables: Any) -> tuple[dict[str, Any], bool]:
    from ansible.errors import AnsibleError
    from ansible.template import Templar

    found = variables.get_vars(host=host)
    templar = Templar(loader=loader, variables=found)
    # as it stands there: what a template would make of it can be another thing in each task
    known: dict[str, Any] = {"local": found.get("ansible_connection") == "local"}
    templated = False
    for name, (variable, default) in WANTED.items():
        raw = found.get(variable, default)
        templated |= bool(templar.is_template(raw))
        try:
            value = templar.template(raw)
        except AnsibleError as wrong:
            raise AnsibleError(f"{variable} of {host.name} cannot be rendered") from wrong
        known[name] = _plain(value)
    return known, templated


def _plain(value: Any) -> str | int | list[Any] | None:
    # Ansible's own kinds of text, numbers and lists become plain ones; what is none of these stays here
    if isinstance(value, list):
        return [str(one) if isinstance(one, str) else None for one in value]
    if isinstance(value, str):
        return str(value)
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else None


if __name__ == "__main__":
    sys.exit(main())
