"""What a PostgreSQL server of this host has of roles, asked and changed over its own socket as the user postgres.

SQL goes in by stdin, and the session has all logging of statements off: no verifier is in an argument, a log, a
message or pg_stat_statements. Names are checked by the caller; they are plain lower-case identifiers.
"""

from __future__ import annotations

import json
import os
import subprocess

from ansible.module_utils.kept_file import Refused

SOCKETS = "/var/run/postgresql"  # Debian's
WAIT_S = 60
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
SESSION = {
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_min_duration_statement": "-1",
    "log_min_duration_sample": "-1",
    "log_transaction_sample_rate": "0",
    "pg_stat_statements.track": "none",
    "default_transaction_read_only": "off",
    "standard_conforming_strings": "on",
    "search_path": "pg_catalog",
    "timezone": "UTC",
    "datestyle": "ISO",
    "lock_timeout": "10s",
    "statement_timeout": "30s",
}
PSQL = ("psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--no-password")
# terse: a server's message would show the line that it is about
STRICT = ("--set=ON_ERROR_STOP=1", "--set=VERBOSITY=terse", "--single-transaction", "--file=-")

# of a role all that this action could lose: undo brings it back as a whole, and sees whether it was changed since
ROW = """json_build_object(
  'flags', json_build_object('superuser', rolsuper, 'inherit', rolinherit, 'createrole', rolcreaterole,
    'createdb', rolcreatedb, 'login', rolcanlogin, 'replication', rolreplication, 'bypassrls', rolbypassrls),
  'limit', rolconnlimit,
  'verifier', rolpassword,
  'valid_until', rolvaliduntil::text,
  'comment', shobj_description(role.oid, 'pg_authid'),
  'settings', (SELECT coalesce(json_agg(json_build_array(coalesce(datname, ''), setconfig) ORDER BY datname), '[]')
    FROM pg_db_role_setting LEFT JOIN pg_database ON pg_database.oid = setdatabase WHERE setrole = role.oid),
  'member_of', (SELECT coalesce(json_object_agg(of.rolname,
      to_jsonb(link) - '{oid,roleid,member,grantor}'::text[] ORDER BY of.rolname), '{}')
    FROM pg_auth_members link JOIN pg_authid of ON of.oid = link.roleid WHERE link.member = role.oid),
  'members', (SELECT count(*) FROM pg_auth_members link WHERE link.roleid = role.oid))"""
# and what only says whether it can be done
ABOUT = """json_build_object(
  'is_valid', coalesce(rolvaliduntil, 'infinity') > now(),
  'sessions', (SELECT count(*) FROM pg_stat_activity WHERE usesysid = role.oid),
  'holds', (SELECT count(*) FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass AND refobjid = role.oid))"""
ALL = """SELECT json_build_object(
  'cluster', (SELECT system_identifier::text FROM pg_control_system()),
  'standby', pg_is_in_recovery(),
  'until', (SELECT least(coalesce(rolvaliduntil, 'infinity'), now() + interval '{grace} minutes')::text
    FROM pg_authid WHERE rolname = '{old}'),
  'rows', (SELECT json_object_agg(rolname, {row}) FROM pg_authid role WHERE rolname IN ('{role}', '{old}', '{new}')),
  'about', (SELECT json_object_agg(rolname, {about}) FROM pg_authid role WHERE rolname IN ('{old}', '{new}')));
"""


class Server:
    """The cluster of this host that listens on `port`."""

    def __init__(self, port):
        self.port = str(port)

    def ask(self, sql):
        """What the statements, which are one transaction, print. Raises Refused; then nothing was changed."""
        command = ("runuser", "-u", "postgres", "--", *PSQL, *STRICT, "-h", SOCKETS, "-p", self.port, "-d", "postgres")
        options = " ".join(f"-c {name}={value}" for name, value in SESSION.items())
        done = run(command, {"PGOPTIONS": options}, sql)
        if done.returncode != 0:
            raise Refused(
                f"PostgreSQL on port {self.port} did not do it: {done.stderr.strip()[-300:] or done.returncode}. "
                "It has to run here and to let root become postgres on its socket. Start it, or become root."
            )
        return done.stdout

    def look(self, role, old, new, grace):
        """Rows and facts of the three roles, by name; those that are not there are left out."""
        told = json.loads(self.ask(ALL.format(role=role, old=old, new=new, grace=grace, row=ROW, about=ABOUT)))
        return {**told, "rows": told["rows"] or {}, "about": told["about"] or {}}

    def lets_in(self, login):
        """Whether somebody with this login gets in, over TCP, as an application would."""
        command = (*PSQL, "-h", "127.0.0.1", "-p", self.port, "-U", login.user, "-d", login.database)
        done = run((*command, "-c", "SELECT session_user"), {"PGPASSWORD": login.password}, "")
        return done.returncode == 0 and done.stdout.strip() == login.user


def run(command, variables, stdin):
    """Arguments can be read by everybody on the host; the environment and stdin only by the same user and root."""
    environment = {"PATH": PATH, "LC_ALL": "C", "HOME": "/nonexistent", "PGCONNECT_TIMEOUT": "10", **variables}
    return subprocess.run(
        command, input=stdin, env=environment, cwd=os.sep, capture_output=True, text=True, timeout=WAIT_S, check=False
    )


# Statements


def literal(text):
    return "NULL" if text is None else "'" + text.replace("'", "''") + "'"


def valid_until(role, when):
    """No statement takes VALID UNTIL away again; the row of the catalogue does without."""
    if when is None:
        return f"UPDATE pg_authid SET rolvaliduntil = NULL WHERE rolname = '{role}' AND rolvaliduntil IS NOT NULL;\n"
    return f'ALTER ROLE "{role}" VALID UNTIL {literal(when)};\n'


def with_password(role, verifier, when):
    return f'ALTER ROLE "{role}" PASSWORD {literal(verifier)};\n' + valid_until(role, when)


def made_like(row, role, group, verifier):
    """A login as `row` is, which has no more than membership of the group, a limit, and the group for its work."""
    told = f'CREATE ROLE "{role}" LOGIN INHERIT CONNECTION LIMIT {row["limit"]} IN ROLE "{group}" '
    told += f"PASSWORD {literal(verifier)};\n"
    return told + (f"ALTER ROLE \"{role}\" SET role = '{group}';\n" if row["settings"] else "")


def without_sessions(role, statements):
    """The statements, after which the role lets nobody in, and then the end of whoever is in already."""
    oid = f"SELECT oid AS gone FROM pg_authid WHERE rolname = '{role}' \\gset\n"
    end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usesysid = :gone;\n"
    return f"{oid}{statements}COMMIT;\n{end}"
