#!/usr/bin/python
"""Add one line with a public key to the authorized_keys of a user, or cut it off again.

Promises: the file is only ever made longer by one line, and undo cuts it to the length that it had; owner, mode and
every byte that was there stay. All files are touched with the rights of the user, so that no symlink that the user puts
there, at whatever moment, has root write somewhere else.
Refuses: what sshd would not take (foreign owners, modes that let others write), symlinks, keys that are there with
other options, files over 256 KiB, cutting off what somebody changed since.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import hashlib
import os
import pwd
import re
import stat
import struct

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: authorized_line
short_description: Add one public key to the authorized_keys of a user, with evidence to take it away again
description:
  - Adds one line to the end of the file, which is made if it is not there, or cuts that line off again.
options:
  user: {type: str, required: true, description: [The user.]}
  key: {type: str, description: [Kind and base64 of the public key, and a comment or none.]}
  expires: {type: str, default: "", description: [First day on which it is taken no more, as YYYYMMDD.]}
  system_users: {type: list, elements: str, default: [], description: [Users below number 1000 who may have keys.]}
  state: {type: str, choices: [added, removed], default: added, description: [What is wanted.]}
  evidence: {type: dict, description: [What an earlier call returned as evidence.]}
author: [ansible-gate]
"""

EXAMPLES = r"""
- name: Let Alice log in
  authorized_line:
    user: alice
    key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB1oRfzrd0YIz17NRyJDxZvp8FoRvBQyQfmDuYPZVyYE alice@laptop
"""

RETURN = r"""
evidence:
  description: The line that is added, and size, mode and digest of the file before.
  returned: when state is added
  type: dict
fingerprint:
  description: The SHA-256 of the key, as ssh-keygen writes it.
  returned: when state is added
  type: str
"""

