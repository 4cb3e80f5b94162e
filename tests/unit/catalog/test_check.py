"""Every rule of the catalog: one folder that breaks it, on a known line, and one beside it that does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from gate.catalog.check import check_action
from gate.catalog.finding import RULES, Finding

HEAD = "- hosts: all\n  tasks:\n"
EVIDENCE = """\
    - name: Record
      ansible.builtin.set_stats: {data: {undo: {a: 1}}, per_host: true}
"""
# a task on line 5 of do.yml, after the evidence
BEFORE = HEAD + EVIDENCE


def do(task: str, head: str = BEFORE) -> dict[str, str | None]:
    return {"do.yml": head + "".join(f"    {line}\n" for line in task.splitlines())}


def refused(folder: Path) -> list[tuple[str, str, int]]:
    return [(f.rule, str(f.file.relative_to(folder)), f.line) for f in check_action(folder) if not f.warning]


def found(folder: Path) -> list[tuple[str, str, int]]:
    return [(f.rule, str(f.file.relative_to(folder)), f.line) for f in check_action(folder)]


def test_the_good_action_has_no_findings(make_action) -> None:
    assert check_action(make_action()) == []


def secret(option: str) -> dict[str, str | None]:
    head = "short_description: S\nargument_specs:\n  restart_unit:\n    options:\n"
    others = "".join(f"      {name}: {{type: int, default: 1}}\n" for name in ("unit", "wait"))
    return {"do.meta.yml": f"{head}{others}      key: {option}\n"}


KEYED = secret("{type: str, required: true, no_log: true}")


def keyed(task: str) -> dict[str, str | None]:
    return do(task) | KEYED


BAD: list[tuple[str, dict[str, str | None], str, int]] = [
    ("folder", {"callback_plugins/x.py": ""}, "callback_plugins", 1),
    ("folder", {"ansible.cfg": ""}, "ansible.cfg", 1),
    ("folder", {"group_vars/all.yml": ""}, "group_vars", 1),
    ("missing-file", {"do.yml": None}, "do.yml", 1),
    ("proof", {"proof.yml": "- {name: x}\n- {name: y, tasks: []}\n"}, "proof.yml", 2),
    ("proof", {"proof.yml": "[]\n"}, "proof.yml", 1),
    ("missing-file", {"undo.yml": None}, "undo.yml", 1),
    ("missing-file", {"do.meta.yml": None}, "do.meta.yml", 1),
    ("missing-file", {"action.yml": None}, "action.yml", 1),
    ("yaml", {"undo.yml": "- hosts: all\n  hosts: web\n"}, "undo.yml", 2),
    ("yaml", {"verify.yml": "- hosts: [\n"}, "verify.yml", 2),
    ("action-key", {"action.yml": "risk: 1\nfoo: 2\n"}, "action.yml", 2),
    ("reversibility", {"action.yml": "risk: 1\ntargets: {max_hosts: 1}\nreversibility: none\ncheck: full\n"
                       "on_failure: stop\ntimeout_s: 1\nowner: me\n"}, "action.yml", 3),
    ("meta-key", {"do.meta.yml": "short_description: S\nfoo: 1\nargument_specs: {restart_unit: {}}\n"},
     "do.meta.yml", 2),
    ("parameter-name", {"do.meta.yml": "short_description: S\nargument_specs:\n  restart_unit:\n    options:\n"
                        "      ansible_connection: {type: int, default: 1}\n"}, "do.meta.yml", 5),
    ("parameter-type", {"do.meta.yml": "short_description: S\nargument_specs:\n  restart_unit:\n    options:\n"
                        "      x: {type: list, default: []}\n"}, "do.meta.yml", 5),
    ("parameter-bound", {"do.meta.yml": "short_description: S\nargument_specs:\n  restart_unit:\n    options:\n"
                         "      x: {type: str, required: true}\n"}, "do.meta.yml", 5),
    ("parameter-default", {"do.meta.yml": "short_description: S\nargument_specs:\n  restart_unit:\n    options:\n"
                           "      x: {type: int}\n"}, "do.meta.yml", 5),
    ("parameter-secret", secret("{type: str, required: true, no_log: true, pattern: a, max_length: 3}"),
     "do.meta.yml", 7),
    ("parameter-secret", secret("{type: str, required: true, no_log: true, choices: [a]}"), "do.meta.yml", 7),
    ("parameter-secret", secret("{type: int, required: true, no_log: true}"), "do.meta.yml", 7),
    ("parameter-secret", secret("{type: str, default: a, no_log: true}"), "do.meta.yml", 7),
    ("parameter-secret",
     secret("{type: dict, required: true, options: {a: {type: str, required: true, no_log: true}}}"), "do.meta.yml", 7),
    ("secret-flow", keyed("- ansible.builtin.copy: {content: '{{ key }}', dest: /x}"), "do.yml", 5),
    ("secret-flow", keyed("- ansible.builtin.copy: {content: '{{ key }}', dest: /x}\n  no_log: '{{ true }}'"),
     "do.yml", 5),
    ("secret-flow", keyed("- ansible.builtin.ping:\n  name: '{{ key }}'\n  no_log: true"), "do.yml", 6),
    ("secret-flow", keyed("- ansible.builtin.ping:\n  environment: {A: '{{ key }}'}\n  no_log: true"), "do.yml", 6),
    ("secret-flow", keyed("- ansible.builtin.ping:\n  when: key == 'a'"), "do.yml", 5),
    ("secret-flow", keyed("- ansible.builtin.assert: {that: [key != '']}"), "do.yml", 5),
    ("secret-flow", keyed("- ansible.builtin.command: {argv: [x, '{{ key }}']}\n  no_log: true"), "do.yml", 5),
    ("secret-flow", keyed("- ansible.builtin.shell: x {{ key }}\n  no_log: true"), "do.yml", 5),
    ("secret-flow", keyed("- ansible.builtin.set_fact: {a: '{{ key }}'}\n  no_log: true\n"
                          "- ansible.builtin.debug: {msg: '{{ a }}'}"), "do.yml", 7),
    ("secret-flow", keyed("- ansible.builtin.copy: {content: '{{ key }}', dest: /x}\n  no_log: true\n  register: a\n"
                          "- ansible.builtin.debug: {msg: '{{ a }}'}"), "do.yml", 8),
    ("secret-flow", keyed("- ansible.builtin.debug: {msg: \"{{ vars['k' ~ 'ey'] }}\"}"), "do.yml", 5),
    ("secret-flow", keyed("- ansible.builtin.debug: {msg: '{{ item }}'}\n  loop: ['{{ key }}']"), "do.yml", 5),
    ("secret-flow", keyed("- ansible.builtin.template: {src: x.j2, dest: /x}") | {"templates/x.j2": "{{ key }}"},
     "do.yml", 5),
    ("secret-flow", keyed("- block:\n    - ansible.builtin.debug: {msg: '{{ a }}'}\n  vars: {a: '{{ key }}'}"),
     "do.yml", 6),
    ("secret-flow", keyed("- ansible.builtin.ping:") | {"undo.yml": "- hosts: all\n  environment: {A: '{{ key }}'}\n"},
     "undo.yml", 2),
    ("secret-flow", {"do.yml": HEAD + EVIDENCE.replace("a: 1", "a: '{{ key }}'")} | KEYED, "do.yml", 4),
    # the shape of plays
    ("play", {"undo.yml": "hosts: all\n"}, "undo.yml", 1),
    ("play", {"undo.yml": ""}, "undo.yml", 1),
    ("play", {"undo.yml": "- just text\n"}, "undo.yml", 1),
    ("play", {"undo.yml": "- hosts: all\n  taks: []\n"}, "undo.yml", 2),
    ("play", {"undo.yml": "- hosts: all\n  tasks: {}\n"}, "undo.yml", 2),
    ("play", do("- name: nothing"), "do.yml", 5),
    ("play", do("- {ansible.builtin.debug: , ansible.builtin.ping: }"), "do.yml", 5),
    ("play", do("- action: '{{ unit }}'"), "do.yml", 5),
    ("play", do("- local_action: ansible.builtin.command id"), "do.yml", 5),
    ("play", do("- {block: [], foo: 1}"), "do.yml", 5),
    ("play", do("- {ansible.builtin.debug: , debugger: always}"), "do.yml", 5),
    ("hosts", {"undo.yml": "- tasks: []\n  hosts: web\n"}, "undo.yml", 2),
    ("hosts", {"undo.yml": "- hosts: '{{ unit }}'\n"}, "undo.yml", 1),
    ("hosts", {"undo.yml": "- hosts: all\n- hosts: localhost\n"}, "undo.yml", 2),
    ("hosts", {"undo.yml": "- tasks: []\n"}, "undo.yml", 1),
    ("pinning", {"undo.yml": "- hosts: all\n  connection: local\n"}, "undo.yml", 2),
    ("pinning", do("- {ansible.builtin.ping: , connection: local}"), "do.yml", 5),
    ("pinning", do("- ansible.builtin.add_host: {name: x}"), "do.yml", 5),
    ("pinning", do("- ansible.builtin.group_by: {key: x}"), "do.yml", 5),
    ("pinning", do("- ansible.builtin.meta: refresh_inventory"), "do.yml", 5),
    ("ansible-variable", {"undo.yml": "- hosts: all\n  vars:\n    ansible_connection: local\n"}, "undo.yml", 3),
    ("ansible-variable", do("- ansible.builtin.set_fact: {ansible_host: other}"), "do.yml", 5),
    ("ansible-variable", do("- {ansible.builtin.ping: , register: ansible_facts}"), "do.yml", 5),
    ("ansible-variable", do("- ansible.builtin.ping:\n  vars: {ansible_python_interpreter: '{{ unit }}'}"),
     "do.yml", 6),
    ("include", {"undo.yml": "- hosts: all\n  roles: [x]\n"}, "undo.yml", 2),
    ("include", {"undo.yml": "- hosts: all\n  vars_files: [x.yml]\n"}, "undo.yml", 2),
    ("include", {"undo.yml": "- hosts: all\n  vars_prompt: []\n"}, "undo.yml", 2),
    ("include", {"undo.yml": "- ansible.builtin.import_playbook: do.yml\n"}, "undo.yml", 1),
    ("include", do("- ansible.builtin.include_role: {name: x}"), "do.yml", 5),
    ("include", do("- ansible.builtin.include_vars: {file: x.yml}"), "do.yml", 5),
    ("include", do("- ansible.builtin.include_tasks: '{{ unit }}.yml'"), "do.yml", 5),
    ("include", do("- ansible.builtin.include_tasks: {file: ../other/do.yml}"), "do.yml", 5),
    ("include", do("- ansible.builtin.import_tasks: /etc/x.yml"), "do.yml", 5),
    ("include", do("- ansible.builtin.import_tasks: nowhere.yml"), "do.yml", 5),
    ("include", do("- ansible.builtin.import_tasks: .ansible/x.yml"), "do.yml", 5),
    ("include", do("- ansible.builtin.import_tasks: x.yml") | {"tasks/x.yml": "[]", "x.yml": "[]"}, "do.yml", 5),
    ("include", do("- ansible.builtin.import_tasks: x.yml")
     | {"tasks/x.yml": "- ansible.builtin.import_tasks: x.yml\n"}, "tasks/x.yml", 1),
    ("include", do("- ansible.builtin.copy: {src: /etc/shadow, dest: /tmp/x}"), "do.yml", 5),
    ("include", do("- ansible.builtin.template: {src: ../x.j2, dest: /tmp/x}"), "do.yml", 5),
    ("include", do("- ansible.builtin.script: /bin/x --now"), "do.yml", 5),
    ("module-name", do("- debug:"), "do.yml", 5),
    ("module-name", do("- community.mount:"), "do.yml", 5),
    ("collection", do("- ansible.posix.mount: {path: /x}"), "do.yml", 5),
    # where parameters must not go
    ("parameter-flow", do("- ansible.builtin.shell: systemctl restart {{ unit }}"), "do.yml", 5),
    ("parameter-flow", do("- ansible.builtin.shell: systemctl restart {{ unit | quote }}"), "do.yml", 5),
    ("parameter-flow", do("- ansible.builtin.shell:\n    cmd: x\n    chdir: '{{ unit }}'"), "do.yml", 5),
    ("parameter-flow", do("- ansible.legacy.shell: echo {{ unit }}") | {
        "action.yml": None}, "do.yml", 5),
    ("parameter-flow", do("- ansible.builtin.raw: echo {{ unit }}"), "do.yml", 5),
    ("parameter-flow", do("- ansible.builtin.script: x.sh {{ unit }}"), "do.yml", 5),
    ("parameter-flow", do("- ansible.builtin.expect: {command: '{{ unit }}'}"), "do.yml", 5),
    ("parameter-flow", do("- ansible.builtin.command: echo {{ unit }}"), "do.yml", 5),
    ("parameter-flow", do("- ansible.builtin.command:\n    cmd: echo {{ unit }}"), "do.yml", 6),
    ("parameter-flow", do("- ansible.builtin.command: echo {{ unit }}\n  args: {chdir: /tmp}"), "do.yml", 5),
    ("parameter-flow", do("- ansible.builtin.command: id\n  args: '{{ unit }}'"), "do.yml", 6),
    ("parameter-flow", do("- ansible.builtin.command: {argv: '{{ flags }}'}"), "do.yml", 5),
    ("parameter-flow", do("- ansible.builtin.command:\n    argv: ['{{ unit }}', x]"), "do.yml", 6),
    ("parameter-flow", do("- ansible.builtin.command: {argv: [sh, -c, 'echo {{ unit }}']}"), "do.yml", 5),
    ("parameter-flow", do("- ansible.builtin.command: {argv: [sudo, /usr/bin/python3, -c, '{{ unit }}']}"),
     "do.yml", 5),
    ("parameter-flow", do("- ansible.builtin.copy: src=a dest={{ unit }}"), "do.yml", 5),
    ("parameter-flow", do("- ansible.builtin.copy: '{{ unit }}'"), "do.yml", 5),
    ("parameter-flow", do("- ansible.builtin.copy: {src: '{{ unit }}', dest: /x}"), "do.yml", 5),
    ("parameter-flow", do("- ansible.builtin.template: {src: '{{ unit }}.j2', dest: /x}"), "do.yml", 5),
    ("parameter-flow", do("- ansible.builtin.copy: {content: a, dest: /x, validate: '{{ unit }} %s'}"), "do.yml", 5),
    ("parameter-flow", do("- ansible.builtin.fetch: {src: /x, dest: '{{ unit }}'}"), "do.yml", 5),
    ("parameter-flow", do("- ansible.builtin.cron: {name: a, job: 'run {{ unit }}'}"), "do.yml", 5),
    ("parameter-flow", do("- ansible.builtin.ping:\n  delegate_to: '{{ unit }}'"), "do.yml", 6),
    ("parameter-flow", do("- ansible.builtin.ping:\n  environment: {PATH: '{{ unit }}'}"), "do.yml", 6),
    ("parameter-flow", do("- ansible.builtin.ping:\n  become_user: '{{ unit }}'"), "do.yml", 6),
    ("parameter-flow", do("- ansible.builtin.ping:\n  remote_user: '{{ unit }}'"), "do.yml", 6),
    ("parameter-flow", do("- ansible.builtin.ping:\n  module_defaults: {x: {y: '{{ unit }}'}}"), "do.yml", 6),
    ("parameter-flow", do("- ansible.builtin.debug:\n  with_pipe: '{{ unit }}'"), "do.yml", 6),
    ("parameter-flow", do("- ansible.builtin.debug: {msg: \"{{ lookup('file', unit) }}\"}"), "do.yml", 5),
    ("parameter-flow", do("- ansible.builtin.debug: {msg: \"{{ query( 'pipe', unit) }}\"}"), "do.yml", 5),
    ("parameter-flow", do("- ansible.builtin.debug:\n  when: lookup('pipe', unit) == 'x'"), "do.yml", 6),
    ("parameter-flow", do("- ansible.builtin.assert: {that: [\"q('pipe', unit)\"]}"), "do.yml", 5),
    ("parameter-flow", do("- ansible.builtin.debug:\n  loop: \"{{ q('fileglob', unit) }}\""), "do.yml", 6),
    ("parameter-flow", do("- ansible.builtin.set_fact: {'{{ unit }}': 1}"), "do.yml", 5),
    ("parameter-flow", do("- ansible.builtin.shell: 'echo }} {{ unit'"), "do.yml", 5),
    ("parameter-flow", do("- ansible.builtin.shell: \"echo {{ '}}' ~ unit }}\""), "do.yml", 5),
    ("parameter-flow", do("- ansible.builtin.shell: 'echo {% if unit %}x{% endif %}'"), "do.yml", 5),
    ("parameter-flow", do("- ansible.builtin.shell: \"#jinja2:variable_start_string:'[%'\\n[% unit %]\""), "do.yml", 5),
    ("parameter-flow", do("- ansible.builtin.shell: \"{{ vars['un' ~ 'it'] }}\""), "do.yml", 5),
    ("parameter-flow", do("- ansible.builtin.shell: \"{{ hostvars[inventory_hostname]['un' ~ 'it'] }}\""), "do.yml", 5),
    ("parameter-flow", do("- ansible.builtin.shell: \"{{ lookup('vars', 'un' ~ 'it') }}\""), "do.yml", 5),
    # by way of other variables
    ("parameter-flow", do("- ansible.builtin.set_fact: {a: '{{ unit }}'}\n- ansible.builtin.set_fact: {b: '{{ a }}'}\n"
                          "- ansible.builtin.shell: echo {{ b }}"), "do.yml", 7),
    ("parameter-flow", do("- ansible.builtin.shell: echo {{ b }}\n  vars: {b: '{{ a }}', a: '{{ unit }}'}"),
     "do.yml", 5),
    ("parameter-flow", do("- ansible.builtin.stat: {path: '/x/{{ unit }}'}\n  register: seen\n"
                          "- ansible.builtin.shell: echo {{ seen.stat.path }}"), "do.yml", 7),
    ("parameter-flow", do("- ansible.builtin.shell: echo {{ item }}\n  loop: '{{ flags }}'"), "do.yml", 5),
    ("parameter-flow", do("- ansible.builtin.shell: echo {{ one }}\n  loop: '{{ flags }}'\n"
                          "  loop_control: {loop_var: one}"), "do.yml", 5),
    ("parameter-flow", do("- block:\n    - ansible.builtin.shell: echo {{ a }}\n  vars: {a: '{{ unit }}'}"),
     "do.yml", 6),
    ("parameter-flow", do("- block: []\n  rescue:\n    - ansible.builtin.shell: echo {{ unit }}"), "do.yml", 7),
    ("parameter-flow", do("- block: []\n  always:\n    - ansible.builtin.shell: echo {{ unit }}"), "do.yml", 7),
    ("parameter-flow", do("- block: []\n  delegate_to: '{{ unit }}'"), "do.yml", 6),
    ("parameter-flow", {"undo.yml": "- hosts: all\n  environment: {A: '{{ unit }}'}\n"}, "undo.yml", 2),
    ("parameter-flow", {"undo.yml": "- hosts: all\n  handlers:\n    - ansible.builtin.shell: echo {{ unit }}\n"},
     "undo.yml", 3),
    ("parameter-flow", {"undo.yml": "- hosts: all\n  tasks:\n    - ansible.builtin.shell: '{{ evidence.a }}'\n"},
     "undo.yml", 3),
    ("parameter-flow", do("- ansible.builtin.include_tasks: x.yml\n  loop: '{{ flags }}'")
     | {"tasks/x.yml": "\n- ansible.builtin.shell: echo {{ item }}\n"}, "tasks/x.yml", 2),
    ("parameter-flow", {"templates/x.j2": "a\n{{ lookup('file', unit) }}\n"}, "templates/x.j2", 2),
    ("parameter-flow", {"templates/x.j2": "a\n\n{% include unit %}\n"}, "templates/x.j2", 3),
    # evidence, preview, verification
    ("evidence", {"do.yml": HEAD + "    - ansible.builtin.ping:\n"}, "do.yml", 1),
    ("evidence", do("- ansible.builtin.copy: {content: a, dest: /x}\n" + EVIDENCE.replace("    -", "-")
                    .replace("      ", "  "), HEAD), "do.yml", 3),
    ("evidence", {"do.yml": HEAD + EVIDENCE.replace(", per_host: true", "")}, "do.yml", 4),
    ("evidence", {"do.yml": HEAD + EVIDENCE + "      no_log: true\n"}, "do.yml", 4),
    ("evidence", {"do.yml": HEAD + EVIDENCE + "      run_once: true\n"}, "do.yml", 4),
    ("evidence", {"do.yml": "- hosts: all\n  no_log: true\n  tasks:\n" + EVIDENCE}, "do.yml", 5),
    ("evidence", {"do.yml": "- hosts: all\n  handlers:\n" + EVIDENCE}, "do.yml", 1),
    ("evidence", {"do.yml": HEAD + EVIDENCE.replace("undo:", "other:")}, "do.yml", 1),
    ("evidence", do("- ansible.builtin.command: {argv: [x]}\n" + EVIDENCE.replace("    -", "-")
                    .replace("      ", "  "), HEAD), "do.yml", 3),
    ("check-mode", do("- ansible.builtin.copy: {content: a, dest: /x}\n  check_mode: false"), "do.yml", 6),
    ("check-mode", do("- ansible.builtin.copy: {content: a, dest: /x}\n  check_mode: '{{ false }}'"), "do.yml", 6),
    ("check-mode", do("- ansible.builtin.command: {argv: [x]}\n  check_mode: false"), "do.yml", 6),
    ("check-mode", do("- block:\n    - ansible.builtin.copy: {content: a, dest: /x}\n  check_mode: false"),
     "do.yml", 6),
    ("check-mode", do("- ansible.builtin.copy: {content: a, dest: /x}\n  check_mode:"), "do.yml", 6),
    ("check-mode", do("- ansible.builtin.copy: {content: a, dest: /x}\n  check_mode: []"), "do.yml", 6),
    ("check-mode", do("- ansible.builtin.copy: {content: a, dest: /x}\n  check_mode: '{{ omit }}'"), "do.yml", 6),
    ("check-mode", do("- ansible.builtin.copy: {content: a, dest: /x}", "- hosts: all\n  check_mode: ~\n  tasks:\n"),
     "do.yml", 4),
    ("check-mode", do("- block:\n    - ansible.builtin.copy: {content: a, dest: /x}\n  check_mode: true\n"
                      "  rescue:\n    - ansible.builtin.copy: {content: a, dest: /x}\n      check_mode:"),
     "do.yml", 10),
    ("check-mode", {"undo.yml": "- hosts: all\n  handlers:\n    - ansible.builtin.copy: {content: a, dest: /x}\n"
                    "      check_mode: false\n"}, "undo.yml", 4),
    ("check-mode", do("- ansible.builtin.import_tasks: x.yml\n  check_mode: false")
     | {"tasks/x.yml": "- ansible.builtin.copy: {content: a, dest: /x}\n"}, "tasks/x.yml", 1),
    ("check-mode", do("- mine:\n  check_mode: false") | {"library/mine.py": ""}, "do.yml", 6),
    ("check-mode", do("- ansible.builtin.uri: {url: 'http://x/', method: DELETE}\n  check_mode: false"), "do.yml", 6),
    ("check-mode", do("- ansible.builtin.uri: {url: 'http://x/', method: [GET]}\n  check_mode: false"), "do.yml", 6),
    ("check-mode", do("- ansible.builtin.uri: {url: 'http://x/'}\n  check_mode: false\n"
                      "  module_defaults: {ansible.builtin.uri: {method: DELETE}}"), "do.yml", 6),
    ("check-mode", do("- ansible.builtin.mount_facts: {mount_binary: /x}"), "do.yml", 5),
    ("check-mode", do("- ansible.builtin.setup:\n  args: {fact_path: /x}"), "do.yml", 5),
    ("check-mode", do("- block: []\n  module_defaults: {ansible.builtin.setup: {fact_path: /x}}"), "do.yml", 6),
    ("include", do("- ansible.builtin.include_tasks: {file: x.yml, apply: {check_mode: false}}")
     | {"tasks/x.yml": "[]"}, "do.yml", 5),
    ("include", do("- ansible.builtin.include_tasks: x.yml\n  args: {apply: {check_mode: false}}")
     | {"tasks/x.yml": "[]"}, "do.yml", 5),
    ("play", do("- ansible.builtin.include_tasks: x.yml\n  args: '{{ a }}'") | {"tasks/x.yml": "[]"}, "do.yml", 6),
    ("play", do("- action: {module: ansible.builtin.copy, content: a, dest: /x}\n  check_mode: false"), "do.yml", 5),
    ("play", do("- local_action: ansible.builtin.copy content=a dest=/x"), "do.yml", 5),
    ("play", do("- ansible.builtin.template: {src: x.j2, dest: /x, variable_start_string: '[%'}"), "do.yml", 5),
    ("ansible-variable", do("- ansible.builtin.ping:\n  vars: {ansible_check_mode: false}"), "do.yml", 6),
    ("ansible-variable", do("- ansible.builtin.set_fact: {ansible_check_mode: false}"), "do.yml", 5),
    ("pinning", do("- block: []\n  connection: local"), "do.yml", 6),
    ("pinning", do("- ansible.builtin.ping:\n  become_flags: '-n true; touch /x;'"), "do.yml", 6),
    ("pinning", {"undo.yml": "- hosts: all\n  become_exe: /x\n"}, "undo.yml", 2),
    ("secret-flow", keyed("- ansible.builtin.include_tasks: x.yml\n  no_log: true")
     | {"tasks/x.yml": "- ansible.builtin.copy: {content: '{{ key }}', dest: /x}\n"}, "tasks/x.yml", 1),
    ("lookup", do("- ansible.builtin.debug: {msg: \"{{ lookup('pipe', 'id') }}\"}"), "do.yml", 5),
    ("lookup", do("- ansible.builtin.debug: {msg: \"{{ query('ansible.builtin.pipe', 'id') }}\"}"), "do.yml", 5),
    ("lookup", do("- ansible.builtin.debug: {msg: \"{{ lookup('password', '/x') }}\"}"), "do.yml", 5),
    ("lookup", do("- ansible.builtin.debug: {msg: \"{{ lookup('url', 'http://x/') }}\"}"), "do.yml", 5),
    ("lookup", do("- ansible.builtin.debug: {msg: \"{{ q('pi' 'pe', 'id') }}\"}"), "do.yml", 5),
    ("lookup", do("- ansible.builtin.debug: {msg: \"{{ lookup('fi' ~ 'le', 'id') }}\"}"), "do.yml", 5),
    ("lookup", do("- ansible.builtin.debug: {msg: \"{% set f = q %}{{ f('pipe', 'id') }}\"}"), "do.yml", 5),
    ("lookup", do("- ansible.builtin.debug: {msg: \"{{ ['pipe'] | map(query) }}\"}"), "do.yml", 5),
    ("lookup", do("- ansible.builtin.debug:\n  with_pipe: id"), "do.yml", 6),
    ("lookup", do("- ansible.builtin.debug:\n  when: lookup('pipe', 'id') == 'x'"), "do.yml", 6),
    ("lookup", do("- ansible.builtin.debug: {var: \"lookup('pipe', 'id')\"}"), "do.yml", 5),
    ("lookup", do("- ansible.builtin.debug:\n  loop: [a]\n  loop_control: {break_when: \"lookup('pipe', 'id')\"}"),
     "do.yml", 7),
    ("lookup", do("- ansible.builtin.debug:\n  name: \"{{ lookup('pipe', 'id') }}\""), "do.yml", 6),
    ("lookup", do("- block: []\n  vars: {a: \"{{ lookup('pipe', 'id') }}\"}"), "do.yml", 6),
    ("lookup", {"undo.yml": "- hosts: all\n  environment: {A: \"{{ lookup('pipe', 'id') }}\"}\n"}, "undo.yml", 2),
    ("lookup", {"templates/x.j2": "a\n{{ lookup('pipe', 'id') }}\n"}, "templates/x.j2", 2),
    ("lookup", {"templates/x.j2": "#jinja2:variable_start_string:'[%'\n[% q('pipe', 'id') %]"}, "templates/x.j2", 1),
    ("verify", {"verify.yml": HEAD + "    - ansible.builtin.copy: {content: a, dest: /x}\n"}, "verify.yml", 3),
    ("verify", {"verify.yml": HEAD + "    - ansible.builtin.command: {argv: [x]}\n"}, "verify.yml", 3),
    ("undecided", {"README.md": "# A\n\nTODO(gate): when not\n"}, "README.md", 3),
    ("undecided", {"undo.yml": "- hosts: all\n  tasks: []   # TODO(gate)\n"}, "undo.yml", 2),
    # told, not refused
    ("evidence-condition", {"do.yml": HEAD + EVIDENCE + "      when: x\n"}, "do.yml", 4),
    ("ignored-errors", do("- ansible.builtin.ping:\n  ignore_errors: true"), "do.yml", 6),
    ("delegation", do("- ansible.builtin.ping:\n  delegate_to: lb-01"), "do.yml", 6),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "files", "file", "line"), BAD)
def test_what_breaks_a_rule_is_found_on_its_line(
    make_action, rule: str, files: dict[str, str | None], file: str, line: int
) -> None:
    folder = make_action(files)
    assert (rule, file, line) in found(folder)


GOOD: dict[str, list[dict[str, str | None]]] = {
    "folder": [{"files/a": "", "templates/a.j2": "", "library/a.py": "", "molecule/default/molecule.yml": ""}],
    "missing-file": [{"undo.yml": None, "action.yml": "risk: 1\ntargets: {max_hosts: 1}\nreversibility: none\n"
                      "reversibility_reason: r\ncheck: full\non_failure: stop\ntimeout_s: 1\nowner: me\n",
                      "do.yml": HEAD + "    - ansible.builtin.ping:\n"}],
    "yaml": [{"undo.yml": "---\n- hosts: all\n"}],
    "action-key": [{}],
    "reversibility": [{"action.yml": "risk: 1\ntargets: {max_hosts: 1}\nreversibility: partial\n"
                       "reversibility_reason: r\ncheck: full\non_failure: undo\ntimeout_s: 1\nowner: me\n"}],
    "meta-key": [{}],
    "parameter-name": [{}],
    "parameter-type": [{}],
    "parameter-bound": [{}],
    "parameter-default": [{}],
    "play": [{"undo.yml": "- hosts: all\n  become: true\n  serial: 1\n  pre_tasks: []\n  handlers: []\n"}],
    "hosts": [{"undo.yml": "- hosts: all\n- hosts: all\n"}],
    "pinning": [do("- ansible.builtin.meta: flush_handlers")],
    "ansible-variable": [do("- ansible.builtin.ping:\n  vars: {ansible_python_interpreter: /usr/bin/python3}")],
    "include": [
        do("- ansible.builtin.import_tasks: tasks/x.yml") | {"tasks/x.yml": "- ansible.builtin.ping:\n"},
        do("- ansible.builtin.include_tasks: {file: x.yml}") | {"tasks/x.yml": "- ansible.builtin.ping:\n"},
        do("- ansible.builtin.copy: {src: files/a, dest: /x}"),
        do("- ansible.builtin.copy: {src: /etc/a, dest: /x, remote_src: true}"),
    ],
    "module-name": [do("- mine: {a: '{{ unit }}'}") | {"library/mine.py": ""}],
    "collection": [do("- community.general.ini_file: {path: /x}")],
    "parameter-flow": [
        do("- ansible.builtin.command: {argv: [systemctl, restart, --, '{{ unit }}']}"),
        do("- ansible.builtin.copy: {content: '{{ unit }}', dest: '/x/{{ unit }}'}"),
        do("- ansible.builtin.copy: {src: '/x/{{ unit }}', dest: /y, remote_src: true}"),
        do("- ansible.builtin.file: {src: '/x/{{ unit }}', path: /y, state: link}"),
        do("- ansible.builtin.debug: {msg: '{{ unit }}'}\n  when: unit != 'a'"),
        do("- ansible.builtin.shell: echo {{ inventory_hostname }}"),
        do("- ansible.builtin.shell: systemctl restart unit"),
        do("- ansible.builtin.shell: echo {{ item }}\n  loop: [a, b]"),
        do("- ansible.builtin.debug: {msg: \"{{ lookup('env', 'HOME') }}\"}"),
        do("- ansible.builtin.shell: echo {{ other.unit }}"),
        {"templates/x.j2": "{{ unit }} {{ lookup('env', 'HOME') }}\n"},
    ],
    "parameter-secret": [KEYED, secret("{type: str, default: null, no_log: true, description: A key.}")],
    "secret-flow": [
        keyed("- ansible.builtin.copy: {content: '{{ key }}', dest: /x}\n  no_log: true"),
        keyed("- ansible.builtin.command: {argv: [x], stdin: '{{ key }}'}\n  no_log: true\n  when: key != none"),
        keyed("- block:\n    - ansible.builtin.copy: {content: '{{ key }}', dest: /x}\n  no_log: true"),
        keyed("- ansible.builtin.template: {src: x.j2, dest: /x}\n  no_log: true") | {"templates/x.j2": "{{ key }}"},
        keyed("- ansible.builtin.import_tasks: x.yml\n  vars: {a: '{{ key }}'}")
        | {"tasks/x.yml": "- ansible.builtin.ping:\n"},
        keyed("- ansible.builtin.debug: {msg: '{{ other.key }}'}"),
    ],
    "evidence": [
        do("- ansible.builtin.copy: {content: a, dest: /x}"),
        do("- ansible.builtin.systemd_service: {name: x}\n  check_mode: true\n" + EVIDENCE.replace("    -", "-")
           .replace("      ", "  "), HEAD),
        {"do.yml": HEAD + "    - block:\n"
         + EVIDENCE.replace("    ", "        ", 1).replace("\n      ", "\n          ")},
    ],
    "check-mode": [
        do("- ansible.builtin.stat: {path: /x}\n  check_mode: false"),
        do("- ansible.builtin.command: {argv: [x]}\n  changed_when: false\n  check_mode: false"),
    ],
    "lookup": [
        do("- ansible.builtin.debug: {msg: \"{{ lookup('ansible.builtin.file', 'files/a') }}\"}"),
        do("- ansible.builtin.debug: {msg: '{{ query( \"items\" , [1]) }}'}"),
        do("- ansible.builtin.debug: {msg: \"{{ a.lookup('pipe') }}\"}\n  with_items: [1]"),
        do("- ansible.builtin.debug:\n  name: Lookup, query and q"),
    ],
    "undecided": [{"README.md": "TODO: more\n", "files/a": "TODO(gate)\n"}],
    "proof": [{"proof.yml": "- {name: it runs, vars: {unit: nginx}}\n"}],
    "verify": [{"verify.yml": HEAD + "    - ansible.builtin.uri: {url: 'http://localhost/'}\n"
                "    - ansible.builtin.systemd_service: {name: x}\n      check_mode: true\n"}],
    "evidence-condition": [do("- ansible.builtin.ping:\n  when: x")],
    "ignored-errors": [do("- ansible.builtin.ping:\n  ignore_errors: false\n  failed_when: false")],
    "delegation": [do("- ansible.builtin.ping:\n  delegate_to: '{{ inventory_hostname }}'")],
}  # fmt: skip


@pytest.mark.parametrize("files", [files for many in GOOD.values() for files in many])
def test_what_keeps_the_rules_has_no_findings(make_action, files: dict[str, str | None]) -> None:
    assert found(make_action(files)) == []


def test_every_rule_has_a_bad_and_a_good_example() -> None:
    of_the_machine = {"collection-missing"}  # what a folder says cannot break it: test_collections.py
    assert {rule for rule, *_ in BAD} == set(RULES) - of_the_machine == set(GOOD)


def test_a_finding_says_file_line_rule_and_mend(make_action) -> None:
    folder = make_action(do("- ansible.builtin.shell: echo {{ unit }}"))
    [only] = check_action(folder)
    assert isinstance(only, Finding)
    assert str(only) == f"{folder}/do.yml:5: unit reaches shell as free text [parameter-flow]"
    assert "argv" in only.mend


def test_links_are_found(make_action) -> None:
    folder = make_action()
    (folder / "files").mkdir()
    (folder / "files/key").symlink_to("/etc/shadow")
    assert refused(folder) == [("folder", "files/key", 1)]


@pytest.mark.parametrize("name", ["Restart", "2fast", "with-dash", "hosts", "a b"])
def test_the_folder_has_the_name_of_an_action(make_action, name: str) -> None:
    assert ("folder", ".", 1) in refused(make_action(name=name))


def test_warnings_do_not_hide_refusals(make_action) -> None:
    folder = make_action(do("- ansible.builtin.ping:\n  ignore_errors: true\n- debug:"))
    assert [one.warning for one in check_action(folder)] == [False, True]
