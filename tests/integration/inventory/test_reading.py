"""Real inventories, read by Ansible's own code in the child."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gate.inventory.model import Inventory
from gate.inventory.read import InventoryReader
from gate.values.errors import InventoryError

ROOT = Path(__file__).parents[3]
SCRIPT = """#!/bin/sh
echo read >> "$(dirname "$0")/../reads"
echo '{"web": {"hosts": ["web-01"], "vars": {"gate_environment": "prod"}}, "_meta": {"hostvars": {}}}'
"""


@pytest.fixture(autouse=True)
def _read_inventory() -> None:
    """Here each reading is Ansible's own."""


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = datetime(2030, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at


def folder(tmp_path: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        file = tmp_path / "inventory" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        if text.startswith("#!"):
            file.chmod(0o755)
    return tmp_path / "inventory"


def read(tmp_path: Path, files: dict[str, str], **more: object) -> Inventory:
    return InventoryReader(folder(tmp_path, files), tmp_path / "cache", **more).read()  # type: ignore[arg-type]


def test_an_ini_inventory_is_read(tmp_path: Path) -> None:
    made = read(
        tmp_path,
        {
            "hosts.ini": "lone\n[web]\nweb-0[1:2]\n[db]\ndb-01 gate_criticality=3\n[prod:children]\nweb\ndb\n"
            "[prod:vars]\ngate_environment=prod\n"
        },
    )
    assert made.groups == {"web": ("web-01", "web-02"), "db": ("db-01",), "prod": ("db-01", "web-01", "web-02")}
    assert made.hosts["db-01"].groups == {"db", "prod"}
    assert (made.hosts["db-01"].environment, made.hosts["db-01"].criticality) == ("prod", "3")
    assert (made.hosts["lone"].environment, made.hosts["lone"].groups) == ("none", frozenset())


def test_a_yaml_inventory_with_group_and_host_variables_is_read(tmp_path: Path) -> None:
    made = read(
        tmp_path,
        {
            "hosts.yml": "web: {hosts: {web-01: , web-02: }}\n",
            "group_vars/web.yml": 'stage: prod\ngate_environment: "{{ stage }}"\n',
            "host_vars/web-02.yml": "gate_environment: staging\ngate_criticality: high\n",
        },
    )
    assert made.hosts["web-01"].environment == "prod"
    assert (made.hosts["web-02"].environment, made.hosts["web-02"].criticality) == ("staging", "high")


def test_tags_come_from_the_most_specific_variable(tmp_path: Path) -> None:
    made = read(
        tmp_path,
        {
            "1-hosts.yml": "web: {hosts: {web-01: , web-02: , web-03: }}\ndb: {hosts: {db-01: }}\n",
            "2-hosts.ini": "old-01 gate_tags=\"['legacy', 'pci']\"\n",
            "group_vars/web.yml": "gate_tags: [pci, canary]\n",
            "host_vars/web-02.yml": "gate_tags: []\n",
            "host_vars/web-03.yml": "kind: slow\n"
            "gate_tags: ['{{ kind }}', \"{{ inventory_hostname | replace('-', '_') }}\"]\n",
        },
    )
    assert made.hosts["web-01"].tags == {"pci", "canary"}
    assert made.hosts["web-02"].tags == made.hosts["db-01"].tags == frozenset()
    assert made.hosts["web-03"].tags == {"slow", "web_03"}
    assert made.hosts["old-01"].tags == {"legacy", "pci"}
    assert made.tags == {"pci", "canary", "slow", "web_03", "legacy"}


@pytest.mark.parametrize("value", ["pci", "pci, canary", "{pci: yes}", "", "[pci, {a: b}]", "[pci, 5]", "[[pci]]"])
def test_tags_that_are_no_list_of_words_are_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(InventoryError, match="gate_tags of web-01 is no list of plain words"):
        read(tmp_path, {"hosts.yml": "web: {hosts: {web-01: }}\n", "group_vars/web.yml": f"gate_tags: {value}\n"})


def test_what_was_remembered_before_there_were_tags_is_read_anew(tmp_path: Path) -> None:
    files = {"hosts.yml": "web: {hosts: {web-01: }}\n", "group_vars/web.yml": "gate_tags: [pci]\n"}
    read(tmp_path, files)
    [kept] = (tmp_path / "cache").iterdir()
    old = json.loads(kept.read_text())
    del old["content"]["hosts"]["web-01"]["tags"]
    kept.write_text(json.dumps(old | {"format": 1}))
    assert read(tmp_path, files).hosts["web-01"].tags == {"pci"}


def test_a_constructed_inventory_is_read(tmp_path: Path) -> None:
    made = read(
        tmp_path,
        {
            "1-hosts.ini": "web-01 place=berlin\nweb-02 place=oslo\n",
            "2-constructed.yml": "plugin: ansible.builtin.constructed\nkeyed_groups: [{prefix: in, key: place}]\n",
        },
    )
    assert made.groups == {"in_berlin": ("web-01",), "in_oslo": ("web-02",)}


def test_a_script_is_read_and_gets_no_variable_that_is_not_allowed(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("CANARY_TOKEN", "hunter2")
    monkeypatch.setenv("ANSIBLE_INVENTORY_ENABLED", "ini")
    script = SCRIPT + 'env > "$(dirname "$0")/../seen"\n'
    made = read(tmp_path, {"hosts.sh": script}, environment={"CLOUD_REGION": "north"})
    assert made.hosts["web-01"].environment == "prod"
    seen = (tmp_path / "seen").read_text()
    assert "hunter2" not in seen
    assert "CLOUD_REGION=north" in seen


def test_no_other_variable_leaves_the_child(tmp_path: Path) -> None:
    made = read(
        tmp_path,
        {
            "hosts.ini": "[web]\nweb-01 ansible_password=canary-1 db_password=canary-2\n",
            "group_vars/web.yml": "api_key: canary-3\ngate_environment: prod\ngate_other: canary-4\ngate_tags: [x]\n",
            "host_vars/web-01.yml": "vaulted: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  3132\n",
        },
    )
    written = "".join(file.read_text() for file in (tmp_path / "cache").iterdir())
    assert "web-01" in written
    assert "canary" not in written + repr(made)


@pytest.mark.parametrize(
    ("files", "word"),
    [
        ({"hosts.ini": "[web\nweb-01\n"}, "hosts.ini"),
        ({"hosts.yml": "web: {hosts: [\n"}, "hosts.yml"),
        ({"a.ini": "web-01\n", "b.yml": "web: {hosts: [web-02]}\n"}, "b.yml"),
        ({"a.ini": "web-01\n", "b.sh": "#!/bin/sh\nexit 3\n"}, "b.sh"),
        ({"a.ini": "web-01\n", "b.sh": "#!/bin/sh\necho no json\n"}, "b.sh"),
        ({"a.ini": "web-01\n", "b.yml": "plugin: no.such.plugin\n"}, "b.yml"),
        ({"hosts.ini": "web-01\n", "group_vars/all.yml": "a: [\n"}, "all.yml"),
        ({"hosts.ini": "[web]\nweb-01 gate_environment='{{ nothing }}'\n"}, "gate_environment of web-01"),
        ({"hosts.ini": "[web]\nweb-01 gate_environment='a b'\n"}, "gate_environment of web-01"),
        ({"hosts.ini": "[web]\n"}, "no hosts"),
        ({"hosts.ini": ""}, "hosts"),
        ({"hosts.ini": "[web]\nweb-01\n[db]\nweb\n"}, "both a host and a group"),
        ({"hosts.yml": "all: {hosts: {'web*': }}\n"}, "no plain name"),
    ],
)
def test_a_broken_inventory_is_an_error_and_no_smaller_inventory(
    tmp_path: Path, files: dict[str, str], word: str
) -> None:
    with pytest.raises(InventoryError) as wrong:
        read(tmp_path, files)
    assert word in str(wrong.value)
    assert wrong.value.fix
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    "files",
    [
        {"hosts.ini": '[web]\nweb-01 ansible_password="canary x\n'},
        {"hosts.ini": "[web]\nweb-01 ansible_password=canary canary\n"},
        {"hosts.ini": "[web]\nweb-01 canary 'canary\n"},
        {"hosts.ini": "[web:vars]\ncanary\n"},
        {"hosts.yml": "web: {hosts: {web-01: {password: canary}\n"},
        {"hosts.yml": "web: {hosts: [canary]}\n"},
        {"hosts.ini": "web-01\n", "group_vars/all.yml": "password: 'canary\n"},
        {"hosts.ini": "web-01\n", "group_vars/all.yml": "- canary\n"},
        {"hosts.sh": "#!/bin/sh\necho canary >&2\nexit 1\n"},
        {"hosts.sh": "#!/bin/sh\necho canary\n"},
        {"hosts.ini": "web-01 gate_environment='{{ \"canary\" | nofilter }}'\n"},
    ],
)
def test_an_error_does_not_repeat_what_the_inventory_holds(tmp_path: Path, files: dict[str, str]) -> None:
    with pytest.raises(InventoryError) as wrong:
        read(tmp_path, files)
    assert "canary" not in str(wrong.value)
    assert str(tmp_path) in str(wrong.value)


def test_a_path_with_a_comma_is_no_list_of_hosts(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match="comma"):
        InventoryReader(Path("web-01,"), tmp_path)


def test_a_slow_script_is_ended_with_its_children(tmp_path: Path) -> None:
    source = folder(tmp_path, {"hosts.sh": '#!/bin/sh\nsleep 60 &\necho $! > "$(dirname "$0")/../pid"\nwait\n'})
    with pytest.raises(InventoryError, match="more than 4 seconds"):
        InventoryReader(source, tmp_path / "cache", timeout_s=4).read()
    sleeper = int((tmp_path / "pid").read_text())
    for _ in range(100):
        if not _runs(sleeper):
            return
        time.sleep(0.05)
    pytest.fail("the script's child still runs")


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_static_source_is_remembered_until_a_file_changes(tmp_path: Path) -> None:
    source = folder(tmp_path, {"hosts.ini": "[web]\nweb-01\n"})
    reader = InventoryReader(source, tmp_path / "cache")
    first = reader.read()
    [kept] = (tmp_path / "cache").iterdir()
    made = kept.stat().st_mtime_ns
    assert reader.read() == first
    assert kept.stat().st_mtime_ns == made
    assert reader.digest() == first.digest
    (source / "hosts.ini").write_text("[web]\nweb-01\nweb-02\n")
    assert reader.digest() != first.digest
    assert set(reader.read().hosts) == {"web-01", "web-02"}
    assert reader.read().digest == reader.digest()


def test_a_dynamic_source_is_asked_again_after_its_time(tmp_path: Path) -> None:
    clock, reads = Hand(), tmp_path / "reads"
    reader = InventoryReader(folder(tmp_path, {"hosts.sh": SCRIPT}), tmp_path / "cache", ttl_s=30, clock=clock)
    reader.read()
    once = len(reads.read_text().splitlines())
    clock.at += timedelta(seconds=30)
    reader.read()
    assert len(reads.read_text().splitlines()) == once
    clock.at += timedelta(seconds=1)
    reader.read()
    assert len(reads.read_text().splitlines()) == 2 * once
    clock.at -= timedelta(days=1)  # a clock that went back makes nothing fresh
    reader.read()
    assert len(reads.read_text().splitlines()) == 3 * once


@pytest.mark.parametrize("rubbish", [b"", b"{", b"[]", b'{"format": 1}', b"\xff", b'{"content": {"hosts": 3}}'])
def test_a_broken_cache_is_rebuilt(tmp_path: Path, rubbish: bytes) -> None:
    reader = InventoryReader(folder(tmp_path, {"hosts.ini": "web-01\n"}), tmp_path / "cache")
    first = reader.read()
    [kept] = (tmp_path / "cache").iterdir()
    kept.write_bytes(rubbish)
    assert reader.read() == first
    assert json.loads(kept.read_text())["digest"] == first.digest


def test_the_cache_is_for_the_owner_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        read(tmp_path, {"hosts.ini": "web-01\n"})
    finally:
        os.umask(old)
    [kept] = (tmp_path / "cache").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700


def test_reading_imports_no_ansible_here(tmp_path: Path) -> None:
    ask = (
        "import sys; from pathlib import Path; from gate.inventory.read import InventoryReader;"
        "assert InventoryReader(Path(sys.argv[1]), Path(sys.argv[2])).read().hosts;"
        "print([name for name in sys.modules if name.split('.')[0] in ('ansible', 'jinja2')])"
    )
    source = folder(tmp_path, {"hosts.ini": "web-01\n"})
    done = subprocess.run(
        [sys.executable, "-c", ask, str(source), str(tmp_path / "cache")],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    assert done.stdout.strip() == "[]"


def test_a_configuration_in_the_home_does_not_count(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / ".ansible.cfg").write_text("[inventory]\nenable_plugins = nothing_at_all\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert set(read(tmp_path, {"hosts.ini": "web-01\n"}).hosts) == {"web-01"}