MAX_BYTES = 256 * 1024
FIRST_USER, NOBODY = 1000, 65534
LEAST_RSA_BITS = 2048
NEW_MODE = "0600"
KINDS = (
    *("ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    *("sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"),
)
_KEY = r"(?P<kind>{})[ \t]+(?P<blob>[A-Za-z0-9+/]+=*)(?:[ \t\r].*)?".format("|".join(map(re.escape, KINDS)))
PLAIN = re.compile(r"[ \t]*" + _KEY)
WITH_OPTIONS = re.compile(r'[ \t]*(?P<options>(?:[^ \t"]|"(?:\\"|[^"])*")+)[ \t]+' + _KEY)


class Refused(Exception):
    """A reason not to go on. Nothing was changed."""


# Pure: text in, text out


def blob_of(key):
    """The bytes of the key, which must say themselves of which kind they are."""
    kind, text = key.split(" ")[:2]
    try:
        blob = base64.b64decode(text, validate=True)
        (length,) = struct.unpack_from(">I", blob)
    except (ValueError, struct.error):
        raise Refused("The key is not what its base64 should be. Copy the whole line of the .pub file.") from None
    if kind not in KINDS or blob[4 : 4 + length] != kind.encode():
        raise Refused(f"The key says that it is {kind}, but it is another one. Copy the whole line of the .pub file.")
    return blob


def fingerprint_of(blob):
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def options_of(expires, today):
    """What stands before the key: nothing, or until when it is taken."""
    if not expires:
        return ""
    try:
        day = dt.datetime.strptime(expires, "%Y%m%d").date()
    except ValueError:
        raise Refused(f"{expires} is no day of the calendar. Write YYYYMMDD.") from None
    if day <= today:
        raise Refused(f"On {expires} the key would be taken no more, and that is over. Name a later day.")
    return f'expiry-time="{expires}"'


def found_with(content, key):
    """The options of every line that has this key, as sshd reads lines; no options are an empty text."""
    wanted = key.split(" ")[1].rstrip("=")
    found = []
    for line in content.decode("utf-8", "replace").split("\n"):
        hit = None if line.lstrip().startswith("#") else PLAIN.fullmatch(line) or WITH_OPTIONS.fullmatch(line)
        if hit and hit["blob"].rstrip("=") == wanted:
            found.append(hit.groupdict().get("options") or "")
    return found


def added_to(content, key, options):
    """What has to be written behind `content`; nothing if the key is there with just these options."""
    found = found_with(content, key)
    if any(one != options for one in found):
        raise Refused("The key is there already with other options. Change that line by hand, or take it away first.")
    if found:
        return ""
    gap = "\n" if content and not content.endswith(b"\n") else ""
    return gap + " ".join(filter(None, [options, key])) + "\n"


# The host: looking


def user_of(name, system_users):
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        raise Refused(f"There is no user {name}. Add the user first (add_user).") from None
    if (user.pw_uid < FIRST_USER or user.pw_uid == NOBODY) and name not in system_users:
        raise Refused(f"{name} is a user of the system. The inventory lists those who may have keys (gate_key_users).")
    return user


@contextlib.contextmanager
def acting_as(user):
    """With the rights of the user, whatever is in the way; afterwards root again."""
    if os.geteuid() != 0:
        raise Refused("This needs root, to become the user. Run it with become.")
    groups, group = os.getgroups(), os.getegid()
    os.setgroups(os.getgrouplist(user.pw_name, user.pw_gid))
    os.setegid(user.pw_gid)
    os.seteuid(user.pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


def state_of(place, user, is_kind, what):
    """What lstat says of `place`, None if nothing is there; it must be of this kind, and the user's alone to write."""
    try:
        state = os.lstat(place)
    except FileNotFoundError:
        return None
    if not is_kind(state.st_mode):
        raise Refused(f"{place} is no {what}: a symlink, or something else. Put a plain one there.")
    if state.st_uid != user.pw_uid or state.st_mode & 0o022:
        raise Refused(f"{place} belongs to somebody else, or others can write to it: sshd takes no keys from there.")
    return state


def look(user):
    """Whether ~/.ssh is there, and content and mode of the file in it; (None, None) if there is none."""
    home = user.pw_dir
    if not os.path.isabs(home) or os.path.realpath(home) != os.path.normpath(home):
        raise Refused(
            f"The home {home} is no plain absolute path: a symlink is on the way. Give the user the real one."
        )
    if state_of(home, user, stat.S_ISDIR, "directory") is None:
        raise Refused(f"The home {home} is not there. Make it first, with the owner and mode that it should have.")
    has_folder = state_of(folder_of(user), user, stat.S_ISDIR, "directory") is not None
    state = state_of(file_of(user), user, stat.S_ISREG, "file")
    if state is None:
        return has_folder, None, None
    if state.st_size > MAX_BYTES:
        raise Refused(f"{file_of(user)} has {state.st_size} bytes; more than {MAX_BYTES} are not read.")
    with opened(user, os.O_RDONLY) as file:
        return has_folder, file.read(MAX_BYTES + 1), f"{stat.S_IMODE(state.st_mode):04o}"


def folder_of(user):
    return os.path.join(user.pw_dir, ".ssh")


def file_of(user):
    return os.path.join(folder_of(user), "authorized_keys")


def opened(user, flags):
    return os.fdopen(os.open(file_of(user), flags | os.O_NOFOLLOW, 0o600), "rb" if flags == os.O_RDONLY else "wb")


# The host: changing


def add(module, user):
    wish = module.params
    blob, key = blob_of(wish["key"]), wish["key"]
    has_folder, before, mode = look(user)
    added = added_to(before or b"", key, options_of(wish["expires"], dt.date.today()))
    evidence = {
        "user": wish["user"],
        "path": file_of(user),
        "existed": before is not None,
        "size": len(before or b""),
        "sha256": hashlib.sha256(before or b"").hexdigest(),
        "mode": mode or NEW_MODE,
        "added": added,
        "made_directory": "" if has_folder else folder_of(user),
    }
    if len(before or b"") + len(added) > MAX_BYTES:
        raise Refused(f"The file would grow over {MAX_BYTES} bytes.")
    if wish["evidence"] not in (None, evidence):
        raise Refused("The file changed between the look at it and the change.")
    if added and not module.check_mode:
        append(user, evidence)
    result = {"changed": bool(added), "evidence": evidence, "fingerprint": fingerprint_of(blob)}
    return {**result, **difference(module, evidence, "", added)}


def append(user, evidence):
    """One write, so that sshd never reads half of the line."""
    if evidence["made_directory"]:
        os.mkdir(folder_of(user), 0o700)
        os.chmod(folder_of(user), 0o700)
    with opened(user, os.O_WRONLY | os.O_APPEND | (0 if evidence["existed"] else os.O_CREAT | os.O_EXCL)) as file:
        if not evidence["existed"]:
            os.fchmod(file.fileno(), int(NEW_MODE, 8))
        file.write(evidence["added"].encode())
        file.flush()
        os.fsync(file.fileno())


def remove(module, user):
    evidence = module.params["evidence"]
    if (evidence["user"], evidence["path"]) != (module.params["user"], file_of(user)):
        raise Refused("The evidence is of {}, not of {}.".format(evidence["path"], file_of(user)))
    if not evidence["added"]:
        return {"changed": False}
    has_folder, now, mode = look(user)
    added = left_of(evidence, now, mode)
    made_folder = has_folder and evidence["made_directory"] == folder_of(user)
    if made_folder and set(os.listdir(folder_of(user))) - {os.path.basename(file_of(user))}:
        raise Refused(f"stale: {folder_of(user)} now holds more than the change put there. Nothing was changed.")
    changed = made_folder or (now is not None if not evidence["existed"] else bool(added))
    if changed and not module.check_mode:
        cut(user, evidence, now, made_folder)
    return {"changed": changed, **difference(module, evidence, added, "")}


def left_of(evidence, now, mode):
    """What is there of the line: all of it, or less where the change was broken off; then the file is as before."""
    stale = Refused("stale: {} is no longer as the change left it. Nothing was changed.".format(evidence["path"]))
    if now is None:
        if evidence["existed"]:
            raise stale
        return ""
    before, rest = now[: evidence["size"]], now[evidence["size"] :]
    if len(before) != evidence["size"] or hashlib.sha256(before).hexdigest() != evidence["sha256"]:
        raise stale
    if not evidence["added"].encode().startswith(rest) or mode != evidence["mode"]:
        raise stale
    return rest.decode()


def cut(user, evidence, now, made_folder):
    if evidence["existed"]:
        with opened(user, os.O_WRONLY) as file:
            file.truncate(evidence["size"])
            os.fsync(file.fileno())
    elif now is not None:
        os.unlink(file_of(user))
    if made_folder:
        os.rmdir(folder_of(user))


def difference(module, evidence, before, after):
    """Only the line: options of other lines may hold what is nobody's business."""
    if not module._diff:
        return {}
    return {
        "diff": {"before_header": evidence["path"], "after_header": evidence["path"], "before": before, "after": after}
    }


def refuse_weak(module):
    """ssh-keygen reads the key as sshd will."""
    kind = module.params["key"].split(" ")[0]
    rc, told, _ = module.run_command(["ssh-keygen", "-l", "-f", "/dev/stdin"], data=module.params["key"])
    if rc != 0:
        raise Refused(
            f"ssh-keygen does not take that for a key of the kind {kind}. Copy the whole line of the .pub file."
        )
    if kind == "ssh-rsa" and int(told.split()[0]) < LEAST_RSA_BITS:
        raise Refused(
            f"The RSA key has {told.split()[0]} bits; below {LEAST_RSA_BITS} it is too weak. Make another one."
        )


def main():
    module = AnsibleModule(
        argument_spec={
            "user": {"type": "str", "required": True},
            "key": {"type": "str", "no_log": False},
            "expires": {"type": "str", "default": ""},
            "system_users": {"type": "list", "elements": "str", "default": []},
            "state": {"type": "str", "choices": ["added", "removed"], "default": "added"},
            "evidence": {"type": "dict"},
        },
        required_if=[("state", "added", ["key"]), ("state", "removed", ["evidence"])],
        supports_check_mode=True,
    )
    try:
        user = user_of(module.params["user"], module.params["system_users"])
        if module.params["state"] == "added":
            refuse_weak(module)
        with acting_as(user):
            result = add(module, user) if module.params["state"] == "added" else remove(module, user)
    except (Refused, OSError) as error:
        module.fail_json(msg=str(error))
    except (KeyError, TypeError, ValueError) as error:
        module.fail_json(msg=f"The evidence is not what this action records: {error!r}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
