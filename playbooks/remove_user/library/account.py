#!/usr/bin/python
"""Remove an account, or bring back exactly the one that was removed, from what was kept of it on the host.

Promises: the lines of the account are kept on this host alone, for root alone, and come back to where they stood; home
and files are not touched.
Refuses: accounts of the system, somebody who is at work, a name or number that somebody else has by now.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import pwd

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: account
short_description: Remove an account, with evidence to bring it back
description:
  - Removes one account and keeps its lines on the host, or puts these lines back.
options:
  name: {type: str, required: true, description: [The name.]}
  state: {type: str, choices: [removed, restored], default: removed, description: [What is wanted.]}
  evidence: {type: dict, description: [What an earlier call returned as evidence.]}
author: [ansible-gate]
"""

EXAMPLES = r"""
- name: Remove an account
  account: {name: alice}
"""

RETURN = r"""
evidence:
  description: Whether it was there, its numbers, and where what is needed to bring it back is kept, with its digest.
  returned: when state is removed
  type: dict
"""

FILES = ("passwd", "shadow", "group", "gshadow", "subuid", "subgid")
WITH_MEMBERS = ("group", "gshadow")
FOLDERS = ("/var/lib/ansible-gate", "/var/lib/ansible-gate/removed-users")
FIRST_UID = 1000


class Refused(Exception):
    """A reason not to go on. Nothing was changed."""


def read(file):
    try:
        with open(f"/etc/{file}", encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read().splitlines()
    except FileNotFoundError:
        return []


def name_of(line):
    return line.split(":", 1)[0]


def members(line):
    return [one for one in line.rsplit(":", 1)[-1].split(",") if one]


def lines_of(user):
    """file -> what belongs to the account: [place, the name before it, line], and the groups that it is a member of."""
    found = {}
    for file in FILES:
        lines = read(file)
        own = [[lines[at - 1].split(":", 1)[0] if at else "", line] for at, line in enumerate(lines) if name_of(line) == user]
        of = [line for line in lines if file in WITH_MEMBERS and user in members(line) and name_of(line) != user]
        found[file] = {"own": own, "member": of}
    return found


def put_back(file, kept, user):
    """The lines of a file with those of the account in their places; None if nothing is missing."""
    lines = read(file)
    before = list(lines)
    for previous, line in kept["own"]:
        if any(name_of(one) == user for one in lines):
            continue
        at = next((at + 1 for at, one in enumerate(lines) if name_of(one) == previous), 0 if not previous else len(lines))
        lines.insert(at, line)
    for line in kept["member"]:
        for at, one in enumerate(lines):
            if name_of(one) == name_of(line) and user not in members(one):
                without = ",".join(two for two in members(line) if two != user)
                as_it_was = one == line.rsplit(":", 1)[0] + ":" + without
                lines[at] = line if as_it_was else one + ("," if members(one) else "") + user
    return lines if lines != before else None


def write(file, lines):
    path = f"/etc/{file}"
    about = os.stat(path)
    draft = f"{path}.gate-new"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as stream:
        stream.write("".join(f"{line}\n" for line in lines))
        os.fchown(stream.fileno(), about.st_uid, about.st_gid)
        os.fchmod(stream.fileno(), about.st_mode & 0o7777)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(draft, path)


def foresee(user):
    """The evidence of a removal.

    Raises:
        Refused: it is an account of the system.
    """
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        return {"was_there": False}, None
    if account.pw_uid < FIRST_UID or account.pw_uid >= 60000:
        raise Refused(f"{user} has the number {account.pw_uid}: an account of the system.")
    text = json.dumps(lines_of(user), sort_keys=True)
    return {
        "was_there": True,
        "uid": account.pw_uid,
        "gid": account.pw_gid,
        "kept": f"{FOLDERS[-1]}/{user}.json",
        "digest": hashlib.sha256(text.encode()).hexdigest(),
        "made": [folder for folder in FOLDERS if not os.path.isdir(folder)],
    }, text


def keep(evidence, text):
    for folder in FOLDERS:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    descriptor = os.open(evidence["kept"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def forget(evidence):
    """Takes away what was kept. Returns whether there was anything."""
    there = os.path.lexists(evidence["kept"])
    if there:
        os.unlink(evidence["kept"])
    for folder in reversed(evidence["made"]):
        if os.path.isdir(folder) and not os.listdir(folder):
            os.rmdir(folder)
            there = True
    return there


def restore(user, evidence, check_mode):
    """Whether anything had to be done.

    Raises:
        Refused: stale, or what was kept is not what was recorded.
    """
    if not evidence["was_there"]:
        return False
    if not os.path.lexists(evidence["kept"]):
        return _was_not_removed(user, evidence, check_mode)
    with open(evidence["kept"]) as stream:
        text = stream.read()
    if hashlib.sha256(text.encode()).hexdigest() != evidence["digest"]:
        raise Refused(f"What was kept in {evidence['kept']} is not what was recorded. Nothing was changed.")
    for account in pwd.getpwall():
        if (account.pw_name == user) != (account.pw_uid == evidence["uid"]):
            raise Refused(f"stale: {account.pw_name} has the number {account.pw_uid} now. Nothing was changed.")
    if check_mode:
        return True
    kept = json.loads(text)
    if ctypes.CDLL(None).lckpwdf() != 0:
        raise Refused("Somebody else is changing accounts just now.")
    try:
        for file in ("group", "gshadow", "shadow", "subuid", "subgid", "passwd"):  # the account itself comes last
            lines = put_back(file, kept[file], user)
            if lines is not None:
                write(file, lines)
    finally:
        ctypes.CDLL(None).ulckpwdf()
    forget(evidence)
    return True


def _was_not_removed(user, evidence, check_mode):
    try:
        if pwd.getpwnam(user).pw_uid == evidence["uid"]:
            return False if check_mode else forget(evidence)
    except KeyError:
        pass
    raise Refused(f"stale: {evidence['kept']} is gone, and so is the account. Nothing was changed.")


def change(module):
    user, evidence = module.params["name"], module.params["evidence"]
    if module.params["state"] == "restored":
        return {"changed": restore(user, evidence, module.check_mode)}
    found, text = foresee(user)
    if evidence is not None and found != evidence:
        raise Refused("The account has changed since it was looked at. Nothing was changed.")
    if found["was_there"] and not module.check_mode:
        keep(found, text)
        code, _, wrong = module.run_command(["userdel", user], environ_update={"LC_ALL": "C"})
        if code != 0:
            forget(found)
            raise Refused(f"userdel: {wrong.strip()[:300]}")
    return {"changed": found["was_there"], "evidence": found}


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["removed", "restored"], "default": "removed"},
            "evidence": {"type": "dict"},
        },
        required_if=[("state", "restored", ["evidence"])],
        supports_check_mode=True,
    )
    try:
        module.exit_json(**change(module))
    except (Refused, OSError, ValueError) as reason:
        module.fail_json(msg=str(reason))


if __name__ == "__main__":
    main()
