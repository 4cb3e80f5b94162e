"""A role or playbook becomes an action, whole or not at all, and nobody is offered it before a person decides."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from gate.catalog.adopt import adopt
from gate.catalog.argument_spec import read_argument_spec
from gate.catalog.check import check_action
from gate.catalog.digest import files_of
from gate.catalog.load import load_action, load_catalog
from gate.catalog.playbook import read_playbook
from gate.cli.main import cli
from gate.values.errors import CatalogError

SPEC = """\
argument_specs:
  main:
    short_description: Write the message of the day
    description: [Writes /etc/motd., It is shown at log-in.]
    options:
      motd_kind: {choices: [plain, loud], default: plain}
      motd_lines: {type: int, description: How many.}
      motd_text: {type: str, required: true, description: The text.}
      motd_place: {type: path}
"""
ROLE = {
    "meta/argument_specs.yml": SPEC,
    "meta/main.yml": "dependencies: [common]\n",
    "defaults/main.yml": "motd_lines: 3\nmotd_owner: root\n",
    "vars/main.yml": "motd_mode: '0644'\n",
    "tasks/main.yml": """\
- name: Write it
  ansible.builtin.template: {src: motd.j2, dest: /etc/motd, owner: "{{ motd_owner }}", mode: "{{ motd_mode }}"}
  notify: Tell
- name: More
  ansible.builtin.import_tasks: more.yml
""",
    "tasks/more.yml": "- name: Zone\n  community.general.timezone: {name: UTC}\n",
    "handlers/main.yml": "- name: Tell\n  ansible.builtin.command: {argv: [logger, changed]}\n",
    "templates/motd.j2": "{{ motd_text }}\n",
    "files/logo": "o",
    "filter_plugins/x.py": "",
}
PLAYBOOK = """\
- name: Deploy the shop
  hosts: web
  vars: {version: "1.2", count: 2, quick: true}
  tasks:
    - ansible.builtin.copy: {src: shop.conf, dest: /etc/shop.conf, mode: "0644"}
    - ansible.builtin.include_tasks: tasks/more.yml
    - shop_release: {version: "{{ version }}"}
