#!/usr/bin/python
"""Keep what makes a container, and make it anew from that.

Promises: what is in the command that made a container, an environment variable for instance, stays on this host: it is
in no result, message or evidence. A container that could not be made anew is refused before anything changes.
What is made anew is compared with what was there; a difference is a failure.

In KEPT (0700) a look at containers leaves one file for each change (0600): for each name the command that made the
container, whether it ran, and a digest of what it was. Undo takes the file away.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: container_past
short_description: Keep what makes podman's containers, or make them anew from that
description:
  - Keeps the commands that made the containers on the host, and never returns them.
options:
  names: {type: list, elements: str, required: true, description: [The containers, there or not.]}
  volumes: {type: list, elements: str, default: [], description: [Volumes that the change may make.]}
  state:
    type: str
    choices: [kept, restored]
    default: kept
    description: [With kept, and in check mode, nothing is written.]
  labelled: {type: bool, default: false, description: [With restored. What the change made has its token as a label.]}
  evidence: {type: dict, description: [What an earlier call returned as evidence.]}
author: [ansible-gate]
"""

EXAMPLES = r"""
- name: Keep what makes the shop
  container_past: {names: [shop]}
"""

RETURN = r"""
evidence:
  description: By name what is there (id, image, running) or nothing, by which token it is kept, and the volumes that are not there.
  returned: when state is kept
  type: dict
"""

KEPT = "/var/lib/ansible-gate/containers"
TOKEN = re.compile(r"[0-9a-f]{16}")
STOPPED = ("configured", "created", "exited", "initialized", "stopped")
LABEL = "ansible-gate.change"
UNIT = "PODMAN_SYSTEMD_UNIT"  # the label of a container that systemd makes anew at each start
ONLY_ONCE = ("--cidfile", "--conmon-pidfile", "--pidfile", "--env-file", "--env-host")
DETACHED = ("-d", "--detach", "--detach=true", "--detach=True")


class Refused(Exception):
    """A reason not to go on. Nothing was changed."""


class Podman:
    def __init__(self, module):
        self.module, self.program = module, module.get_bin_path("podman", required=True)

    def __call__(self, *words):
        """What it printed."""
        code, out, err = self.module.run_command([self.program, *words])
        if code != 0:
            raise Refused(f"podman {words[0]}: {err.strip()[-300:] or code}")
        return out

    def look(self, name):
        """What podman knows of the container, None if there is none."""
        # exists has the exit code 1 for no, and more for an error
        code, _out, err = self.module.run_command([self.program, "container", "exists", name])
        if code > 1:
            raise Refused(f"podman container exists: {err.strip()[-300:]}")
        return json.loads(self("container", "inspect", name))[0] if code == 0 else None

    def has_volume(self, name):
        return name in self("volume", "ls", "--quiet").split()


# Looking


def portrait(found):
    """The digest of what a container is; it stays on the host, since what is digested may be short enough to guess."""
    config, host = found["Config"], found["HostConfig"]
    # of its own making: podman puts the id of the container there
    environment = sorted(one for one in config.get("Env") or [] if not one.startswith("HOSTNAME="))
    told = {
        "image": found["Image"],
        "environment": environment,
        "mounts": sorted(json.dumps([one.get("Type"), one.get("Name"), one["Source"], one["Destination"], one["RW"]])
                         for one in found.get("Mounts") or [] if one.get("Type") != "volume" or is_named(one)),
        **{key: config.get(key) for key in ("Cmd", "Entrypoint", "Labels", "User", "WorkingDir", "StopSignal", "Healthcheck")},
        **{key: host.get(key) for key in ("PortBindings", "RestartPolicy", "NetworkMode", "Memory", "NanoCpus",
                                          "Privileged", "CapAdd", "CapDrop", "ReadonlyRootfs", "SecurityOpt", "ExtraHosts")},
    }  # fmt: skip
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def is_named(mount):
    """Whether somebody named the volume; podman's own names are new at each making."""
    return re.fullmatch(r"[0-9a-f]{64}", mount.get("Name") or "") is None


