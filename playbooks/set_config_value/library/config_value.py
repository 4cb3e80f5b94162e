#!/usr/bin/python
"""Set one key of an ini, env, json or yaml file, or bring the file back from the evidence of that.

Promises: every byte that does not belong to the value stays as it is; a file is replaced in one step and keeps its
mode and owner; what cannot be written without doubt is refused before anything changed.
Refuses: symlinks on the way, keys written twice or over several lines, files over 256 KiB, what a checker refuses,
restoring what somebody changed since. How each format is edited is in module_utils.
"""

from __future__ import annotations

import base64
import hashlib
import os
import stat
import tempfile

from ansible.module_utils import config_json, config_lines, config_yaml
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.config_checkers import check
from ansible.module_utils.config_wish import Refused

DOCUMENTATION = r"""
module: config_value
short_description: Set one key of an ini, env, json or yaml file, with evidence to bring it back
description:
  - Sets one key and leaves every other byte alone, or restores the file byte for byte.
options:
  root: {type: str, default: "", description: [Directory that stands for the root of the host.]}
  path: {type: str, required: true, description: [Absolute path of the file below the root.]}
  state: {type: str, choices: [set, restored], default: set, description: [What is wanted.]}
  format: {type: str, choices: [ini, env, json, yaml], description: [How the file is written.]}
  section: {type: str, default: "", description: [Section of an ini file; of json and yaml the keys above, with dots.]}
  key: {type: str, description: [The key to set.]}
  value: {type: str, description: [The value to write.]}
  value_type:
    type: str
    choices: [string, number, boolean, "null"]
    default: string
    description: [What the value is in json and yaml.]
  checker: {type: str, default: "", description: [Name of the checker that must take the file before it is replaced.]}
  checkers: {type: dict, description: [More checkers, by name; each a list of arguments with %s for the file.]}
  evidence: {type: dict, description: [What an earlier call returned as evidence.]}
author: [ansible-gate]
"""

EXAMPLES = r"""
- name: Set the number of workers
  config_value: {path: /etc/app/app.ini, format: ini, section: server, key: workers, value: "8"}
"""

RETURN = r"""
evidence:
  description: The state before and the digest of the state after, all that is needed to restore.
  returned: when state is set
  type: dict
"""

MAX_BYTES = 256 * 1024  # evidence travels through events and the ledger
NEW_FILE_MODE = 0o644
NEW_DIRECTORY_MODE = 0o755
TYPED = {"json": config_json, "yaml": config_yaml}


# The host: looking


def place_of(root, path):
    """Where `path` is on this machine. A symlink on the way, or a `..`, is refused."""
    top = os.path.realpath(root or "/")
    if not os.path.isabs(root or "/") or not os.path.isdir(top):
        raise Refused(f"gate_root must be a directory that is there, with its full path; it is {root!r}.")
    place = os.path.join(top, path.lstrip("/"))
    if not path.startswith("/") or os.path.realpath(place) != place:
        raise Refused(f"{path} is not a plain absolute path: a symlink or '..' is on the way. Name the real file.")
    return place


def look(place):
    """Content and mode of the file; (None, None) if there is none."""
    try:
        state = os.lstat(place)
    except FileNotFoundError:
        return None, None
    if not stat.S_ISREG(state.st_mode):
        raise Refused(f"{place} is not a regular file.")
    if state.st_size > MAX_BYTES:
        raise Refused(f"{place} has {state.st_size} bytes; more than {MAX_BYTES} cannot be kept as evidence.")
    with open(place, "rb") as file:
        return file.read(), f"{stat.S_IMODE(state.st_mode):04o}"


def missing_directories(place, path):
    """The directories above `path` that are not there, outermost first, as the host names them."""
    missing = []
    while not os.path.lexists(os.path.dirname(place)):
        place, path = os.path.dirname(place), os.path.dirname(path)
        missing.insert(0, path)
    return missing


def evidence_of(path, before, mode, after, directories):
    """What undo needs. `left_*` is the state that the change leaves behind, by which undo sees that it is untouched."""
    return {
        "path": path,
        "existed": before is not None,
        "content": base64.b64encode(before or b"").decode(),
        "mode": mode or "",
        "left_sha256": hashlib.sha256(after).hexdigest(),
        "left_mode": mode or f"{NEW_FILE_MODE:04o}",
        "made_directories": directories,
    }


# The host: changing


