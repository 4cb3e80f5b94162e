"""`gate catalog new`: a folder for a new action that already passes `check`, and says where a person has to decide."""

from __future__ import annotations

from pathlib import Path

from gate.catalog.names import refused_name
from gate.values.errors import CatalogError

_FILES = {
    "action.yml": """\
---
risk: 30                       # decide: 0-100, what can go wrong
targets: {groups: [], max_hosts: 1}   # decide: on hosts of which groups, and how many at once
reversibility: full            # decide: full, or partial or none with reversibility_reason
check: full                    # decide: how far --check can be trusted
on_failure: undo               # decide: undo or stop
timeout_s: 120
undo_window: 7d
owner: nobody-yet              # decide: who answers for it
phrases:                       # decide: how people ask for it
  - NAME on web-01
""",
    "do.meta.yml": """\
---
short_description: Write one line into a file of its own
description: Writes the file /etc/NAME.conf with one line.
argument_specs:
  NAME:
    short_description: Write one line into a file of its own
    options:
      line:
        type: str
        required: true
        description: The line.
        pattern: "[A-Za-z0-9][A-Za-z0-9 =._-]*"   # decide: what may be asked for, and nothing else
        max_length: 80
    examples: |
      - ansible.builtin.import_playbook: do.yml
        vars: {line: hello}
""",
    "do.yml": """\
---
- name: Write one line into a file of its own
  hosts: all
  gather_facts: false
  vars:
    file: /etc/NAME.conf
  tasks:
    - name: Look at the file
      ansible.builtin.stat:
        path: "{{ file }}"
      register: found

    - name: Read it
      ansible.builtin.slurp:
        src: "{{ file }}"
      when: found.stat.exists
      register: text

    - name: Refuse what could not be brought back
      ansible.builtin.assert:
        that: not found.stat.exists or (found.stat.isreg and (text.content | b64decode | b64encode) == text.content)
        fail_msg: "{{ file }} is no plain text file."
        quiet: true

    # before the first task that changes something; `resources` names what is touched
    - name: Record the evidence
      ansible.builtin.set_stats:
        data:
          undo:
            resources: ["file:{{ file }}"]
            content: "{{ text.content | default(none) }}"
            owner: "{{ found.stat.uid | default(0) }}"
            group: "{{ found.stat.gid | default(0) }}"
            mode: "{{ found.stat.mode | default('0644') }}"
        per_host: true
        aggregate: false

    - name: Write the file
      ansible.builtin.copy:
        dest: "{{ file }}"
        content: "{{ line }}\\n"
        owner: root
        group: root
        mode: "0644"
""",
    "undo.yml": """\
---
- name: Bring the file back
  hosts: all
  gather_facts: false
  vars:
    file: /etc/NAME.conf
    before: "{{ evidence[inventory_hostname] }}"
  tasks:
    - name: Refuse a host without evidence
      ansible.builtin.assert:
        that: inventory_hostname in evidence
        fail_msg: "Nothing was recorded for {{ inventory_hostname }}."
        quiet: true

    - name: Look at the file
      ansible.builtin.slurp:
        src: "{{ file }}"
      failed_when: false
      register: seen

    - name: It must be as the change left it, or as it was before
      ansible.builtin.assert:
        that: seen.content | default(none) in [before.content, (line ~ '\\n') | b64encode]
        fail_msg: "stale: {{ file }} was edited since. Nothing was changed."
        quiet: true

    - name: Write what was there
      ansible.builtin.copy:
        dest: "{{ file }}"
        content: "{{ before.content | b64decode }}"
        owner: "{{ before.owner }}"
        group: "{{ before.group }}"
        mode: "{{ before.mode }}"
      when: before.content is not none

    - name: Take away what was not there
      ansible.builtin.file:
        path: "{{ file }}"
        state: absent
      when: before.content is none
""",
    "verify.yml": """\
---
- name: Check that the line is there
  hosts: all
  gather_facts: false
  tasks:
    - name: Read the file
      ansible.builtin.slurp:
        src: /etc/NAME.conf
      register: seen

    - name: It must hold the line and nothing else
      ansible.builtin.assert:
        that: (seen.content | b64decode) == line ~ '\\n'
        fail_msg: /etc/NAME.conf holds something else.
        quiet: true
""",
    "proof.yml": """\
---
# decide: which states a host can be in; `gate catalog prove NAME` tries each of them
- name: no file is there
  pre_tasks:
    - name: Take it away
      ansible.builtin.file: {path: /etc/NAME.conf, state: absent}
  vars: {line: hello}

- name: another line, in a file with a mode and an owner of its own
  pre_tasks:
    - name: Write it
      ansible.builtin.copy: {dest: /etc/NAME.conf, content: "by hand\\n", owner: www-data, mode: "0640"}
  vars: {line: hello}

- name: it is so already
  changes: false
  pre_tasks:
    - name: Write it
      ansible.builtin.copy: {dest: /etc/NAME.conf, content: "hello\\n", owner: root, mode: "0644"}
  vars: {line: hello}
""",
    "README.md": """\
# NAME

Writes one line into `/etc/NAME.conf`.

**Not for** (decide): when people should take something else.

**Evidence**: the file as it was. **Undo** brings it back. It stops with `stale:` if somebody has edited it since.
""",
}


def new_action(parent: Path, name: str) -> list[Path]:
    """Makes the folder `parent`/`name`; returns its files.

    Raises:
        CatalogError: the name is none for an action, there is such a folder, or it cannot be written.
    """
    if why := refused_name(name):
        raise CatalogError(
            f"{name!r} is no name of an action.", f"It {why}.", "Write what it does: a-z, digits and underscores."
        )
    folder = parent / name
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise CatalogError(f"{folder} is there already.", "Nothing is overwritten.", "Choose another name.") from None
    except OSError as wrong:
        raise CatalogError(f"{folder} cannot be made.", f"{wrong.strerror}.", "Choose another place.") from None
    for file, text in _FILES.items():
        (folder / file).write_text(text.replace("NAME", name))
    return [folder / file for file in _FILES]
