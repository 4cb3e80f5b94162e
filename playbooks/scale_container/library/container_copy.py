#!/usr/bin/python
"""Make containers like another one, each with ports of its own.

Promises: they are made by the command that made the other one, with another name, the host's ports moved up, and a
label. Nothing of that command, which may hold secrets, leaves the host. What cannot be copied is refused.
"""

from __future__ import annotations

import json
import re

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: container_copy
short_description: Make podman's containers like another one
description:
  - Repeats the command that made NAME-1 for NAME-2 and so on, with the host's ports moved up by the difference.
options:
  container: {type: str, required: true, description: [The name without its number.]}
  numbers: {type: list, elements: int, required: true, description: [The containers to make.]}
  label: {type: str, required: true, description: [The value of their label ansible-gate.change.]}
author: [ansible-gate]
"""

EXAMPLES = r"""
- name: Make two more
  container_copy: {container: shop, numbers: [2, 3], label: 00112233445566ff}
"""

RETURN = r"""
made: {type: list, returned: always, description: [The names.]}
"""

LABEL = "ansible-gate.change"
# of these another container cannot have the same, and which other one it should have nobody knows
ONE_ONLY = ("--ip", "--ip6", "--mac-address", "--cidfile", "--conmon-pidfile", "--pidfile", "--hostname", "-h", "--replace", "--pod")
PORTS = ("-p", "--publish")
PORT = re.compile(r"((?:[0-9.]+:)?)([0-9]+)(:[0-9]+(?:/(?:tcp|udp))?)")


class Refused(Exception):
    """A reason not to go on. Nothing was changed."""


def podman(module, *words):
    code, out, err = module.run_command([module.get_bin_path("podman", required=True), *words])
    if code != 0:
        raise Refused(f"podman {words[0]}: {err.strip()[-300:] or code}")
    return out


def words_of(found):
    """The options of the command that made the container, and the words from the image on."""
    words = list(found["Config"].get("CreateCommand") or [])[1:]
    if words[:1] == ["container"]:
        words = words[1:]
    image = next((at for at, word in enumerate(words) if word in (found["ImageName"], found["Config"].get("Image"))), None)
    if words[:1] not in (["run"], ["create"]) or image is None:
        raise Refused("The first one was not made by podman run or create with an image by its full name. Nothing was changed.")
    return [one for one in words[1:image] if one not in ("-d", "--detach", "--detach=true", "--detach=True")], words[image:]


def copied(options, name, number):
    """The options with another name, and with ports moved up by as much as the number is above 1."""
    found, at = [], 0
    while at < len(options):
        option, equals, value = options[at].partition("=")
        if option in ONE_ONLY or re.match(r"-p.", option) or re.fullmatch(r"-[a-zA-Z]*[dpP][a-zA-Z]*", option) and option not in PORTS:
            raise Refused(f"The first one has {option}, which cannot be copied. Nothing was changed.")
        if option in ("--name", *PORTS):
            if not equals:
                at += 1
                value = options[at]
            found += ["--name", name] if option == "--name" else ["--publish", moved(value, number)]
        else:
            found.append(options[at])
        at += 1
    return found


def moved(port, number):
    known = PORT.fullmatch(port)
    if known is None or int(known[2]) + number - 1 > 65535:
        raise Refused(f"The first one has the port {port}, which cannot be moved up by {number - 1}. Nothing was changed.")
    return f"{known[1]}{int(known[2]) + number - 1}{known[3]}"


def make(module):
    wish, commands = module.params, {}
    first = json.loads(podman(module, "container", "inspect", f"{wish['container']}-1"))[0]
    if first.get("Pod") or (first["Config"].get("Labels") or {}).get("PODMAN_SYSTEMD_UNIT"):
        raise Refused("The first one belongs to a pod or to a unit of systemd. Nothing was changed.")
    options, rest = words_of(first)
    for number in wish["numbers"]:
        name = f"{wish['container']}-{number}"
        commands[name] = ["run", "--detach", *copied(options, name, number), "--label", f"{LABEL}={wish['label']}", *rest]
    for words in commands.values() if not module.check_mode else ():
        podman(module, *words)
    return {"changed": bool(commands), "made": list(commands)}


def main():
    module = AnsibleModule(
        argument_spec={
            "container": {"type": "str", "required": True},
            "numbers": {"type": "list", "elements": "int", "required": True},
            "label": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    try:
        result = make(module)
    except Refused as error:
        module.fail_json(msg=str(error))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        module.fail_json(msg=f"What podman says is not what this action knows: {error!r}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
