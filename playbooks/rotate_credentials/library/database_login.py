#!/usr/bin/python
"""Give an application another login of PostgreSQL, or go back to the one that it had.

A role has one password, so two logins take turns: ROLE_a and ROLE_b, members of ROLE, which has the rights. The one
that is not in use gets a new random password, the file of the application gets that login, and the other one ends
after a grace period. Each is a step, so that a rotation that breaks off is understood after any of them.
Promises: a password is made on this machine and is in two files only, that of the application and the kept one. The
server gets a verifier. The file has a login that works at every moment, and keeps its owner and mode.
Refuses: whatever it could not take back or an application would miss, before anything is changed.

Beside the file is what secret_file keeps too, and `roles` (0600): the rows of both logins as they were.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import stat
import subprocess

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.credential import is_password_of, login_of, verifier_of, with_login
from ansible.module_utils.kept_file import (
    Keep,
    Refused,
    is_same,
    mark_of,
    mode_of,
    place_of,
    prepare,
    put_back,
    refuse_stale,
    state_of,
    swap,
    write_private,
)
from ansible.module_utils.role_catalogue import Server, made_like, valid_until, with_password, without_sessions
from ansible.module_utils.turns import is_as_before, refuse_changed, refuse_unsafe

DOCUMENTATION = r"""
module: database_login
short_description: Let two logins of PostgreSQL take turns, with evidence to go back
description:
  - Makes a password for the login that is not in use, puts it into the file of the application, and ends the other one.
