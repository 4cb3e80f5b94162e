"""The file of a database login, and the verifiers by which a server knows a password. Pure.

The file has one line `PGUSER=...` and one line `PGPASSWORD=...`, as libpq names them; all other lines are somebody
else's and stay as they are. The server is given a verifier, never the password.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import NamedTuple

from ansible.module_utils.kept_file import Refused

VALUE = r"[A-Za-z0-9_./:,@%+=-]+"  # means the same to a shell, systemd and container engines
ITERATIONS = 4096  # as PostgreSQL does; the password is random, so more would only take time
SCRAM = re.compile(r"SCRAM-SHA-256\$(\d+):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)")


class Login(NamedTuple):
    """What the file says: whom to log in as, and into which database."""

    user: str
    password: str
    database: str


def login_of(text):
    """The login that the file has. Raises Refused where readers could take it differently."""
    found = {}
    for key in ("PGUSER", "PGPASSWORD", "PGDATABASE"):
        loose = re.findall(rf"(?m)^[ \t]*(?:export[ \t]+)?{key}\b.*$", text)
        strict = re.findall(rf"(?m)^{key}=({VALUE})$", text)
        if len(loose) != len(strict) or len(strict) > 1 or (not strict and key != "PGDATABASE"):
            raise Refused(
                f"The file does not have one plain line {key}=VALUE. Readers could take anything else differently. "
                "Write it without quotes, spaces and `export`."
            )
        found[key] = strict[0] if strict else "postgres"
    return Login(found["PGUSER"], found["PGPASSWORD"], found["PGDATABASE"])


def with_login(text, user, password):
    """The file with another login, and everything else as it is."""
    for key, value in (("PGUSER", user), ("PGPASSWORD", password)):
        text = re.sub(rf"(?m)^{key}=.*$", f"{key}={value}", text)
    return text


def verifier_of(password, salt, iterations=ITERATIONS):
    """The SCRAM-SHA-256 verifier (RFC 5803) of an ASCII password, as pg_authid has it. `salt` is bytes."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, iterations)
    client = hmac.digest(salted, b"Client Key", "sha256")
    parts = [salt, hashlib.sha256(client).digest(), hmac.digest(salted, b"Server Key", "sha256")]
    shown = [base64.b64encode(part).decode() for part in parts]
    return f"SCRAM-SHA-256${iterations}:{shown[0]}${shown[1]}:{shown[2]}"


def is_password_of(verifier, login):
    """Whether the server would take this password, by what it keeps of it; None is no password at all."""
    scram = SCRAM.fullmatch(verifier or "")
    if scram is not None:
        expected = verifier_of(login.password, base64.b64decode(scram[2]), int(scram[1]))
    else:
        told = (login.password + login.user).encode("ascii")
        expected = "md5" + hashlib.new("md5", told, usedforsecurity=False).hexdigest()
    return hmac.compare_digest(expected, verifier or "")
