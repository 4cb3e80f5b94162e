"""Findings: what is wrong in an action's folder, where, why that matters and how to mend it.

The table below is the whole list of reasons; `docs/reference/action.md` prints it and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gate.values.errors import CatalogError


@dataclass(frozen=True, slots=True)
class Rule:
    """Why something is refused and how to mend it. A warning is told, not refused."""

    why: str
    mend: str
    warning: bool = False


RULES: dict[str, Rule] = {
    "folder": Rule(
        "Ansible loads plugins, settings and variables that lie beside a playbook, and a link leads out of the digest.",
        "Keep only action.yml, do.yml, do.meta.yml, undo.yml, verify.yml, proof.yml, README.md, and the folders files, "
        "templates, tasks, library, module_utils and molecule, all of them plain files.",
    ),
    "missing-file": Rule(
        "An action is do.yml, do.meta.yml and the undo.yml that takes it back.",
        "Write the file; only `reversibility: none` does without undo.yml.",
    ),
    "yaml": Rule(
        "The gate reads plain YAML only, so that it and Ansible see the same.",
        "Write one document of UTF-8 text without repeated keys, anchors, aliases or tags.",
    ),
    "action-key": Rule(
        "action.yml has a closed list of keys, each with its type; a misspelt limit would limit nothing.",
        "Write the keys as docs/reference/action.md lists them.",
    ),
    "reversibility": Rule(
        "People decide by what undo can promise.",
        "Give `reversibility_reason` for partial and none, and `on_failure: stop` where there is no undo.",
    ),
    "meta-key": Rule(
        "do.meta.yml is Ansible's play argument specification; what the gate cannot enforce it does not take.",
        "Write short_description, description and argument_specs with one entry named as the folder is.",
    ),
    "parameter-name": Rule(
        "Ansible gives this name a meaning of its own: as a parameter it could change how or where a play runs.",
        "Name it for the thing it describes, as in `service` or `listen_port`: a-z, digits, underscores.",
    ),
    "parameter-type": Rule(
        "A parameter without a closed type takes anything.",
        "Use str, int, bool, float, list with elements, or dict with options.",
    ),
    "parameter-bound": Rule(
        "Free text from an agent reaches a machine.",
        "Give `choices`, or `pattern` (it must match the whole text) together with `max_length`.",
    ),
    "parameter-default": Rule(
        "The gate sends every parameter explicitly, so each has a value: asked for, or written here.",
        "Write `required: true` or a `default` of the option's type that keeps the option's own bounds.",
    ),
    "play": Rule(
        "The gate follows parameters through the plays it understands, and refuses the rest.",
        "Write a list of plays of `hosts: all` with tasks, blocks and handlers of one module each.",
    ),
    "hosts": Rule(
        "The gate pins the approved hosts with the inventory it hands to Ansible; any other pattern could lose or "
        "widen them.",
        "Write `hosts: all`.",
    ),
    "pinning": Rule(
        "This leads the play to a machine, or by a way, that nobody approved.",
        "Leave hosts, groups, connections and the way to become somebody to the inventory.",
    ),
    "ansible-variable": Rule(
        "Variables named ansible_* say how Ansible reaches and runs things; some of them run commands.",
        "Set them in the inventory. A playbook may only set ansible_python_interpreter, without a parameter.",
    ),
    "include": Rule(
        "Only what lies in the action's folder is checked and under its digest.",
        "Name a file of the folder by a plain relative path, as in `import_tasks: tasks/install.yml`; roles and "
        "variable files are not followed.",
    ),
    "module-name": Rule(
        "A short module name can mean another module on another machine.",
        "Write the full name, as in ansible.builtin.copy, or put the module into the action's library folder.",
    ),
    "collection": Rule(
        "What an action needs has to be known before it runs.",
        "List the collection in action.yml under `requires: {collections: [...]}`.",
    ),
    "collection-missing": Rule(
        "Ansible would stop at the first task that needs it.",
        "Install it where the gate runs, as in `ansible-galaxy collection install containers.podman`; "
        "a service that runs has to be started anew.",
    ),
    "parameter-secret": Rule(
        "Of a parameter with no_log an agent gives only the name of a secret; the site lists the names, and the worker "
        "puts in the value.",
        "Write `type: str`, `no_log: true`, and `required: true` or `default: null`, for a parameter of its own.",
    ),
    "secret-flow": Rule(
        "Here the value of a secret gets into a log, the arguments of a process or the evidence, on the host or here.",
        "Give the task `no_log: true` and hand the secret to an option of a module, or to `stdin` of a command.",
    ),
    "parameter-flow": Rule(
        "Here text from outside becomes code, a path on the gate's own machine or another host.",
        "Use a module's own options, or `ansible.builtin.command` with `argv`, one parameter to one element after a "
        "fixed program; choose files and hosts by fixed names.",
    ),
    "evidence": Rule(
        "Undo restores from what do.yml recorded on each host; recorded too late, hidden or nowhere, it restores "
        "nothing.",
        "Before the first task that changes something write `ansible.builtin.set_stats` with `data: {undo: {...}}` and "
        "`per_host: true`, without no_log, run_once and delegate_to.",
    ),
    "check-mode": Rule(
        "A preview would change the machine.",
        "Leave `check_mode: false`, and `check_mode:` without a value, to tasks that only read.",
    ),
    "lookup": Rule(
        "A lookup runs on the gate's own machine, in a preview too, and some run programs, write files or ask others.",
        "Write the name of one that only reads, in quotes, as in lookup('file', 'files/motd'); have a module on the "
        "host do the rest.",
    ),
    "verify": Rule(
        "verify.yml answers whether a change holds; it must not make one.",
        "Read with stat, slurp, assert and the like, or give `changed_when: false` or `check_mode: true`.",
    ),
    "proof": Rule(
        "A proof tries what is written here; what it cannot read it cannot try.",
        "Write a list of cases with `name`, `vars` and, where the host has to be brought somewhere first, `pre_tasks`; "
        "`changes: false` where everything is so already.",
    ),
    "undecided": Rule(
        "`gate catalog adopt` cannot know this; until a person has decided it, nobody may rely on the action.",
        "Decide it, write it down, and take the mark `TODO(gate)` away.",
    ),
    "evidence-condition": Rule(
        "Where the condition does not hold nothing is recorded, and what changes there cannot be undone.",
        "Record always, or give the changing tasks the same condition.",
        warning=True,
    ),
    "ignored-errors": Rule(
        "A failure that is ignored looks like a success to everybody after it.",
        "Say with failed_when what a failure is.",
        warning=True,
    ),
    "delegation": Rule(
        "The task runs on a machine that is neither pinned nor held.",
        "Make that machine a target of an action of its own where you can.",
        warning=True,
    ),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: `file:line`, the rule's name, what was found, and the mend. Lines start at 1."""

    file: Path
    line: int
    rule: str
    what: str
    mend: str
    warning: bool = False

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what} [{self.rule}]"


def finding(file: Path, line: int, rule: str, what: str) -> Finding:
    """A finding under a rule of the table."""
    return Finding(file, line, rule, what, RULES[rule].mend, RULES[rule].warning)


class BrokenActionError(CatalogError):
    """An action's folder breaks rules of the catalog: `findings`, one at least."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        first = self.findings[0]
        more = f" ({len(self.findings) - 1} more: `gate catalog check` lists them.)" if self.findings[1:] else ""
        super().__init__(f"{first}.{more}", RULES[first.rule].why, first.mend)


def broken(file: Path, line: int, rule: str, what: str) -> BrokenActionError:
    """The error of one finding."""
    return BrokenActionError([finding(file, line, rule, what)])
