"""What only reads: the modules, and the lookups, that leave everything as it is."""

from __future__ import annotations

from gate.catalog.playbook import Step

READ_ONLY = frozenset(
    f"ansible.builtin.{name}"
    for name in (
        "assert", "async_status", "debug", "fail", "find", "gather_facts", "getent", "include_tasks", "import_tasks",
        "meta", "mount_facts", "package_facts", "pause", "ping", "service_facts", "set_fact", "set_stats", "setup",
        "slurp", "stat", "validate_argument_spec", "wait_for", "wait_for_connection",
    )
)  # fmt: skip
COMMANDS = frozenset({"ansible.builtin.command", "ansible.builtin.shell"})
LOOKUPS = frozenset(
    {"config", "csvfile", "dict", "env", "file", "fileglob", "first_found", "indexed_items", "ini",
     "inventory_hostnames", "items", "list", "nested", "random_choice", "sequence", "subelements", "together", "vars",
     "varnames"}
)  # fmt: skip


def changes(step: Step) -> bool:
    """Whether the task could change the machine: everything does that is not known to read only."""
    if step.module in READ_ONLY or step.keywords.get("check_mode") is True:
        return False
    if step.module in COMMANDS:
        return step.task.get("changed_when") is not False
    if step.module == "ansible.builtin.uri" and isinstance(step.args, dict) and "module_defaults" not in step.keywords:
        return step.args.get("method", "GET") not in ("GET", "HEAD") or "dest" in step.args
    return True


def reads(lookup: str) -> bool:
    """Whether the lookup plugin of this name runs nothing, writes nothing and asks nobody."""
    return lookup.removeprefix("ansible.builtin.") in LOOKUPS