options:
  path: {type: str, required: true, description: [Absolute path of the application's file.]}
  role: {type: str, required: true, description: [The role that has the rights; its logins are ROLE_a and ROLE_b.]}
  port: {type: int, default: 5432, description: [Where the server listens.]}
  length: {type: int, default: 32, description: [Random bytes, 16 to 128; the password is them as hex.]}
  grace: {type: int, default: 1440, description: [Minutes that the old login stays valid, 5 to 43200.]}
  step:
    type: str
    required: true
    choices: [look, reset, swap, end, verify, restore]
    description: [What to do. Look, reset, swap and end are a rotation.]
  evidence: {type: dict, description: [What the look returned as evidence.]}
author: [ansible-gate]
"""

EXAMPLES = r"""
- name: Look at the login
  database_login: {step: look, path: /etc/app/db.env, role: shop}
"""

RETURN = r"""
evidence:
  description: Which login comes after which, until when both had been valid, and the file; nothing of any secret.
  returned: when the step is look
  type: dict
"""

ROLE = re.compile(r"(?!pg_)[a-z][a-z0-9_]{0,59}")
MAX_BYTES = 64 * 1024


# Looking


class Place:
    """The file, its state now, and the server of one rotation."""

    def __init__(self, wish):
        if not ROLE.fullmatch(wish["role"]):
            raise Refused("The role is no plain lower-case name. It would have to be quoted. Name another one.")
        if not (16 <= wish["length"] <= 128 and 5 <= wish["grace"] <= 43200):
            raise Refused("The length must be 16 to 128 bytes, and the grace 5 to 43200 minutes.")
        self.path, self.role = wish["path"], wish["role"]
        self.file, self.server = place_of("", wish["path"]), Server(wish["port"])
        self.state = state_of(self.file)

    def read(self):
        if self.state is None or self.state.st_size > MAX_BYTES or stat.S_IMODE(self.state.st_mode) & 0o7007:
            raise Refused(
                f"{self.path} is not there, is over {MAX_BYTES} bytes, or others can read it. It has to be the file "
                "from which the application takes its login. Write it first, for nobody else to read."
            )
        return content_of(self.file)

    def names(self, login):
        """The login that the file has, and the other one."""
        both = (f"{self.role}_a", f"{self.role}_b")
        if login.user not in both:
            raise Refused(
                f"The user in {self.path} is not one of {both[0]} and {both[1]}. Only these two take turns. "
                f"Make one of them, give it to the application, and then rotate."
            )
        return both if login.user == both[0] else both[::-1]


def content_of(file):
    try:
        with open(file, encoding="utf-8", newline="") as stream:
            return stream.read()
    except UnicodeDecodeError:
        raise Refused("The file is no text. A login has to be found in it. Write it as UTF-8.") from None


def look(place, wish):
    """The evidence, and both logins as they are; refuses what cannot be done."""
    login = login_of(place.read())
    old, new = place.names(login)
    seen = place.server.look(place.role, old, new, wish["grace"])
    refuse_unsafe(seen, place.role, old, new, login)
    rows = {"old": seen["rows"][old], "new": seen["rows"].get(new)}
    return rows, {
        "path": place.path,
        "kept": f".{os.path.basename(place.file)}.{secrets.token_hex(8)}.kept",
        "before": mark_of(place.state),
        "cluster": seen["cluster"],
        "old": {"name": old, "valid_until": rows["old"]["valid_until"]},
        "new": {"name": new, "was_there": rows["new"] is not None, "valid_until": (rows["new"] or {}).get("valid_until")},
        "until": seen["until"],
    }  # fmt: skip


# Rotating


def reset(place, wish):
    """The login that is not in use gets a new password, which waits beside the file."""
    recorded = wish["evidence"]
    rows, now = look(place, wish)
    if {**now, "kept": recorded["kept"], "until": recorded["until"]} != recorded:
        raise Refused("The file or a login changed between the look at it and the change. Look again.")
    new, keep, password = now["new"]["name"], Keep(place.file, recorded["kept"]), secrets.token_hex(wish["length"])
    verifier = verifier_of(password, secrets.token_bytes(16))
    like = rows["new"] or {**rows["old"], "comment": None}
    left = {**like, "verifier": verifier, "valid_until": None}
    prepare(keep, with_login(place.read(), new, password).encode())
    write_private(keep.roles, json.dumps({**rows, "left": left}).encode())
    if rows["new"] is None:
        place.server.ask(made_like(rows["old"], new, place.role, verifier))
    else:
        place.server.ask(with_password(new, verifier, None))


def swap_file(place, wish):
    recorded = wish["evidence"]
    if not is_same(place.state, recorded["before"]):
        raise Refused(f"{place.path} changed since the look at it. Nothing was put in its place.")
    swap(place.file, place.state, Keep(place.file, recorded["kept"]), stat.S_IMODE(place.state.st_mode))


def end(place, wish):
    recorded = wish["evidence"]
    place.server.ask(valid_until(recorded["old"]["name"], recorded["until"]))


def verify(place):
    """Both logins are tried as an application would; that of before is known by the seal of what came after it."""
    login = login_of(place.read())
    old = place.names(login)[1]
    row = place.server.look(place.role, old, login.user, 5)["rows"].get(login.user) or {}
    if not is_password_of(row.get("verifier"), login) or not place.server.lets_in(login):
        raise Refused(
            f"{login.user} with the password of {place.path} is not let in. The change does not hold. Undo it."
        )
    before = login_of(content_of(kept_before(place)))
    if before.user != old or not place.server.lets_in(before):
        raise Refused(f"{old}, as it was before, is not let in any more. It has to be, for the grace. Undo it.")


def kept_before(place):
    """The file that the last rotation kept."""
    folder, name = os.path.split(place.file)
    for one in os.listdir(folder):
        if one.startswith(f".{name}.") and one.endswith(".kept"):
            keep = Keep(place.file, one)
            try:
                refuse_stale(place.path, place.file, place.state, keep, None, mode_of(place.state))
            except (Refused, OSError):
                continue  # of an earlier rotation
            return keep.old
    raise Refused(f"What was kept of {place.path} is gone. Without it there is no undo. Find out who removed it.")


# Going back


def restore(place, recorded, check):
    """The logins and the file as before. What works comes first, what ends comes last."""
    old, new = recorded["old"]["name"], recorded["new"]["name"]
    if recorded["path"] != place.path or {old, new} != {f"{place.role}_a", f"{place.role}_b"}:
        raise Refused("The evidence is of another file or of another role.")
    keep = Keep(place.file, recorded["kept"])
    seen = place.server.look(place.role, old, new, 5)
    already = is_same(place.state, recorded["before"])
    if already and is_as_before(seen, recorded):
        if os.path.lexists(keep.place) and not check:
            put_back(place.file, keep, recorded["before"], already)
        return finish(keep, check, changed=False)
    rows = kept_rows(keep, place.path)
    refuse_changed(seen, place.role, recorded, rows)
    if not already:
        refuse_stale(place.path, place.file, place.state, keep, recorded["before"], recorded["before"]["mode"])
    if not check:
        place.server.ask(valid_until(old, recorded["old"]["valid_until"]))
        put_back(place.file, keep, recorded["before"], already)
        put_login_back(place.server, new, seen["rows"].get(new), rows["new"])
    return finish(keep, check, changed=True)


def kept_rows(keep, path):
    try:
        with open(keep.roles, encoding="utf-8") as stream:
            return json.load(stream)
    except (FileNotFoundError, ValueError):
        raise Refused(f"stale: what was kept of {path} is gone. Nothing was restored.") from None


def put_login_back(server, name, now, before):
    if now == before:
        return
    if before is None:
        server.ask(without_sessions(name, f'DROP ROLE "{name}";\n'))
    else:
        server.ask(without_sessions(name, with_password(name, before["verifier"], before["valid_until"])))


def finish(keep, check, *, changed):
    changed = changed or os.path.lexists(keep.place)
    if not check:
        keep.remove()
    return changed


TURN = {"reset": reset, "swap": swap_file, "end": end}


def carry_out(wish, check):
    """What the module returns for the step."""
    place, step, recorded = Place(wish), wish["step"], wish["evidence"]
    if step == "look":
        return {"changed": False, "evidence": look(place, wish)[1]}
    if step == "verify":
        verify(place)
        return {"changed": False}
    if step == "restore":
        return {"changed": restore(place, recorded, check)}
    if not check:
        TURN[step](place, wish)
    return {"changed": step != "end" or recorded["until"] != recorded["old"]["valid_until"]}


def main():
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "str", "required": True},
            "role": {"type": "str", "required": True},
            "port": {"type": "int", "default": 5432},
            "length": {"type": "int", "default": 32},
            "grace": {"type": "int", "default": 1440},
            "step": {"type": "str", "required": True, "choices": ["look", "reset", "swap", "end", "verify", "restore"]},
            "evidence": {"type": "dict"},
        },
        required_if=[("step", step, ["evidence"]) for step in ("reset", "swap", "end", "restore")],
        supports_check_mode=True,
    )
    try:
        module.exit_json(**carry_out(module.params, module.check_mode))
    except (Refused, OSError, subprocess.TimeoutExpired) as error:
        module.fail_json(msg=str(error))
    except (KeyError, TypeError, ValueError) as error:
        module.fail_json(msg=f"The evidence is not what this action records: {type(error).__name__}")


if __name__ == "__main__":
    main()