def making(name, found, running):
    """The words after `podman` that make the container anew, running or not."""
    words = list(found["Config"].get("CreateCommand") or [])[1:]
    if words[:1] == ["container"]:
        words = words[1:]
    image = image_in(words, found)
    if words[:1] not in (["run"], ["create"]) or image is None:
        raise Refused(f"{name} was not made by podman run or create, so it could not be made anew. Nothing was changed.")
    if found.get("Pod") or (found["Config"].get("Labels") or {}).get(UNIT):
        raise Refused(f"{name} belongs to a pod or to a unit of systemd, which make it themselves. Nothing was changed.")
    if any(one.get("Type") == "volume" and not is_named(one) for one in found.get("Mounts") or []):
        raise Refused(f"{name} has data in a volume without a name, which would be lost. Nothing was changed.")
    options, rest = words[1:image], words[image:]
    refuse_options(name, options)
    if words[0] == "create":
        return words
    return ["run", "--detach", *words[1:]] if running else ["create", *without_detach(name, options), *rest]


def image_in(words, found):
    """Where the image is; words after it are the container's own."""
    full = [one for one in (found["ImageName"], found["Config"].get("Image")) if one]
    short = ["/".join(one.split("/")[at:]) for one in full for at in range(1, one.count("/") + 1)]
    bare = [one[: -len(":latest")] for one in (*full, *short) if one.endswith(":latest")]
    for names in (full, short, bare):
        for at, word in enumerate(words):
            if word in names:
                return at
    return None


def refuse_options(name, options):
    """What would not be the same, or would fail, at a second time."""
    pairs = list(zip(options, [*options[1:], ""]))
    values = [(one.partition("=")[0], one.partition("=")[2] if "=" in one else after) for one, after in pairs]
    if [value for option, value in values if option == "--name"] != [name]:
        raise Refused(f"{name} was made under another name, so it could not be made anew. Nothing was changed.")
    for option, value in values:
        elsewhere = option in ("-e", "--env") and "=" not in value or option in ("-v", "--volume") and value[:1] == "."
        if option in ONLY_ONCE or elsewhere or (option == "--pull" and value not in ("missing", "never")):
            raise Refused(f"{name} was made with {option}, which could be another thing now. Nothing was changed.")


def without_detach(name, options):
    """create knows no --detach."""
    if any(re.fullmatch(r"-[a-zA-Z]*d[a-zA-Z]*", one) and one not in DETACHED for one in options):
        raise Refused(f"{name} is stopped, and was made so that it could only be made anew running. Nothing was changed.")
    return [one for one in options if one not in DETACHED]


def is_running(name, found):
    state = found["State"]["Status"]
    if state != "running" and state not in STOPPED:
        raise Refused(f"{name} is {state}: neither running nor stopped. Nothing was changed.")
    return state == "running"


def about(found, running):
    """What the evidence says of a container."""
    return {"id": found["Id"], "image": found["ImageName"], "image_id": found["Image"], "running": running}


# Keeping


def keep(module, podman):
    recorded = module.params["evidence"] or {}
    token = recorded.get("kept") or secrets.token_hex(8)
    past, kept = {}, {}
    for name in module.params["names"]:
        found = podman.look(name)
        running = found is not None and is_running(name, found)
        past[name] = found and about(found, running)
        if found is not None:
            kept[name] = {"words": making(name, found, running), "portrait": portrait(found)}
    absent = [one for one in module.params["volumes"] if not podman.has_volume(one)]
    evidence = {"kept": token, "past": past, "absent_volumes": absent}
    if recorded and recorded != evidence:
        raise Refused("The containers changed between the look at them and the change.")
    if kept and not module.check_mode:
        write(path_of(token), kept)
    return {"changed": bool(kept), "evidence": evidence}


def path_of(token):
    if not TOKEN.fullmatch(token):
        raise Refused("The evidence is not what this action records.")
    return f"{KEPT}/{token}.json"


def write(path, kept):
    os.makedirs(os.path.dirname(os.path.dirname(path)), mode=0o755, exist_ok=True)
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(kept, file)
        file.flush()
        os.fsync(handle)


def forget(path):
    """Takes the file away, and the folders if nobody else's is in them."""
    if os.path.lexists(path):
        os.unlink(path)
    for folder in (os.path.dirname(path), os.path.dirname(os.path.dirname(path))):
        if os.path.isdir(folder) and not os.listdir(folder):
            os.rmdir(folder)


# Going back


