"""Names that a parameter must not have, because Ansible, Jinja or the gate gives them a meaning."""

from __future__ import annotations

import keyword
import re

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_PREFIXES = ("ansible_", "gate_", "role_", "with_")

# what ansible-core lists as reserved: keywords of plays, blocks, roles and tasks, and the globals of its templates
_PLAYBOOK = """
    action always any_errors_fatal args async async_val become become_exe become_flags become_method become_user
    block changed_when check_mode collections connection cycler debugger delay delegate_facts delegate_to dict diff
    environment fact_path failed_when force_handlers gather_facts gather_subset gather_timeout handlers hosts
    ignore_errors ignore_unreachable joiner lipsum listen local_action lookup loop loop_control loop_with
    max_fail_percentage module_defaults name namespace no_log notify now omit order poll port post_tasks pre_tasks q
    query range register remote_user rescue retries roles run_once serial strategy tags tasks throttle timeout undef
    until validate_argspec vars vars_files vars_prompt when
"""
# variables that Ansible fills itself
_MAGIC = """
    group_names groups hostvars inventory_dir inventory_file inventory_hostname inventory_hostname_short item
    play_hosts playbook_dir role_name role_names role_path role_uuid
"""
PLAYBOOK_NAMES = frozenset(_PLAYBOOK.split())
MAGIC_NAMES = frozenset(_MAGIC.split())
OWN_NAMES = frozenset({"evidence", "self", "true", "false", "none", "yes", "no", "on", "off", "null"})


def refused_name(name: str) -> str:
    """Why `name` is no parameter's name; empty if it is one."""
    if _NAME.fullmatch(name) is None:
        return "is no plain name (a-z, 0-9, _; 64 characters at most; a letter first)"
    if name in PLAYBOOK_NAMES or name in MAGIC_NAMES or name.startswith(_PREFIXES):
        return "is a name of Ansible's own"
    if name in OWN_NAMES or keyword.iskeyword(name):
        return "is kept by the gate, by YAML or by templates"
    return ""
