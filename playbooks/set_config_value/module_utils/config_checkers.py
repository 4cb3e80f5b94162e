"""Lets a service say whether it understands a file before the file is put in place. Programs come from a list only."""

from __future__ import annotations

import os
import tempfile

from ansible.module_utils.config_wish import Refused

# by the name that can be asked for; %s is the file. All of these read, and start nothing
CHECKERS = {
    "alertmanager": ["amtool", "check-config", "%s"],
    "compose": ["docker", "compose", "-f", "%s", "config", "--quiet"],
    "docker": ["dockerd", "--validate", "--config-file", "%s"],
    "prometheus": ["promtool", "check", "config", "%s"],
    "samba": ["testparm", "-s", "%s"],
    "systemd-unit": ["systemd-analyze", "verify", "--man=no", "%s"],
}
MAX_WORDS = 1000  # characters of what the checker says


def check(module, place, data, name, more):
    """Has the checker `name`, of `more` or of the list above, look at `data` in a file beside `place`.

    `more` maps names to lists of arguments, one of which has %s for the file.

    Raises:
        Refused: there is no such checker, it is not installed here, or it refuses the file; with what it says.
    """
    argv = command_of(name, {**CHECKERS, **more})
    program = module.get_bin_path(argv[0])
    if program is None:
        raise Refused(f"The checker {name} is {argv[0]}, which is not installed here.")
    folder, base = os.path.split(place)
    if not os.path.isdir(folder):
        raise Refused(f"{folder} has to be there, so that {name} can look at a file in it.")
    handle, scratch = tempfile.mkstemp(prefix=".", suffix=f".{base}", dir=folder)  # 0600; a service includes no dot files
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        code, out, err = module.run_command([program, *(part.replace("%s", scratch) for part in argv[1:])])
    finally:
        os.unlink(scratch)
    if code != 0:
        raise Refused(f"{name} refuses the file: {words(out + err, scratch, place) or f'exit code {code}'}")


def command_of(name, known):
    if name not in known:
        raise Refused(f"There is no checker {name!r}: there are {', '.join(sorted(known))} (gate_config_checkers).")
    argv = known[name]
    if not isinstance(argv, list) or not all(isinstance(part, str) for part in argv):
        raise Refused(f"The checker {name} is no list of texts (gate_config_checkers).")
    if "".join(argv).count("%s") != 1 or "%s" in argv[0]:
        raise Refused(f"The checker {name} needs %s, for the file, in one of its arguments (gate_config_checkers).")
    return argv


def words(text, scratch, place):
    """What the checker said, in one line, with the file under its own name."""
    said = " ".join(text.replace(scratch, place).replace(os.path.basename(scratch), os.path.basename(place)).split())
    shown = "".join(character if character.isprintable() else "?" for character in said)
    return shown if len(shown) <= MAX_WORDS else f"{shown[:MAX_WORDS]}..."
