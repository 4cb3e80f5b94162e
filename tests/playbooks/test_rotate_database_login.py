"""rotate_credentials of a database by hand, on a real host: both logins, what is refused, and that nothing gets out."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
import yaml

if TYPE_CHECKING:
    from tests.hosts.host import Host
    from tests.hosts.lab import Lab
    from tests.playbooks.conftest import Played, Site

WISH = {"kind": "postgresql", "path": "/etc/app/db.env", "role": "shop", "grace": 60, "length": 32}
FILE = "PGDATABASE=postgres\nPGUSER=shop_a\nPGPASSWORD=an-old-one\n"
ROLES = """
DROP TABLE IF EXISTS of_one;
DROP ROLE IF EXISTS shop_a, shop_b, shop_c, shop, other;
CREATE ROLE shop; CREATE ROLE other;
CREATE ROLE shop_a LOGIN PASSWORD 'an-old-one' IN ROLE shop;
"""
ENDED = "CREATE ROLE shop_b LOGIN PASSWORD 'an-older-one' VALID UNTIL '2026-01-02' IN ROLE shop;"


class Database:
    """A host on which PostgreSQL runs; the plays are run on it alone."""

    def __init__(self, host: Host, site: Site) -> None:
        self.host, self.site = host, site

    def sql(self, statements: str) -> str:
        return self.host.run("runuser", "-u", "postgres", "--", "psql", "-qXAtv", "ON_ERROR_STOP=1", "-c", statements)

    def write(self, text: str, mode: str = "640") -> None:
        told = base64.b64encode(text.encode()).decode()
        self.host.run("sh", "-euc", f"echo {told} | base64 -d > /etc/app/db.env; chmod {mode} /etc/app/db.env")

    def begin(self, more: str = "") -> None:
        self.sql(ROLES + more)
        self.host.run("sh", "-euc", "rm -rf /etc/app; mkdir /etc/app")
        self.write(FILE)

    def is_let_in(self, user: str, password: str) -> bool:
        command = f"PGPASSWORD={password} psql -wqXAt -h 127.0.0.1 -U {user} -d postgres -c 'SELECT 1' 2>&1 || true"
        return self.host.run("sh", "-c", command).strip() == "1"

    def state(self) -> str:
        """All that a rotation could touch, with verifiers; the key of a dump is new each time."""
        files = "cd /etc/app; ls -lAni --time-style=full-iso; find . -type f -exec sha256sum {} +"
        dump = "cd /; runuser -u postgres -- pg_dumpall --globals-only | grep -v restrict"
        return self.host.run("sh", "-euc", f"{files}; {dump}")

    def play(self, name: str, *options: str, **changed: object) -> Played:
        return self.site.play(f"rotate_credentials/{name}.yml", WISH | changed, "--limit", "web-01", *options)

    def undo(self, done: Played, *options: str) -> Played:
        return self.site.undo("rotate_credentials", WISH, done.evidence, "--limit", "web-01", *options)


@pytest.fixture
def database(site: Site, lab: Lab, hosts: tuple[Host, ...]) -> Database:
    (site.top / "hosts.yml").write_text(yaml.safe_dump(lab.inventory))
    hosts[0].run("systemctl", "start", "postgresql")
    return Database(hosts[0], site)


def test_both_logins_are_valid_for_the_grace_and_nothing_of_them_gets_out(database: Database) -> None:
    database.begin()
    database.sql("ALTER SYSTEM SET log_statement = 'all'; ")
    database.sql("SELECT pg_reload_conf()")
    before = database.state()
    checked = database.play("do", "--check", "-vvv")
    assert (checked.rc, database.state()) == (0, before)

    done = database.play("do", "-vvv")
    assert (done.rc, done.evidence["web-01"]["resources"]) == (0, ["file:/etc/app/db.env", "postgresql:shop"])
    text = database.host.run("cat", "/etc/app/db.env")
    password = text.split("PGPASSWORD=")[1].strip()
    assert text.split("\n")[:2] == ["PGDATABASE=postgres", "PGUSER=shop_b"]
    assert len(bytes.fromhex(password)) == 32
    assert database.host.run("stat", "-c", "%a", "/etc/app/db.env").strip() == "640"
    assert database.is_let_in("shop_b", password)
    assert database.is_let_in("shop_a", "an-old-one")
    left = database.sql("SELECT rolvaliduntil - now() FROM pg_roles WHERE rolname = 'shop_a'")
    assert left.startswith("00:5")
    assert database.play("verify", "-vvv").rc == 0

    verifiers = database.sql("SELECT rolpassword FROM pg_authid WHERE rolname LIKE 'shop__'").split()
    undone = database.undo(done, "-vvv")
    assert (undone.rc, database.state()) == (0, before)
    database.sql("ALTER SYSTEM RESET log_statement")
    database.sql("SELECT pg_reload_conf()")
    files = (file for room in database.site.top.glob("run-*") for file in room.rglob("*") if file.is_file())
    told = "\n".join(file.read_text(errors="replace") for file in files)
    logs = database.host.run("sh", "-c", "cat /var/log/postgresql/*; journalctl --no-pager")
    assert "database_login" in told
    assert "LOG:" in logs
    for secret in (password, "an-old-one", *verifiers):
        assert secret not in told
    for secret in (password, *verifiers):
        assert secret not in logs


def test_the_logins_take_turns_and_each_undo_ends_the_sessions_of_the_new_one(database: Database) -> None:
    database.begin(ENDED)
    before = database.state()
    first = database.play("do")
    assert first.rc == 0
    again = database.play("do")
    assert "shop_a is still valid" in again.failed["web-01"]
    database.sql("ALTER ROLE shop_a VALID UNTIL '2026-01-03'")
    after_first = database.state()
    second = database.play("do")
    assert (second.rc, second.evidence["web-01"]["new"]["name"]) == (0, "shop_a")
    password = database.host.run("sed", "-n", "s/PGPASSWORD=//p", "/etc/app/db.env").strip()
    session = f"PGPASSWORD={password} psql -wqX -h 127.0.0.1 -U shop_a -d postgres -c 'SELECT pg_sleep(100)'"
    database.host.run("sh", "-c", f"{session} >/dev/null 2>&1 & sleep 1")
    assert database.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'shop_a'").strip() == "1"
    assert (database.undo(second).rc, database.state()) == (0, after_first)
    assert database.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'shop_a'").strip() == "0"
    assert database.undo(first).failed["web-01"].startswith("stale: shop_a is no longer as the change left it")
    database.sql(f"ALTER ROLE shop_a VALID UNTIL '{first.evidence['web-01']['until']}'")
    assert (database.undo(first).rc, database.state()) == (0, before)
    undone = database.undo(first)
    assert (undone.rc, undone.changed) == (0, frozenset())


@pytest.mark.parametrize(
    ("roles", "text", "reason"),
    [
        ("ALTER ROLE shop_a RENAME TO shop_c", FILE, "or no shop_a"),
        ("", FILE.replace("an-old-one", "another-one"), "has another password"),
        ("ALTER ROLE shop_a VALID UNTIL '2026-01-02'", FILE, "shop_a has expired"),
        ("GRANT other TO shop_a", FILE, "more or less than a login"),
        ("CREATE TABLE of_one (); ALTER TABLE of_one OWNER TO shop_a", FILE, "owns something"),
        ("ALTER ROLE shop_a SET work_mem = '8MB'", FILE, "has settings of its own"),
        (f"{ENDED} ALTER ROLE shop_b VALID UNTIL 'infinity'", FILE, "shop_b is still valid (infinity)"),
        (f"{ENDED} ALTER ROLE shop_b CONNECTION LIMIT 3", FILE, "shop_b is not like shop_a"),
    ],
)
def test_what_could_not_be_taken_back_is_refused_before_anything_changes(
    database: Database, roles: str, text: str, reason: str
) -> None:
    database.begin()
    database.sql(roles)
    database.write(text)
    before = database.state()
    done = database.play("do")
    assert reason in done.failed["web-01"]
    assert (done.evidence, database.state()) == ({}, before)


def test_a_login_that_somebody_uses_is_refused(database: Database) -> None:
    database.begin(ENDED)
    database.sql("ALTER ROLE shop_b VALID UNTIL 'infinity'")
    session = "PGPASSWORD=an-older-one psql -wqX -h 127.0.0.1 -U shop_b -d postgres -c 'SELECT pg_sleep(100)'"
    database.host.run("sh", "-c", f"{session} >/dev/null 2>&1 & sleep 1")
    database.sql("ALTER ROLE shop_b VALID UNTIL '2026-01-02'")
    assert "shop_b has 1 open sessions" in database.play("do").failed["web-01"]
    database.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'shop_b'")


def test_parameters_and_hosts_that_do_not_fit_are_refused(database: Database) -> None:
    database.begin()
    before = database.state()
    database.write(FILE, "644")
    assert "others can read it" in database.play("do").failed["web-01"]
    database.host.run("chmod", "640", "/etc/app/db.env")
    assert "needs a role" in database.play("do", role="").failed["web-01"]
    assert "needs a role" in database.play("do", kind="file").failed["web-01"]
    assert "not below" in database.play("do", path="/root/db.env").failed["web-01"]
    assert "is not there" in database.play("do", path="/etc/app/none.env").failed["web-01"]
    database.host.run("systemctl", "stop", "postgresql")
    assert "PostgreSQL on port 5432 did not do it" in database.play("do").failed["web-01"]
    database.host.run("systemctl", "start", "postgresql")
    assert database.state().splitlines()[2:] == before.splitlines()[2:]


def edit_the_file(database: Database) -> None:
    database.host.run("sh", "-c", "echo '# mine' >> /etc/app/db.env")


def lose_what_was_kept(database: Database) -> None:
    database.host.run("sh", "-c", "rm -r /etc/app/.db.env.*.kept")


@pytest.mark.parametrize(
    ("touch", "reason"),
    [
        (edit_the_file, "stale: /etc/app/db.env is no longer"),
        (lose_what_was_kept, "stale: what was kept of /etc/app/db.env is gone"),
        ("ALTER ROLE shop_a PASSWORD 'by-hand'", "stale: shop_a is no longer"),
        ("ALTER ROLE shop_b PASSWORD 'by-hand'", "stale: shop_b is no longer"),
        ("ALTER ROLE shop_b SET work_mem = '8MB'", "stale: shop_b is no longer"),
        ("CREATE TABLE of_one (); ALTER TABLE of_one OWNER TO shop_b", "stale: shop_b has made something"),
    ],
)
def test_undo_refuses_what_somebody_touched_since(
    database: Database, touch: str | Callable[[Database], None], reason: str
) -> None:
    database.begin()
    done = database.play("do")
    if isinstance(touch, str):
        database.sql(touch)
    else:
        touch(database)
    touched = database.state()
    assert reason in database.undo(done).failed["web-01"]
    assert database.state() == touched