"""
BESIDE = {
    "deploy.yml": PLAYBOOK,
    "files/shop.conf": "a=1\n",
    "files/other.conf": "of another playbook\n",
    "tasks/more.yml": "- ansible.posix.sysctl: {name: vm.swappiness, value: 1}\n",
    "library/shop_release.py": "#!/usr/bin/python\n",
    "module_utils/shop.py": "",
    "other.yml": "[]\n",
}


def written(top: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(text)
    return top


@pytest.fixture
def role(tmp_path: Path) -> Path:
    return written(tmp_path / "roles" / "site-motd", ROLE)


@pytest.fixture
def playbook(tmp_path: Path) -> Path:
    return written(tmp_path / "plays", BESIDE) / "deploy.yml"


def test_a_role_becomes_an_action(role: Path, tmp_path: Path) -> None:
    made = adopt(role, tmp_path / "out")
    assert made.folder == tmp_path / "out" / "site_motd"
    assert list(made.files) == files_of(made.folder)
    for name in ("tasks/main.yml", "tasks/more.yml", "templates/motd.j2", "files/logo"):
        assert (made.folder / name).read_text() == ROLE[name]
    spec = yaml.safe_load((made.folder / "do.meta.yml").read_text())["argument_specs"]["site_motd"]
    assert spec["options"]["motd_lines"] == {"type": "int", "description": "How many.", "default": 3}
    assert spec["options"]["motd_kind"] == {"type": "str", "choices": ["plain", "loud"], "default": "plain"}
    (play,) = yaml.safe_load((made.folder / "do.yml").read_text())
    assert play["vars"] == {"motd_owner": "root", "motd_mode": "0644"}
    assert play["handlers"] == yaml.safe_load(ROLE["handlers/main.yml"])
    book = read_playbook(made.folder, "do.yml")
    assert [step.module.rsplit(".", 1)[-1] for step in book.steps] == [
        "set_stats", "import_tasks", "template", "import_tasks", "timezone", "command",
    ]  # fmt: skip
    assert "collections: [community.general]" in (made.folder / "action.yml").read_text()


def test_nobody_is_offered_it_and_what_is_open_is_said(role: Path, tmp_path: Path) -> None:
    made = adopt(role, tmp_path / "out")
    catalog = load_catalog([tmp_path / "out"])
    assert (catalog.actions, len(catalog.broken)) == ((), 1)
    assert list(made.findings) == check_action(made.folder)
    told = {(str(one.file.relative_to(made.folder)), one.rule) for one in made.findings}
    for file in ("action.yml", "do.yml", "undo.yml", "verify.yml", "README.md", "do.meta.yml"):
        assert (file, "undecided") in told
    what = " ".join(one.what for one in made.findings)
    for word in ("0-100", "common", "filter_plugins", "motd_text is free text", "motd_place has the type 'path'"):
        assert word in what


def test_it_is_offered_once_a_person_has_decided_everything(role: Path, tmp_path: Path) -> None:
    (role / "meta" / "argument_specs.yml").write_text(
        SPEC.replace("type: path", "type: bool, default: false").replace(
            "description: The text.", 'description: The text., pattern: "[a-z]+", max_length: 9'
        )
    )
    folder = adopt(role, tmp_path / "out").folder
    (folder / "verify.yml").unlink()
    (folder / "undo.yml").write_text("- hosts: all\n  tasks: []\n")
    for file in folder.glob("*.*"):
        file.write_text(file.read_text().replace("TODO(gate)", "decided"))
    assert check_action(folder) == []
    assert load_action(folder).collections == ("community.general",)
    assert list(read_argument_spec(folder).parameters.options) == ["motd_kind", "motd_lines", "motd_text", "motd_place"]


def test_a_playbook_becomes_an_action_with_the_files_that_it_names(playbook: Path, tmp_path: Path) -> None:
    made = adopt(playbook, tmp_path / "out", "deploy_shop")
    do = (made.folder / "do.yml").read_text()
    assert [line for line in do.splitlines() if "TODO(gate)" not in line] == ["---", *PLAYBOOK.splitlines()]
    assert {name for name in made.files if "/" in name} == {
        "files/shop.conf", "tasks/more.yml", "library/shop_release.py", "module_utils/shop.py",
    }  # fmt: skip
    spec = yaml.safe_load((made.folder / "do.meta.yml").read_text())["argument_specs"]["deploy_shop"]
    assert {name: (one["type"], one["default"]) for name, one in spec["options"].items()} == {
        "version": ("str", "1.2"), "count": ("int", 2), "quick": ("bool", True),
    }  # fmt: skip
    assert "collections: [ansible.posix]" in (made.folder / "action.yml").read_text()
    assert {"hosts", "evidence", "parameter-bound"} <= {one.rule for one in made.findings}


def test_the_specification_beside_a_playbook_counts_and_not_its_vars(playbook: Path, tmp_path: Path) -> None:
    meta = SPEC.replace("main:", "deploy:").replace("motd_", "")
    playbook.with_name("deploy.meta.yml").write_text(f"short_description: Deploy\n{meta}")
    made = adopt(playbook, tmp_path / "out")
    spec = yaml.safe_load((made.folder / "do.meta.yml").read_text())["argument_specs"]["deploy"]
    assert list(spec["options"]) == ["kind", "lines", "text", "place"]


def test_a_dry_run_says_the_same_and_makes_nothing(role: Path, tmp_path: Path) -> None:
    told = adopt(role, tmp_path / "out", dry_run=True)
    assert not (tmp_path / "out").exists()
    made = adopt(role, tmp_path / "out")
    assert (told.files, told.findings, told.written) == (made.files, made.findings, False)


def test_what_is_there_is_not_overwritten(role: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / "site_motd").mkdir(parents=True)
    with pytest.raises(CatalogError, match="is there already"):
        adopt(role, tmp_path / "out")
    (tmp_path / "out" / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(CatalogError, match="is there already"):
        adopt(role, tmp_path / "out", "link")
    assert list((tmp_path / "out" / "site_motd").iterdir()) == []


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"tasks/main.yml": None}, "no tasks/main.yml"),
        ({"meta/argument_specs.yml": "a: &x 1\nb: *x\n"}, "anchor"),
        ({"defaults/main.yml": "key: !vault |\n  $ANSIBLE_VAULT\n"}, "tag"),
        ({"handlers/main.yml": "- a: [\n"}, "handlers/main.yml"),
        ({"files/logo": "->/etc/passwd"}, "link"),
    ],
)
def test_what_cannot_be_read_leaves_nothing_behind(
    role: Path, tmp_path: Path, files: dict[str, str | None], why: str
) -> None:
    for name, text in files.items():
        (role / name).unlink()
        if text and text.startswith("->"):
            (role / name).symlink_to(text[2:])
        elif text:
            (role / name).write_text(text)
    with pytest.raises(CatalogError) as refused:
        adopt(role, tmp_path / "out")
    assert why in str(refused.value)
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("text", ["", "a: 1\n", "- [1]\n- x\n", "{{ x }}", "- hosts: all\n---\n- hosts: all\n"])
def test_a_file_that_is_no_playbook_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.yml").write_text(text)
    with pytest.raises(CatalogError, match="no playbook"):
        adopt(tmp_path / "x.yml", tmp_path / "out")


@pytest.mark.parametrize("name", ["../x", "Motd", "hosts", "a b", "a" * 100])
def test_a_name_that_is_none_makes_nothing(role: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(CatalogError, match="no name of an action"):
        adopt(role, tmp_path / "out", name)
    assert not (tmp_path / "out").exists()


def test_a_task_cannot_reach_files_outside_the_folder_of_its_playbook(playbook: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    (playbook.parent / "files" / "link").symlink_to(tmp_path / "secret")
    tasks = "".join(
        f"    - ansible.builtin.copy: {{src: {src}, dest: /x, mode: '0644'}}\n"
        for src in ("../secret", tmp_path / "secret", "link")
    )
    playbook.write_text(f"- hosts: all\n  tasks:\n{tasks}")
    made = adopt(playbook, tmp_path / "out")
    assert not [name for name in made.files if "/" in name]
    assert len([one for one in made.findings if one.rule == "include"]) == 2


def test_nothing_that_a_task_names_gets_in_the_place_of_what_is_made(playbook: Path, tmp_path: Path) -> None:
    written(playbook.parent, {"undo.yml": "- ansible.builtin.ping:\n", "shop.j2": "x", "deep/a": "a"})
    sources = ("", ".", "./", "files/", "undo.yml", "shop.j2", "deep")
    tasks = "".join(f"    - ansible.builtin.copy: {{src: '{src}', dest: /x, mode: '0644'}}\n" for src in sources)
    playbook.write_text(f"- hosts: all\n  tasks:\n    - ansible.builtin.include_tasks: undo.yml\n{tasks}")
    made = adopt(playbook, tmp_path / "out")
    assert {name for name in made.files if "/" in name} == {
        "tasks/undo.yml", "files/undo.yml", "files/shop.j2", "files/deep/a", "files/shop.conf", "files/other.conf",
    }  # fmt: skip
    assert "Nobody has written yet" in (made.folder / "undo.yml").read_text()
    assert list((tmp_path / "out").iterdir()) == [made.folder]


def test_task_files_by_way_of_a_link_are_refused(playbook: Path, tmp_path: Path) -> None:
    (tmp_path / "x.yml").write_text("- ansible.builtin.ping:\n")
    (playbook.parent / "tasks" / "more.yml").unlink()
    (playbook.parent / "tasks" / "more.yml").symlink_to(tmp_path / "x.yml")
    with pytest.raises(CatalogError, match="cannot be taken over"):
        adopt(playbook, tmp_path / "out")


def test_the_command_prints_what_is_made_and_what_is_open(role: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["catalog", "adopt", str(role), "--in", str(tmp_path / "out")])
    assert done.exit_code == 0
    assert f"{tmp_path}/out/site_motd/undo.yml" in done.stdout
    assert "motd_text is free text" in done.stderr
    again = CliRunner().invoke(cli, ["catalog", "adopt", str(role), "--in", str(tmp_path / "out")])
    assert again.exit_code == 2


def test_the_command_answers_programs(role: Path, tmp_path: Path) -> None:
    words = ["catalog", "adopt", str(role), "motd", "--in", str(tmp_path / "out"), "--dry-run", "-o", "json"]
    answer = json.loads(CliRunner().invoke(cli, words).stdout)
    assert (answer["action"], answer["written"], "tasks/main.yml" in answer["files"]) == ("motd", False, True)
    assert {"file", "line", "rule", "what", "mend"} == set(answer["findings"][0])
    assert not (tmp_path / "out").exists()
