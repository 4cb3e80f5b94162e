#!/usr/bin/python
"""Set one key of an ini or env file, or bring the file back from the evidence of that.

Promises: every byte that does not belong to the value stays as it is; a file is replaced in one step and keeps its
mode and owner; what cannot be written without doubt is refused before anything changed.
Refuses: symlinks on the way, keys written twice or over several lines, files over 256 KiB, restoring what somebody
changed since.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import stat
import tempfile

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: config_value
short_description: Set one key of an ini or env file, with evidence to bring it back
description:
  - Sets one key and leaves every other byte alone, or restores the file byte for byte.
options:
  root: {type: str, default: "", description: [Directory that stands for the root of the host.]}
  path: {type: str, required: true, description: [Absolute path of the file below the root.]}
  state: {type: str, choices: [set, restored], default: set, description: [What is wanted.]}
  format: {type: str, choices: [ini, env], description: [How the file is written.]}
  section: {type: str, default: "", description: [Section of an ini file.]}
  key: {type: str, description: [The key to set.]}
  value: {type: str, description: [The value to write.]}
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
KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
ENV_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
ENV_VALUE = re.compile(r"[A-Za-z0-9_./:,@%+=-]*")  # means the same to a shell, systemd and container engines


class Refused(Exception):
    """A reason not to go on. Nothing was changed."""


# Pure: bytes in, bytes out


def edited(data, style, section, key, value):
    """The bytes of the file with `key` set to `value`; `data` itself if that is so already.

    Raises:
        Refused: when it cannot be said without doubt which bytes are the value.
    """
    refuse_unwritable(data, style, section, key, value)
    lines = re.findall(rb"[^\n]*\n|[^\n]+", data)
    newline = b"\r\n" if lines and lines[0].endswith(b"\r\n") else b"\n"
    start, end = part_of(lines, section)
    if start is None:
        gap = newline if lines else b""
        return (
            ended(data, newline) + gap + b"[%b]" % section.encode() + newline + assignment(style, key, value, newline)
        )
    number = line_of(lines, start, end, style, key)
    if number is None:
        number = after_last_setting(lines, start, end)
        lines[:number] = [ended(line, newline) for line in lines[:number]]
        lines.insert(number, assignment(style, key, value, newline))
    else:
        lines[number] = replaced(lines, number, style, key, value)
    return b"".join(lines)


def refuse_unwritable(data, style, section, key, value):
    if b"\0" in data or data.startswith(b"\xef\xbb\xbf"):
        raise Refused("The file is no plain text (it has NUL bytes or a byte order mark).")
    if any(ord(character) < 32 or ord(character) > 126 for character in section + key + value):
        raise Refused("Section, key and value must be printable ASCII.")
    if (
        not KEY.fullmatch(key)
        or value != value.strip()
        or re.search(r"""["'\\`#;]""", value)
        or set("[]") & set(section)
    ):
        raise Refused("Quotes, backslashes, comment marks and outer spaces mean different things to different readers.")
    if style == "env" and (section or not ENV_KEY.fullmatch(key) or not ENV_VALUE.fullmatch(value)):
        raise Refused("An env file has no sections, plain keys, and values without spaces or anything a shell acts on.")


def part_of(lines, section):
    """First and last+1 line of the section's inside; (None, None) if the file has no such section."""
    headers = [(n, m[1].strip()) for n, line in enumerate(lines) if (m := re.match(rb"[ \t]*\[([^\]\n]*)\]", line))]
    if not section:
        return 0, headers[0][0] if headers else len(lines)
    hits = [n for n, name in headers if name == section.encode()]
    if len(hits) > 1:
        raise Refused(f"Section [{section}] is there {len(hits)} times; which one counts depends on the reader.")
    if not hits:
        return None, None
    return hits[0] + 1, next((n for n, _ in headers if n > hits[0]), len(lines))


def line_of(lines, start, end, style, key):
    """Number of the line that sets `key`, or None. Anything that only some readers take for it is refused."""
    name = re.escape(key.encode())
    if style == "env":
        strict, loose = rb"(?:export )?%b=" % name, re.compile(rb"[ \t]*(?:export[ \t]+)?%b[ \t]*(?:=|\r?\n|$)" % name)
    else:
        strict, loose = rb"%b[ \t]*[=:]" % name, re.compile(rb"[ \t]*%b[ \t]*(?:[=:]|\r?\n|$)" % name, re.IGNORECASE)
    hits = [n for n in range(start, end) if loose.match(lines[n])]
    if len(hits) > 1:
        raise Refused(f"{key} is set {len(hits)} times here; which one counts depends on the reader.")
    if not hits:
        return None
    if not re.match(strict, lines[hits[0]]):
        raise Refused(f"Line {hits[0] + 1} sets {key} in a way that readers take differently.")
    if is_stretched(lines, hits[0], style):
        raise Refused(f"Line {hits[0] + 1}: the value of {key} goes over several lines.")
    return hits[0]


def is_stretched(lines, number, style):
    before = lines[number - 1] if number else b""
    after = lines[number + 1] if number + 1 < len(lines) else b""
    if any(line.rstrip(b"\r\n").endswith(b"\\") for line in (before, lines[number])):
        return True
    if style == "env":
        return any(lines[number].count(quote) % 2 for quote in (b'"', b"'"))
    return bool(after.strip()) and after[:1] in b" \t"


def after_last_setting(lines, start, end):
    """Where a new line goes: behind the last line of the part that is neither empty nor a comment."""
    last = max(
        (n for n in range(start, end) if lines[n].strip() and lines[n].strip()[:1] not in b"#;"), default=start - 1
    )
    if last >= 0 and lines[last].rstrip(b"\r\n").endswith(b"\\"):
        raise Refused(f"Line {last + 1} goes on in the next one; nothing can be added behind it.")
    return last + 1


def replaced(lines, number, style, key, value):
    pattern = rb"(?:export )?%b=" if style == "env" else rb"%b[ \t]*[=:][ \t]*"
    head = re.match(pattern % re.escape(key.encode()), lines[number])[0]
    body = lines[number].rstrip(b"\r\n")
    return head + value.encode() + lines[number][len(body) :]


def assignment(style, key, value, newline):
    between = b"=" if style == "env" else b" = "
    return (key.encode() + between + value.encode()).rstrip(b" ") + newline


def ended(data, newline):
    return data + newline if data and not data.endswith(b"\n") else data


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
    after = edited(before or b"", wish["format"], wish["section"], wish["key"], wish["value"])
    if len(after) > MAX_BYTES:
        raise Refused(f"The file would grow over {MAX_BYTES} bytes.")
    evidence = evidence_of(wish["path"], before, mode, after, missing_directories(place, wish["path"]))
    if wish["evidence"] not in (None, evidence):
        raise Refused("The file changed between the look at it and the change.")
    changed = before != after
    if changed and not module.check_mode:
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
            "format": {"type": "str", "choices": ["ini", "env"]},
            "section": {"type": "str", "default": ""},
            "key": {"type": "str", "no_log": False},
            "value": {"type": "str"},
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
