#!/usr/bin/python
"""Unpack a release archive and make it current, or go back from the evidence of that.

Promises: only the archive with the given digest is unpacked; a release appears whole or not at all, and `current` moves
in one step; a release that is there already must hold exactly what the archive holds.
Refuses: archives that reach outside their directory or hold devices, a `current` that is no link, symlinks on the way,
going back over what somebody changed since.
"""

from __future__ import annotations

import os
import posixpath
import re
import shutil

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.release_contents import (
    Refused,
    contents_of_archive,
    contents_of_directory,
    digest_of,
    tree_digest,
    unpack_archive,
)

DOCUMENTATION = r"""
module: release
short_description: Make a release current, with evidence to go back
description:
  - Unpacks BASE/APP/releases/VERSION and links BASE/APP/current to it, or takes exactly that back.
options:
  root: {type: str, default: "", description: [Directory that stands for the root of the host.]}
  base: {type: str, default: /srv, description: [Where applications live.]}
  store: {type: str, description: [Where the archives APP-VERSION.tar.gz are.]}
  state: {type: str, choices: [current, restored], default: current, description: [What is wanted.]}
  app: {type: str, required: true, description: [The application.]}
  version: {type: str, required: true, description: [The version.]}
  sha256: {type: str, description: [SHA-256 of the archive.]}
  evidence: {type: dict, description: [What an earlier call returned as evidence.]}
author: [ansible-gate]
"""

EXAMPLES = r"""
- name: Make a release current
  release: {store: /srv/releases/store, app: shop, version: 1.4.2, sha256: "{{ sha256 }}"}
"""

RETURN = r"""
evidence:
  description: The link before, what will be made, and the digest of the release; all that is needed to go back.
  returned: when state is current
  type: dict
"""

APP = re.compile(r"[a-z0-9][a-z0-9_-]*")
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


class Layout:
    """Where things of one release are: `home/current -> releases/VERSION`. Attributes are places on this machine."""

    def __init__(self, root, base, app, version):
        if not APP.fullmatch(app) or not VERSION.fullmatch(version):
            raise Refused("That is no name of an application and a version.")
        self.root = root
        self.home_path = posixpath.join(base, app)
        self.releases_path = posixpath.join(self.home_path, "releases")
        self.home = place_of(root, self.home_path)
        self.releases = place_of(root, self.releases_path)
        self.release = place_of(root, posixpath.join(self.releases_path, version))
        self.current = os.path.join(self.home, "current")
        self.target = f"releases/{version}"
        # What only a run that was cut off leaves behind; undo removes it.
        self.coming = os.path.join(self.releases, f".{version}.coming")
        self.going = os.path.join(self.releases, f".{version}.going")
        self.new_link = os.path.join(self.home, ".current.coming")

    def leftovers(self):
        return [place for place in (self.coming, self.going, self.new_link) if os.path.lexists(place)]


# The host: looking


def place_of(root, path):
    """Where `path` is on this machine. A symlink on the way, or a `..`, is refused."""
    top = os.path.realpath(root or "/")
    if not os.path.isabs(root or "/") or not os.path.isdir(top):
        raise Refused(f"gate_root must be a directory that is there, with its full path; it is {root!r}.")
    place = os.path.join(top, path.lstrip("/"))
    if not path.startswith("/") or os.path.realpath(place) != place:
        raise Refused(f"{path} is not a plain absolute path: a symlink or '..' is on the way.")
    return place


def open_archive(root, store, app, version, sha256):
    """The archive as an open file, after its digest was found right."""
    path = posixpath.join(store, f"{app}-{version}.tar.gz")
    try:
        file = open(place_of(root, path), "rb")
    except FileNotFoundError:
        raise Refused(f"There is no archive {path} on the host.") from None
    found = digest_of(file)
    if found != sha256:
        file.close()
        raise Refused(f"The archive {path} has the SHA-256 {found}, not {sha256}.")
    file.seek(0)
    return file


def link_at(place):
    """The target of the link as text, None if there is nothing."""
    if not os.path.lexists(place):
        return None
    if not os.path.islink(place):
        raise Refused(f"{place} is there and is no link.")
    return os.readlink(place)


def evidence_of(at, contents):
    previous = link_at(at.current)
    had_release = os.path.lexists(at.release)
    if had_release and contents_of_directory(at.release) != contents:
        raise Refused(f"{at.release} is there with other content than the archive's.")
    if at.leftovers():
        raise Refused(f"{at.leftovers()[0]} is left from a run that was cut off. Undo that run, or remove it by hand.")
    return {
        "target": at.target,
        "previous": previous,
        "previous_alive": os.path.exists(at.current),
        "had_release": had_release,
        "tree": tree_digest(contents),
        "made_directories": missing_directories(at),
    }


def missing_directories(at):
    """The directories to be made, outermost first, as the host names them."""
    place, path, missing = at.release, at.releases_path + "/x", []
    while not os.path.lexists(os.path.dirname(place)):
        place, path = os.path.dirname(place), os.path.dirname(path)
        missing.insert(0, path)
    return missing


# The host: changing