def restore(module, podman):
    evidence = module.params["evidence"]
    path = path_of(evidence["kept"])
    wanted = {name: evidence["past"][name] for name in module.params["names"]}
    there = {name: podman.look(name) for name in wanted}
    if module.params["labelled"]:
        refuse_others(wanted, there, evidence["kept"])
    wrong = [name for name in wanted if not is_back(wanted[name], there[name])]
    anew = [name for name in wrong if wanted[name] and not is_same(wanted[name], there[name])]
    kept = read(podman, path, wanted, anew)
    changed = bool(wrong) or os.path.lexists(path)
    if changed and not module.check_mode:
        gone = [name for name in wrong if there[name] and wanted[name] is None]
        for name in gone:  # all of them first: one may have the port of another
            podman("rm", "--force", "--time", "10", name)
        for name in wrong:
            words = kept[name] if name in anew else None
            bring_back(podman, name, wanted[name], words, f"{name}-{evidence['kept']}")
        for name in evidence["absent_volumes"]:
            remove_empty(podman, name)
        forget(path)
    return {"changed": changed}


def refuse_others(wanted, there, token):
    """Whatever is there must be what was there before, or what the change made."""
    for name, found in there.items():
        mine = found is not None and (found["Config"].get("Labels") or {}).get(LABEL) == token
        if found is not None and not mine and not is_same(wanted[name], found):
            raise Refused(f"stale: {name} was made anew since. Nothing was restored.")


def is_same(past, found):
    return past is not None and found is not None and past["id"] == found["Id"]


def is_back(past, found):
    if past is None or found is None:
        return past is found
    return is_same(past, found) and past["running"] == (found["State"]["Status"] == "running")


def read(podman, path, wanted, anew):
    """What is kept, which has to be there for all that is to be made anew; the images too."""
    if not anew:
        return {}
    try:
        with open(path) as file:
            kept = json.load(file)
    except FileNotFoundError:
        raise Refused("stale: what was kept of the containers is gone. Nothing was restored.") from None
    for name in anew:
        image = wanted[name]["image"]
        if name not in kept or podman("image", "inspect", "--format", "{{.Id}}", image).strip() != wanted[name]["image_id"]:
            raise Refused(f"stale: {image} is another image than {name} had. Nothing was restored.")
    return kept


def bring_back(podman, name, past, kept, aside):
    if past is None:
        return
    if kept is not None:
        replace(podman, name, kept, aside)
    running = podman.look(name)["State"]["Status"] == "running"
    if past["running"] and not running:
        podman("start", name)
    elif running and not past["running"]:
        podman("stop", "--time", "10", name)


def replace(podman, name, kept, aside):
    """What is there makes place, and is removed when the other one is up; if that does not come up it is back again."""
    found = podman.look(name)
    running = found is not None and found["State"]["Status"] == "running"
    if running:
        podman("stop", "--time", "10", name)
    if found is not None:
        podman("rename", name, aside)
    try:
        podman(*kept["words"])
        if portrait(podman.look(name)) != kept["portrait"]:
            raise Refused(f"{name} was made anew, but it would not be what it was.")
    except Refused:
        podman("rm", "--force", "--ignore", "--time", "0", name)
        if found is not None:
            podman("rename", aside, name)
        if running:
            podman("start", name)
        raise
    if found is not None:
        podman("rm", "--force", "--time", "0", aside)


def remove_empty(podman, volume):
    """Data are never removed, nor what another container uses."""
    if podman.has_volume(volume) and not podman("ps", "--all", "--quiet", "--filter", f"volume={volume}").strip():
        place = podman("volume", "inspect", "--format", "{{.Mountpoint}}", volume).strip()
        if not os.listdir(place):
            podman("volume", "rm", volume)


def main():
    module = AnsibleModule(
        argument_spec={
            "names": {"type": "list", "elements": "str", "required": True},
            "volumes": {"type": "list", "elements": "str", "default": []},
            "state": {"type": "str", "choices": ["kept", "restored"], "default": "kept"},
            "labelled": {"type": "bool", "default": False},
            "evidence": {"type": "dict"},
        },
        required_if=[("state", "restored", ["evidence"])],
        supports_check_mode=True,
    )
    try:
        podman = Podman(module)
        result = keep(module, podman) if module.params["state"] == "kept" else restore(module, podman)
    except (Refused, OSError) as error:
        module.fail_json(msg=str(error))
    except (KeyError, TypeError, ValueError) as error:
        module.fail_json(msg=f"The evidence, or what podman says, is not what this action knows: {error!r}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
