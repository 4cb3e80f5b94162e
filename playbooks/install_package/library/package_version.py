#!/usr/bin/python
"""Install one version of a Debian package, or remove the package, with evidence to have exactly the old ones back.

Promises: what apt would do is asked first, and nothing is removed that was not named; each package that comes, goes or
changes is in the evidence with its version, and with whether it was asked for or came along.
Refuses: a version that cannot be had, a package whose present version could not be had again, a held package, going
back over what somebody changed since.
"""

from __future__ import annotations

import re

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: package_version
short_description: Install one version of a Debian package or remove it, with evidence to go back
description:
  - Installs exactly one version of a package, removes the package, or restores what was there before one of the two.
options:
  name: {type: str, required: true, description: [The package.]}
  version: {type: str, default: "", description: [The version to install.]}
  state: {type: str, choices: [installed, removed, restored], default: installed, description: [What is wanted.]}
  evidence: {type: dict, description: [What an earlier call returned as evidence.]}
author: [ansible-gate]
"""

EXAMPLES = r"""
- name: Install one version
  package_version: {name: htop, version: 3.2.2-2}
"""

RETURN = r"""
evidence:
  description: Each package that changes, with its version before and after and whether it came along.
  returned: when state is installed or removed
  type: dict
"""

NAME = re.compile(r"[a-z0-9][a-z0-9+.-]*")
VERSION = re.compile(r"[0-9][A-Za-z0-9.+:~-]*")
INSTALLED, LEFT_OVER, ABSENT = "installed", "left-over", "absent"  # left over are its configuration files
APT = ["apt-get", "--quiet", "--assume-yes", "--allow-downgrades", "--no-install-recommends"]
APT += ["-o", "Dpkg::Options::=--force-confold", "-o", "DPkg::Lock::Timeout=60"]
PLAIN = {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}


class Refused(Exception):
    """A reason not to go on. Nothing was changed."""


class Packages:
    """The packages of this machine, as apt and dpkg tell of them."""

    def __init__(self, module):
        self._module = module

    def run(self, *words, fails=True):
        code, out, wrong = self._module.run_command(list(words), environ_update=PLAIN)
        if code != 0 and fails:
            raise Refused(f"{' '.join(words)}: {(wrong or out).strip()[-600:]}")
        return out

    def now(self, names):
        """name -> {state, version, automatic}, for each of them."""
        found = {name: {"state": ABSENT, "version": None, "automatic": False} for name in names}
        if not names:
            return found
        shape = "${Package} ${db:Status-Want} ${db:Status-Status} ${Version}\n"
        automatic = set(self.run("apt-mark", "showauto", *names).split())
        for line in self.run("dpkg-query", "--show", f"--showformat={shape}", *names, fails=False).splitlines():
            name, want, status, version = line.split(" ", 3)
            if want == "hold":
                raise Refused(f"{name} is held. Release the hold first.")
            if status == "installed":
                found[name] = {"state": INSTALLED, "version": version, "automatic": name in automatic}
            elif status == "config-files":
                found[name] = {"state": LEFT_OVER, "version": None, "automatic": False}
            elif status != "not-installed":
                raise Refused(f"{name} is {status}: dpkg was broken off. Mend that first: dpkg --configure -a")
        return found

    def plan(self, *words):
        """What apt would do: name -> the version that it would have then, None for a removal."""
        told = self.run(*APT, "--simulate", *words)
        changes = {name: version for name, version in re.findall(r"^Inst (\S+) .*?\((\S+) ", told, re.MULTILINE)}
        changes |= dict.fromkeys(re.findall(r"^(?:Remv|Purg) (\S+)", told, re.MULTILINE))
        return {name.partition(":")[0]: version for name, version in changes.items()}

    def can_be_had(self, name, version):
        return "\nFilename: " in "\n" + self.run("apt-cache", "show", f"{name}={version}", fails=False)


def wanted(name, version, state):
    return ["install", f"{name}={version}"] if state == INSTALLED else ["remove", name]


def is_so(before, version, state):
    if state == INSTALLED:
        return before["version"] == version
    return before["state"] != INSTALLED


def foresee(packages, name, version, state):
    """The evidence of a change.

    Raises:
        Refused: it cannot be done, or could not be taken back.
    """
    if is_so(packages.now([name])[name], version, state):
        return {"packages": {}, "after": {}}
    after = packages.plan(*wanted(name, version, state))
    if others := sorted(one for one, then in after.items() if then is None and one != name):
        raise Refused(f"apt would remove {', '.join(others)} too.")
    before = packages.now(sorted(after))
    for one, was in before.items():
        if was["state"] == INSTALLED and not packages.can_be_had(one, was["version"]):
            raise Refused(f"{one} {was['version']} could not be had again: no source has it.")
    return {"packages": before, "after": after}


def refuse_stale(packages, evidence):
    """Refused if somebody has changed one of the packages since."""
    for name, one in packages.now(sorted(evidence["packages"])).items():
        if one["version"] not in (evidence["packages"][name]["version"], evidence["after"][name]):
            raise Refused(f"stale: {name} is {one['version'] or 'absent'} now. Nothing was changed.")


def restore(packages, evidence):
    """Has the packages of the evidence as they were. Returns whether anything was done."""
    before, now = evidence["packages"], packages.now(sorted(evidence["packages"]))
    back = [f"{name}={was['version']}" for name, was in before.items() if was["version"] not in (None, now[name]["version"])]
    away = [name for name, was in before.items() if was["state"] != INSTALLED and now[name]["state"] == INSTALLED]
    gone = [name for name, was in before.items() if was["state"] == ABSENT and now[name]["state"] != ABSENT]
    planned = packages.plan("install", *back, *(f"{name}-" for name in away)) if back or away else {}
    if others := sorted(set(planned) - set(before)):
        raise Refused(f"stale: apt would change {', '.join(others)} too. Nothing was changed.")
    if back or away:
        packages.run(*APT, "install", *back, *(f"{name}-" for name in away))
    if gone:
        packages.run(*APT, "purge", *gone)
    for how, automatic in (("auto", True), ("manual", False)):
        names = [name for name, was in before.items() if was["state"] == INSTALLED and was["automatic"] == automatic]
        if names:
            packages.run("apt-mark", how, *names)
    return bool(back or away or gone)


def change(packages, params, check_mode):
    name, version, state = params["name"], params["version"], params["state"]
    if not NAME.fullmatch(name) or (state == INSTALLED and not VERSION.fullmatch(version)):
        raise Refused("That is no name of a package and a version.")
    if state == "restored":
        refuse_stale(packages, params["evidence"])
        differs = packages.now(sorted(params["evidence"]["packages"])) != params["evidence"]["packages"]
        return {"changed": differs if check_mode else restore(packages, params["evidence"])}
    evidence = foresee(packages, name, version, state)
    if params["evidence"] is not None and evidence != params["evidence"]:
        raise Refused("The packages have changed since they were looked at. Nothing was changed.")
    if evidence["after"] and not check_mode:
        packages.run(*APT, *wanted(name, version, state))
    lines = {one: (was["version"] or was["state"], evidence["after"][one] or ABSENT) for one, was in evidence["packages"].items()}
    diff = {
        "before": "".join(f"{one} {was}\n" for one, (was, _) in sorted(lines.items())),
        "after": "".join(f"{one} {then}\n" for one, (_, then) in sorted(lines.items())),
    }
    return {"changed": bool(evidence["after"]), "evidence": evidence, "diff": diff}


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "version": {"type": "str", "default": ""},
            "state": {"type": "str", "choices": [INSTALLED, "removed", "restored"], "default": INSTALLED},
            "evidence": {"type": "dict"},
        },
        required_if=[("state", "restored", ["evidence"]), ("state", INSTALLED, ["version"])],
        supports_check_mode=True,
    )
    try:
        module.exit_json(**change(Packages(module), module.params, module.check_mode))
    except Refused as reason:
        module.fail_json(msg=str(reason))


if __name__ == "__main__":
    main()
