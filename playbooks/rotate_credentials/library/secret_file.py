#!/usr/bin/python
"""Put a new random secret into a file, or bring the old one back.

Promises: the secret is made on this machine and never leaves it: not in a result, a diff, a message or the evidence.
The file holds the old or the new secret at every moment. The old file itself (its inode) is kept and comes back.
Refuses: symlinks on the way, directories that are not there, going back over what somebody changed since.
"""

from __future__ import annotations

import os
import secrets

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.kept_file import (
    Keep,
    Refused,
    is_same,
    mark_of,
    place_of,
    prepare,
    put_back,
    refuse_stale,
    state_of,
    swap,
)

DOCUMENTATION = r"""
module: secret_file
short_description: Put a new random secret into a file, with evidence to bring the old one back
description:
  - Makes the secret on the host, keeps the old file beside it, and never returns either.
options:
  root: {type: str, default: "", description: [Directory that stands for the root of the host.]}
  path: {type: str, required: true, description: [Absolute path of the file below the root.]}
  state: {type: str, choices: [rotated, restored], default: rotated, description: [What is wanted.]}
  length: {type: int, default: 32, description: [Random bytes, 16 to 128; the file holds them as hex.]}
  evidence: {type: dict, description: [What an earlier call returned as evidence.]}
author: [ansible-gate]
"""

EXAMPLES = r"""
- name: Make a new session key
  secret_file: {path: /etc/app/session.key, length: 32}
"""

RETURN = r"""
evidence:
  description: Where the old file is kept and by what it is known again; nothing of any secret.
  returned: when state is rotated
  type: dict
"""


def rotate(module):
    wish = module.params
    if not 16 <= wish["length"] <= 128:
        raise Refused("The length must be 16 to 128 bytes.")
    file = place_of(wish["root"], wish["path"])
    before = state_of(file)
    recorded = wish["evidence"] or {}
    name = recorded.get("kept") or f".{os.path.basename(file)}.{secrets.token_hex(8)}.kept"
    evidence = {"path": wish["path"], "kept": name, "before": mark_of(before)}
    if recorded and recorded != evidence:
        raise Refused("The file changed between the look at it and the change.")
    if not module.check_mode:
        keep = Keep(file, name)
        prepare(keep, secrets.token_hex(wish["length"]).encode())
        swap(file, before, keep)
    return {"changed": True, "evidence": evidence}


def restore(module):
    wish, evidence = module.params, module.params["evidence"]
    if evidence["path"] != wish["path"]:
        raise Refused(f"The evidence is of {evidence['path']}, not of {wish['path']}.")
    file = place_of(wish["root"], wish["path"])
    keep = Keep(file, evidence["kept"])
    now, before = state_of(file), evidence["before"]
    already = is_same(now, before)
    if not already:
        refuse_stale(wish["path"], file, now, keep, before)
    changed = not already or os.path.lexists(keep.place)
    if changed and not module.check_mode:
        put_back(file, keep, before, already)
        keep.remove()
    return {"changed": changed}


def main():
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "str", "default": ""},
            "path": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["rotated", "restored"], "default": "rotated"},
            "length": {"type": "int", "default": 32},
            "evidence": {"type": "dict"},
        },
        required_if=[("state", "restored", ["evidence"])],
        supports_check_mode=True,
    )
    try:
        result = rotate(module) if module.params["state"] == "rotated" else restore(module)
    except (Refused, OSError) as error:
        module.fail_json(msg=str(error))
    except (KeyError, TypeError, ValueError) as error:
        module.fail_json(msg=f"The evidence is not what this action records: {error!r}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
