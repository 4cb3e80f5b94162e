#!/usr/bin/python
"""Put a new random secret into a file, or bring the old one back.

Promises: the secret is made on this machine and never leaves it: not in a result, a diff, a message or the evidence.
The file holds the old or the new secret at every moment. The old file itself (its inode) is kept and comes back.
Refuses: symlinks on the way, directories that are not there, going back over what somebody changed since.

Beside FILE a rotation keeps the directory `.FILE.TOKEN.kept` (0700): `old`, the old file (0600), and `seal`, the
SHA-256 of the new secret, by which undo sees that the file is still what the rotation left. The seal stays on the
host, and the evidence has no digest of any secret: an old one may be short enough to guess.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import stat

from ansible.module_utils.basic import AnsibleModule

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

KEPT_NAME = re.compile(r"\.[A-Za-z0-9._-]+\.[0-9a-f]{16}\.kept")


class Refused(Exception):
    """A reason not to go on. Nothing was changed."""


class Keep:
    """The directory beside the file in which a rotation keeps what undo needs."""

    def __init__(self, file, name):
        if not KEPT_NAME.fullmatch(name):
            raise Refused("The evidence is not what this action records.")
        self.place = os.path.join(os.path.dirname(file), name)
        self.old = os.path.join(self.place, "old")
        self.new = os.path.join(self.place, "new")  # gone again when the rotation is through
        self.seal = os.path.join(self.place, "seal")

    def remove(self):
        for place in (self.new, self.old, self.seal):
            if os.path.lexists(place):
                os.unlink(place)
        if os.path.isdir(self.place):
            os.rmdir(self.place)


# Looking


def place_of(root, path):
    """Where `path` is on this machine. A symlink on the way, or a `..`, is refused."""
    top = os.path.realpath(root or "/")
    if not os.path.isabs(root or "/") or not os.path.isdir(top):
        raise Refused(f"gate_root must be a directory that is there, with its full path; it is {root!r}.")
    place = os.path.join(top, path.lstrip("/"))
    if not path.startswith("/") or os.path.realpath(place) != place:
        raise Refused(f"{path} is not a plain absolute path: a symlink or '..' is on the way. Name the real file.")
    if not os.path.isdir(os.path.dirname(place)):
        raise Refused(
            f"The directory of {path} is not there. Make it first, with the owner and mode that it should have."
        )
    return place


def state_of(place):
    """lstat of the regular file, None if there is nothing."""
    try:
        state = os.lstat(place)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(state.st_mode):
        raise Refused(f"{place} is not a regular file.")
    return state


def mark_of(state):
    """By what a file is known again without looking into it. Text, since nanoseconds exceed what JSON numbers carry."""
    if state is None:
        return None
    return {"inode": str(state.st_ino), "mtime_ns": str(state.st_mtime_ns), "mode": mode_of(state)}


def mode_of(state):
    return f"{stat.S_IMODE(state.st_mode):04o}"


def is_same(state, mark):
    """The same file, unwritten since; its mode may differ, because a kept file is made private."""
    now = mark_of(state)
    if now is None or mark is None:
        return now is mark
    return (now["inode"], now["mtime_ns"]) == (mark["inode"], mark["mtime_ns"])


def digest_of(place):
    with open(place, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


# Changing


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
        replace(file, before, Keep(file, name), wish["length"])
    return {"changed": True, "evidence": evidence}


def replace(file, before, keep, length):
    """The switch is one rename; whatever breaks before it leaves the file alone, and undo removes the rest."""
    os.mkdir(keep.place, 0o700)
    secret = secrets.token_hex(length).encode()
    write_private(keep.seal, hashlib.sha256(secret).hexdigest().encode())
    write_private(keep.new, secret)
    if before is not None:
        if (before.st_uid, before.st_gid) != (os.stat(keep.new).st_uid, os.stat(keep.new).st_gid):
            os.chown(keep.new, before.st_uid, before.st_gid)
        os.link(file, keep.old)
    os.rename(keep.new, file)
    if before is not None:
        os.chmod(keep.old, 0o600)


def write_private(place, data):
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(handle, 0o600)
        file.write(data)
        file.flush()
        os.fsync(handle)


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
    return {"changed": changed}


def refuse_stale(path, file, now, keep, before):
    """The file must be what the rotation left, and the kept one must be untouched."""
    if not os.path.isdir(keep.place) or os.path.islink(keep.place):
        raise Refused(f"stale: what was kept of {path} is gone. Nothing was restored.")
    with open(keep.seal, encoding="ascii") as seal:
        if now is None or mode_of(now) != "0600" or digest_of(file) != seal.read():
            raise Refused(f"stale: {path} is no longer as the change left it. Nothing was restored.")
    if before is not None and not is_same(state_of(keep.old), before):
        raise Refused(f"stale: the old file of {path} is gone or was changed. Nothing was restored.")


def put_back(file, keep, before, already):
    if before is None and not already:
        os.unlink(file)
    elif before is not None:
        os.chmod(file if already else keep.old, int(before["mode"], 8))
        if not already:
            os.rename(keep.old, file)
    keep.remove()


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