def edited(data, wish):
    """The bytes of the file as they are wished, by its format. The formats but ini and env know types."""
    where = wish["section"], wish["key"], wish["value"]
    if wish["format"] in TYPED:
        return TYPED[wish["format"]].edited(data, *where, wish["value_type"])
    if wish["value_type"] != "string":
        raise Refused("In an ini or env file every value is a string; leave value_type out.")
    return config_lines.edited(data, wish["format"], *where)


def write(module, place, data, mode):
    handle, scratch = tempfile.mkstemp(dir=module.tmpdir)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    module.atomic_move(scratch, place)
    os.chmod(place, int(mode, 8))


def set_value(module):
    wish = module.params
    place = place_of(wish["root"], wish["path"])
    before, mode = look(place)
    after = edited(before or b"", wish)
    if len(after) > MAX_BYTES:
        raise Refused(f"The file would grow over {MAX_BYTES} bytes.")
    evidence = evidence_of(wish["path"], before, mode, after, missing_directories(place, wish["path"]))
    if wish["evidence"] not in (None, evidence):
        raise Refused("The file changed between the look at it and the change.")
    changed = before != after
    if changed and not module.check_mode:
        if wish["checker"]:
            check(module, place, after, wish["checker"], wish["checkers"] or {})
            if look(place) != (before, mode):
                raise Refused("The file changed while the checker looked at what would replace it.")
        for directory in evidence["made_directories"]:
            made = place_of(wish["root"], directory)
            os.mkdir(made)
            os.chmod(made, NEW_DIRECTORY_MODE)
        write(module, place, after, evidence["left_mode"])
    return {"changed": changed, "evidence": evidence, **difference(module, before, after)}


def restore(module):
    wish, evidence = module.params, module.params["evidence"]
    if evidence["path"] != wish["path"]:
        raise Refused("The evidence is of {}, not of {}.".format(evidence["path"], wish["path"]))
    place = place_of(wish["root"], wish["path"])
    now, mode = look(place)
    before = base64.b64decode(evidence["content"]) if evidence["existed"] else None
    directories = [place_of(wish["root"], d) for d in evidence["made_directories"]]
    refuse_stale(evidence, now, mode, before, directories, place)
    changed = now != before or any(os.path.isdir(directory) for directory in directories)
    if changed and not module.check_mode:
        put_back(module, place, now, before, evidence["mode"], directories)
    return {"changed": changed, **difference(module, now, before)}


def refuse_stale(evidence, now, mode, before, directories, place):
    """The file must be as the change left it, or already as it was before; made directories must hold nothing else."""
    left = (
        now is not None and hashlib.sha256(now).hexdigest() == evidence["left_sha256"] and mode == evidence["left_mode"]
    )
    already = now == before and (mode or "") == evidence["mode"]
    if not left and not already:
        raise Refused("stale: {} is no longer as the change left it. Nothing was restored.".format(evidence["path"]))
    ours = {place, *directories}
    for directory in filter(os.path.isdir, directories):
        if any(os.path.join(directory, name) not in ours for name in os.listdir(directory)):
            raise Refused(f"stale: {directory} now holds more than the change put there. Nothing was restored.")


def put_back(module, place, now, before, mode, directories):
    if before is not None:
        write(module, place, before, mode)
    elif now is not None:
        os.unlink(place)
    for directory in reversed(directories):
        if os.path.isdir(directory):
            os.rmdir(directory)


def difference(module, before, after):
    if not module._diff:
        return {}
    path = module.params["path"]
    diff = {
        "before_header": path if before is not None else f"{path} (absent)",
        "after_header": path if after is not None else f"{path} (absent)",
        "before": (before or b"").decode("utf-8", "backslashreplace"),
        "after": (after or b"").decode("utf-8", "backslashreplace"),
    }
    return {"diff": diff}


def main():
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "str", "default": ""},
            "path": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["set", "restored"], "default": "set"},
            "format": {"type": "str", "choices": ["ini", "env", "json", "yaml"]},
            "section": {"type": "str", "default": ""},
            "key": {"type": "str", "no_log": False},
            "value": {"type": "str"},
            "value_type": {"type": "str", "choices": ["string", "number", "boolean", "null"], "default": "string"},
            "checker": {"type": "str", "default": ""},
            "checkers": {"type": "dict"},
            "evidence": {"type": "dict"},
        },
        required_if=[("state", "set", ["format", "key", "value"]), ("state", "restored", ["evidence"])],
        supports_check_mode=True,
    )
    try:
        result = set_value(module) if module.params["state"] == "set" else restore(module)
    except (Refused, OSError) as error:
        module.fail_json(msg=str(error))
    except (KeyError, ValueError) as error:
        module.fail_json(msg=f"The evidence is not what this action records: {error!r}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
