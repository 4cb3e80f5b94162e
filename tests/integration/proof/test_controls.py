"""Negative controls: undos that are wrong as undos are wrong. A proof that one of them passes is worthless."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from gate.app import Gate
from tests.integration.proof.test_prove import only_case

B = "ansible.builtin."
Tasks = list[dict[str, object]]
Break = Callable[[Tasks], Tasks]


def then(**task: object) -> Break:
    """The undo as it is, and this after it."""
    return lambda tasks: [*tasks, {"name": "Break it", **task}]


def instead(**task: object) -> Break:
    """This in the place of the last task of the undo."""
    return lambda tasks: [*tasks[:-1], {"name": "Break it", **task}]


def on_the_first_host_only(tasks: Tasks) -> Tasks:
    return [*tasks[:-1], {**tasks[-1], "when": "inventory_hostname == ansible_play_hosts_all[0]"}]


def before(**task: object) -> Break:
    """This before the last task of the undo."""
    return lambda tasks: [*tasks[:-1], {"name": "Break it", **task}, tasks[-1]]


def then_in_the_database(statement: str) -> Break:
    argv = ["runuser", "-u", "postgres", "--", "psql", "--no-psqlrc", "--quiet"]
    return then(**{B + "command": {"argv": argv, "stdin": statement}})


@dataclass(frozen=True)
class Control:
    """In this case of the action an undo that was broken so has to be found out, by what the fault says."""

    what: str
    action: str
    case: str
    broken: Break
    found: str
    step: str = "undo of do"


INI = "another value, in a file with a mode and an owner of its own"
NEW = "a file that is not there, in folders that are not there"
ONE_LOGIN = "a database login, of which the other one is not there"
TWO_LOGINS = "a database login that ends soon, of which the other one has ended"
CONTROLS = [
    Control(
        "does nothing", "set_config_value", INI, instead(**{B + "debug": {"msg": "done"}}), "files: /etc/app/app.ini"
    ),
    Control(
        "restores the content but not the mode",
        "set_config_value",
        INI,
        then(**{B + "file": {"path": "/etc/app/app.ini", "mode": "0644"}}),
        "-rw-r----- ",
    ),
    Control(
        "restores the content but not the owner",
        "set_config_value",
        INI,
        then(**{B + "file": {"path": "/etc/app/app.ini", "owner": "root"}}),
        "/etc/app/app.ini",
    ),
    Control(
        "removes what was there before",
        "set_config_value",
        INI,
        then(**{B + "file": {"path": "/etc/app/app.ini", "state": "absent"}}),
        "-> absent",
    ),
    Control(
        "forgets all hosts but the first", "set_config_value", INI, on_the_first_host_only, "web-02 is not what it was"
    ),
    Control(
        "leaves a copy behind",
        "set_config_value",
        INI,
        before(
            **{
                B + "copy": {
                    "src": "/etc/app/app.ini",
                    "dest": "/etc/app/app.ini.bak",
                    "remote_src": True,
                    "mode": "0640",
                }
            }
        ),
        "/etc/app/app.ini.bak: absent",
    ),
    Control(
        "adds a newline at the end",
        "set_config_value",
        INI,
        then(**{B + "lineinfile": {"path": "/etc/app/app.ini", "line": "level=info"}}),
        "files: /etc/app/app.ini",
    ),
    Control(
        "puts a link in the place of the file",
        "set_config_value",
        INI,
        lambda tasks: [
            *tasks,
            {"name": "Move it", B + "command": {"argv": ["mv", "/etc/app/app.ini", "/etc/app/app.real"]}},
            {
                "name": "Link it",
                B + "file": {"src": "app.real", "dest": "/etc/app/app.ini", "state": "link", "force": True},
            },
        ],
        "/etc/app/app.real: absent",
    ),
    Control(
        "leaves the folder that do made",
        "set_config_value",
        NEW,
        then(**{B + "file": {"path": "/srv/proof/etc", "state": "directory", "mode": "0755"}}),
        "/srv/proof/etc: absent",
    ),
    Control(
        "works only after a do that came to its end",
        "set_config_value",
        INI,
        before(**{B + "command": {"argv": ["grep", "-q", "workers = 8", "/etc/app/app.ini"]}, "changed_when": False}),
        "It should be undone",
        "do broken off after: Record the evidence",
    ),
    Control(
        "works only the first time",
        "set_config_value",
        INI,
        before(**{B + "command": {"argv": ["mkdir", "/run/undone-once"]}}),
        "It should be undone",
        "undo of do again",
    ),
    Control(
        "changes an attribute that ls does not show",
        "set_config_value",
        INI,
        then(
            **{
                B + "command": {
                    "argv": ["python3", "-c", "import os; os.setxattr('/etc/app/app.ini', 'user.note', b'x')"]
                }
            }
        ),
        "user.note",
    ),
    Control(
        "makes one more new secret",
        "rotate_credentials",
        "a secret that is there",
        then(**{B + "copy": {"dest": "/etc/app/session.key", "content": "another-one"}}),
        "files: /etc/app/session.key",
    ),
    Control(
        "leaves the secret as it is when there was none",
        "rotate_credentials",
        "no secret yet",
        lambda tasks: [tasks[0], {"name": "Break it", B + "debug": {"msg": "there was none"}}],
        "/etc/app/session.key: absent",
    ),
    Control(
        "restores the secret with the mode of a new one",
        "rotate_credentials",
        "a secret that is there",
        then(**{B + "file": {"path": "/etc/app/session.key", "mode": "0600"}}),
        "files: /etc/app/session.key",
    ),
    Control(
        "forgets until when the old login was valid",
        "rotate_credentials",
        ONE_LOGIN,
        then_in_the_database("ALTER ROLE shop_a VALID UNTIL 'infinity';"),
        "VALID UNTIL 'infinity';: absent -> there",
    ),
    Control(
        "leaves the new login behind",
        "rotate_credentials",
        ONE_LOGIN,
        then_in_the_database("CREATE ROLE shop_b LOGIN IN ROLE shop;"),
        "databases: 5432 CREATE ROLE shop_b;: absent -> there",
    ),
    Control(
        "gives the other login its password with another salt",
        "rotate_credentials",
        TWO_LOGINS,
        then_in_the_database("ALTER ROLE shop_a PASSWORD 'an-older-one';"),
        "databases: 5432 ALTER ROLE shop_a WITH",
    ),
    Control(
        "leaves a setting of the old login in one database",
        "rotate_credentials",
        ONE_LOGIN,
        then_in_the_database("ALTER ROLE shop_a IN DATABASE postgres SET work_mem = '5MB';"),
        "databases: 5432 SETTINGS OF shop_a IN postgres: {work_mem=5MB}: absent -> there",
    ),
    Control(
        "moves the link back and leaves the release",
        "deploy_release",
        "another release is current",
        instead(**{B + "file": {"src": "releases/1.0.0", "dest": "/srv/shop/current", "state": "link"}}),
        "/srv/shop/releases/1.1.0: absent",
    ),
    Control(
        "moves the link to a release that is not there",
        "deploy_release",
        "another release is current",
        then(**{B + "file": {"src": "releases/0.9.0", "dest": "/srv/shop/current", "state": "link", "force": True}}),
        "-> releases/0.9.0",
    ),
    Control(
        "takes the whole application away",
        "deploy_release",
        "another release is current",
        then(**{B + "file": {"path": "/srv/shop", "state": "absent"}}),
        "-> absent",
    ),
    Control(
        "restarts instead of restoring",
        "restart_service",
        "the service is stopped",
        instead(**{B + "systemd_service": {"name": "nginx", "state": "restarted"}}),
        "units: nginx.service",
    ),
    Control(
        "stops what was running",
        "restart_service",
        "the service runs",
        instead(**{B + "systemd_service": {"name": "nginx", "state": "stopped"}}),
        "units: nginx.service",
    ),
    Control(
        "enables what was not",
        "restart_service",
        "the service is stopped",
        then(**{B + "systemd_service": {"name": "nginx", "masked": True}}),
        "/etc/systemd/system/nginx.service",
    ),
]


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: f"{control.action}: {control.what}")
def test_an_undo_that_is_wrong_is_found_out(gate: Gate, proving_site: Path, control: Control) -> None:
    action = proving_site / "playbooks" / control.action
    only_case(action, control.case)
    (play,) = yaml.safe_load((action / "undo.yml").read_text())
    play["tasks"] = control.broken(play["tasks"])
    (action / "undo.yml").write_text(yaml.safe_dump([play], sort_keys=False))
    hosts = ["web-01", "web-02"] if "web-02" in control.found else ["web-01"]
    (proof,) = gate.prove([control.action], hosts=hosts)
    assert proof.certificate is None
    assert proof.fault is not None
    assert (control.found in proof.fault.what, proof.fault.step) == (True, control.step), proof.fault
    assert not gate.certificates.has(control.action, gate.catalog().get(control.action).digest)


def test_there_are_enough_of_them() -> None:
    assert len({control.what for control in CONTROLS}) >= 20