def make_current(module):
    wish = module.params
    at = Layout(wish["root"], wish["base"], wish["app"], wish["version"])
    with open_archive(wish["root"], wish["store"], wish["app"], wish["version"], wish["sha256"]) as file:
        contents = contents_of_archive(file)
        evidence = evidence_of(at, contents)
        if wish["evidence"] not in (None, evidence):
            raise Refused("The releases changed between the look at them and the change.")
        changed = not evidence["had_release"] or evidence["previous"] != at.target
        if changed and not module.check_mode:
            if not evidence["had_release"]:
                make_directories(wish["root"], evidence["made_directories"])
                unpack(file, at, contents)
            point(at, at.target)
    before = told(at, evidence["previous"], len(contents) if evidence["had_release"] else 0)
    after = told(at, at.target, len(contents))
    return {"changed": changed, "evidence": evidence, **difference(module, before, after)}


def make_directories(root, paths):
    for path in paths:
        place = place_of(root, path)
        os.mkdir(place)
        os.chmod(place, 0o755)


def unpack(file, at, contents):
    """Unpacks beside the place and moves the whole there, so that nobody sees half a release."""
    try:
        unpack_archive(file, at.coming, contents)
        os.rename(at.coming, at.release)
    except BaseException:
        shutil.rmtree(at.coming, ignore_errors=True)
        raise


def point(at, target):
    """Moves `current` in one step."""
    if link_at(at.current) == target:
        return
    if os.path.lexists(at.new_link):
        os.unlink(at.new_link)
    os.symlink(target, at.new_link)
    os.rename(at.new_link, at.current)


# Going back


def restore(module):
    wish, evidence = module.params, module.params["evidence"]
    at = Layout(wish["root"], wish["base"], wish["app"], wish["version"])
    if evidence["target"] != at.target:
        raise Refused(f"The evidence is of {evidence['target']}, not of {at.target}.")
    directories = [place_of(wish["root"], path) for path in evidence["made_directories"]]
    refuse_stale(at, evidence, directories)
    now = link_at(at.current)
    there = contents_of_directory(at.release) if os.path.lexists(at.release) else {}
    goes = [*at.leftovers(), *directories] + ([] if evidence["had_release"] else [at.release])
    changed = now != evidence["previous"] or any(os.path.lexists(place) for place in goes)
    if changed and not module.check_mode:
        go_back(at, evidence, directories)
    stays = len(there) if evidence["had_release"] else 0
    before, after = told(at, now, len(there)), told(at, evidence["previous"], stays)
    return {"changed": changed, **difference(module, before, after)}


def refuse_stale(at, evidence, directories):
    """Everything must be as the change left it, or already as it was before."""
    now = link_at(at.current)
    if now not in (at.target, evidence["previous"]):
        raise Refused(f"stale: {at.current} now leads to {now}. Nothing was changed.")
    if os.path.lexists(at.release):
        if tree_digest(contents_of_directory(at.release)) != evidence["tree"]:
            raise Refused(f"stale: {at.release} is no longer as it was unpacked. Nothing was changed.")
    elif evidence["had_release"] or now != evidence["previous"]:
        raise Refused(f"stale: {at.release} is gone. Nothing was changed.")
    if evidence["previous_alive"] and not os.path.exists(os.path.join(at.home, evidence["previous"])):
        raise Refused(f"stale: the release before, {evidence['previous']}, is gone. Nothing was changed.")
    ours = {at.release, at.current, *at.leftovers(), *directories}
    for directory in filter(os.path.isdir, directories):
        if any(os.path.join(directory, name) not in ours for name in os.listdir(directory)):
            raise Refused(f"stale: {directory} now holds more than the change put there. Nothing was changed.")


def go_back(at, evidence, directories):
    """First the link, then what nobody uses any more; every step can be repeated."""
    if evidence["previous"] is not None:
        point(at, evidence["previous"])
    elif os.path.islink(at.current):
        os.unlink(at.current)
    if not evidence["had_release"] and os.path.lexists(at.release):
        os.rename(at.release, at.going)
    for place in at.leftovers():
        os.unlink(place) if os.path.islink(place) else shutil.rmtree(place)
    for directory in reversed(directories):
        if os.path.isdir(directory):
            os.rmdir(directory)


def told(at, target, entries):
    """The state in words, for the diff; `entries` counts what the release holds, 0 means that it is not there."""
    link = f"-> {target}" if target is not None else "absent"
    release = f"{entries} entries" if entries else "absent"
    return f"{at.home_path}/current {link}\n{at.home_path}/{at.target} {release}\n"


def difference(module, before, after):
    return {"diff": {"before": before, "after": after}} if module._diff else {}


def main():
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "str", "default": ""},
            "base": {"type": "str", "default": "/srv"},
            "store": {"type": "str"},
            "state": {"type": "str", "choices": ["current", "restored"], "default": "current"},
            "app": {"type": "str", "required": True},
            "version": {"type": "str", "required": True},
            "sha256": {"type": "str"},
            "evidence": {"type": "dict"},
        },
        required_if=[("state", "current", ["store", "sha256"]), ("state", "restored", ["evidence"])],
        supports_check_mode=True,
    )
    try:
        result = make_current(module) if module.params["state"] == "current" else restore(module)
    except (Refused, OSError) as error:
        module.fail_json(msg=str(error))
    except (KeyError, TypeError) as error:
        module.fail_json(msg=f"The evidence is not what this action records: {error!r}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
