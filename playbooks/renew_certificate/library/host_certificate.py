#!/usr/bin/python
"""Renew a TLS certificate of this machine with a CA that is on it, or bring the old one back.

Promises: the new private key is made on this machine and never leaves it: not in a result, a diff, a message or the
evidence. Subject, extensions, chain, kind of key, owner, group and mode stay. The old files themselves (their inodes)
are kept and come back.
Refuses: certificates that this CA has not issued, keys that do not belong to them, symlinks on the way, going back over
what somebody changed since.

Beside NAME.crt and NAME.key a renewal keeps the directory `.NAME.TOKEN.kept` (0700): `old.crt` and `old.key`, and
`seal`, the SHA-256 of the new files, by which undo sees that they are still what the renewal left.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import ssl
import stat
import time

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: host_certificate
short_description: Renew a TLS certificate with a CA on the host, with evidence to bring the old one back
description:
  - Makes a new key and a certificate for it with the names of the old one, and keeps the old ones beside them.
  - Needs openssl 3.0 or later on the host.
options:
  root: {type: str, default: "", description: [Directory that stands for the root of the host.]}
  folder: {type: str, required: true, description: [Where NAME.crt and NAME.key are.]}
  name: {type: str, required: true, description: [The certificate.]}
  state:
    type: str
    choices: [renewed, checked, restored, cleaned]
    default: renewed
    description: [What is wanted. Restored leaves what was kept, for cleaned to take away.]
  ca_certificate: {type: str, default: "", description: [Certificate of the CA.]}
  ca_key: {type: str, default: "", no_log: false, description: [File with the private key of the CA.]}
  days: {type: int, default: 0, description: [For how long the new certificate is good.]}
  port: {type: int, default: 0, description: [Port of this machine that serves the certificate; 0 is none.]}
  starttls: {type: str, default: "", description: [Protocol that is spoken before TLS.]}
  evidence: {type: dict, description: [What an earlier call returned as evidence.]}
author: [ansible-gate]
"""

EXAMPLES = r"""
- name: Renew the certificate of the shop
  host_certificate:
    folder: /etc/ssl/gate
    name: shop
    ca_certificate: /etc/ssl/gate-ca/ca.crt
    ca_key: /etc/ssl/gate-ca/ca.key
    days: 90
"""

RETURN = r"""
evidence:
  description: Where the old files are kept and by what they are known again; nothing of any private key.
  returned: when state is renewed
  type: dict
"""

PARTS = ("key", "crt")
MAX_BYTES = 256 * 1024
PEM = re.compile(rb"-----BEGIN CERTIFICATE-----\r?\n[A-Za-z0-9+/=\r\n]+-----END CERTIFICATE-----\r?\n?")
KEPT_NAME = re.compile(r"\.[a-z0-9._-]+\.[0-9a-f]{16}\.kept")
LEAST_RSA_BITS = 2048
SLACK_S = 3600  # between the signing and the check
PATIENCE_S = 15  # a reload is through some time after it was asked for


class Refused(Exception):
    """A reason not to go on. Nothing was changed."""


class Keep:
    """The directory beside the certificate in which a renewal keeps what undo needs."""

    def __init__(self, folder, name):
        if not KEPT_NAME.fullmatch(name):
            raise Refused("The evidence is not what this action records.")
        self.place = os.path.join(folder, name)
        self.seal = self.at("seal")

    def at(self, name):
        return os.path.join(self.place, name)

    def remove(self):
        if os.path.isdir(self.place) and not os.path.islink(self.place):
            for name in ("new.key", "new.crt", "old.key", "old.crt", "seal"):
                if os.path.lexists(self.at(name)):
                    os.unlink(self.at(name))
            os.rmdir(self.place)


# Looking


def place_of(root, path, is_kind, what):
    """Where `path` is on this machine. A symlink on the way, or another kind than the wanted one, is refused."""
    top = os.path.realpath(root or "/")
    place = os.path.join(top, path.lstrip("/"))
    if not path.startswith("/") or os.path.realpath(place) != place:
        raise Refused(f"{path} is not a plain absolute path: a symlink or '..' is on the way. Name the real one.")
    if not os.path.lexists(place) or not is_kind(os.lstat(place).st_mode):
        raise Refused(f"{path} is not there, or is no {what}. Put it there first; see the README of this action.")
    return place


def folder_of(wish):
    folder = place_of(wish["root"], wish["folder"], stat.S_ISDIR, "directory")
    state = os.lstat(folder)
    if state.st_uid not in (0, os.geteuid()) or state.st_mode & 0o022:
        raise Refused(f"Others can write to {wish['folder']}, and could swap what is in it. Make it root's alone.")
    return folder


def files_of(folder, name):
    return {part: os.path.join(folder, f"{name}.{part}") for part in PARTS}


def mark_of(place):
    """By what a file is known again without looking into it. Text, since nanoseconds exceed what JSON numbers carry."""
    try:
        state = os.lstat(place)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(state.st_mode):
        raise Refused(f"{place} is not a regular file. Put a plain file there.")
    return {
        "inode": str(state.st_ino),
        "mtime_ns": str(state.st_mtime_ns),
        "mode": f"{stat.S_IMODE(state.st_mode):04o}",
        "owner": f"{state.st_uid}:{state.st_gid}",
    }


def content_of(place):
    with open(place, "rb") as file:
        return file.read(MAX_BYTES)


def digest_of(place):
    return hashlib.sha256(content_of(place)).hexdigest()


def split(pem):
    """The first certificate, and everything behind it, of the content of a file."""
    found = PEM.search(pem)
    if found is None:
        raise Refused("The certificate is not in PEM. Convert it first.")
    return found[0], pem[found.end() :]


class OpenSSL:
    """The program, and what is asked of it. Only public things go in and out; private keys stay in files."""

    def __init__(self, module):
        self.module = module

    def run(self, *arguments, data=None):
        rc, out, err = self.ask(*arguments, data=data)
        if rc != 0:
            raise Refused(f"openssl {arguments[0]} failed. It says: {err.strip()[-300:]}")
        return out

    def ask(self, *arguments, data=None):
        language = {"LC_ALL": "C"}
        return self.module.run_command(
            ["openssl", *arguments], data=data, binary_data=True, environ_update=language, umask=0o077
        )

    def public_of(self, certificate):
        return self.run("x509", "-noout", "-pubkey", data=certificate).strip()

    def public_of_key(self, place):
        rc, out, _ = self.ask("pkey", "-in", place, "-passin", "pass:", "-pubout")
        if rc != 0:
            raise Refused(f"{place} is no private key that can be read without a passphrase. Put a plain one there.")
        return out.strip()

    def is_good_for(self, certificate, seconds):
        return self.ask("x509", "-noout", "-checkend", str(seconds), data=certificate)[0] == 0

    def is_issued_by(self, certificate, ca):
        options = ("-partial_chain", "-no_check_time", "-trusted", ca)
        return self.ask("verify", *options, data=certificate)[0] == 0

    def kind_of_key(self, public):
        """Arguments of genpkey for a new key of the same kind as this public one."""
        told = self.run("pkey", "-pubin", "-noout", "-text", data=public.encode())
        bits, curve = re.search(r"Public-Key: \((\d+) bit\)", told), re.search(r"ASN1 OID: (\S+)", told)
        if curve:
            return ["-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{curve[1]}"]
        if bits and "Modulus:" in told and int(bits[1]) >= LEAST_RSA_BITS:
            return ["-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{bits[1]}"]
        if told.startswith("ED25519"):
            return ["-algorithm", "ED25519"]
        raise Refused("The key is neither EC nor Ed25519 nor RSA of 2048 bits. Have a new certificate made by hand.")

    def server_name(self, certificate):
        """What a client would ask for: the first DNS name of the certificate, None if it has none."""
        told = self.ask("x509", "-noout", "-ext", "subjectAltName", data=certificate)[1]
        found = re.search(r"DNS:([^,\s]+)", told)
        return found[1].replace("*", "any") if found else None

    def served_at(self, port, starttls, name):
        """The certificate that this machine serves there, None if it serves none."""
        asked = ["-servername", name] if name else ["-noservername"]
        asked += ["-starttls", starttls] if starttls else []
        command = ["timeout", "10", "openssl", "s_client", "-connect", f"127.0.0.1:{port}", *asked]
        found = PEM.search(self.module.run_command(command, data="")[1].encode())
        return found[0] if found else None


# Changing


def renew(module):
    wish, openssl = module.params, OpenSSL(module)
    folder = folder_of(wish)
    files = files_of(folder, wish["name"])
    leaf, _ = examine(wish, openssl, files)
    recorded = wish["evidence"] or {}
    name = recorded.get("kept") or f".{wish['name']}.{secrets.token_hex(8)}.kept"
    evidence = {
        "name": wish["name"],
        "kept": name,
        "before": {part: mark_of(files[part]) for part in PARTS},
        "ended": openssl.run("x509", "-noout", "-enddate", data=leaf).strip().partition("=")[2],
    }
    if recorded and recorded != evidence:
        raise Refused("The certificate changed between the look at it and the change.")
    if not module.check_mode:
        replace(wish, openssl, files, Keep(folder, name), evidence["before"])
    return {"changed": True, "evidence": evidence}


def examine(wish, openssl, files):
    """The certificate that is there and the rest of its file, when the CA can renew it."""
    places = {part: place_of("", files[part], stat.S_ISREG, "file") for part in PARTS}
    ca, ca_key = (place_of(wish["root"], wish[key], stat.S_ISREG, "file") for key in ("ca_certificate", "ca_key"))
    leaf, chain = split(content_of(places["crt"]))
    ca_leaf, _ = split(content_of(ca))
    if openssl.public_of(leaf) != openssl.public_of_key(places["key"]):
        raise Refused(f"{wish['name']}.key does not belong to {wish['name']}.crt. Put the right one there first.")
    if openssl.public_of(ca_leaf) != openssl.public_of_key(ca_key):
        raise Refused("gate_ca_key does not belong to gate_ca_certificate. Name the two that do.")
    if not openssl.is_issued_by(leaf, ca):
        raise Refused(f"The CA has not issued {wish['name']}.crt, or is none. Renew it where it came from.")
    if "CA:TRUE" in openssl.ask("x509", "-noout", "-ext", "basicConstraints", data=leaf)[1]:
        raise Refused(f"{wish['name']}.crt is a CA itself. Renew it by hand.")
    if not openssl.is_good_for(ca_leaf, wish["days"] * 86400):
        raise Refused(f"The CA itself ends within {wish['days']} days. Ask for fewer, or renew the CA.")
    openssl.kind_of_key(openssl.public_of(leaf))
    return leaf, chain


def replace(wish, openssl, files, keep, before):
    """The switch is two renames; whatever breaks before them leaves the files alone, and undo removes the rest."""
    os.mkdir(keep.place, 0o700)
    try:
        make(wish, openssl, files, keep)
        for part in PARTS:
            owner, group = map(int, before[part]["owner"].split(":"))
            os.chown(keep.at(f"new.{part}"), owner, group)
            os.chmod(keep.at(f"new.{part}"), int(before[part]["mode"], 8))
            os.link(files[part], keep.at(f"old.{part}"))
        write_private(keep.seal, json.dumps({part: digest_of(keep.at(f"new.{part}")) for part in PARTS}).encode())
    except (Refused, OSError):
        keep.remove()
        raise
    for part in PARTS:
        os.rename(keep.at(f"new.{part}"), files[part])


def make(wish, openssl, files, keep):
    """A new key, and a certificate for it with the subject and the extensions of the old one."""
    leaf, chain = examine(wish, openssl, files)
    ca, ca_key = (place_of(wish["root"], wish[key], stat.S_ISREG, "file") for key in ("ca_certificate", "ca_key"))
    key, serial = keep.at("new.key"), f"0x{secrets.randbits(158) | 1:x}"
    openssl.run("genpkey", *openssl.kind_of_key(openssl.public_of(leaf)), "-out", key)
    request = openssl.run("x509", "-x509toreq", "-signkey", key, "-copy_extensions", "copyall", data=leaf)
    signing = ("-CA", ca, "-CAkey", ca_key, "-passin", "pass:", "-set_serial", serial, "-days", str(wish["days"]))
    made = openssl.run("x509", "-req", *signing, "-copy_extensions", "copyall", data=request.encode()).encode()
    if openssl.public_of(made) != openssl.public_of_key(key) or not openssl.is_issued_by(made, ca):
        raise Refused("What openssl made does not belong together. Look whether it is version 3.0 or later.")
    write_private(keep.at("new.crt"), made + chain)


def write_private(place, data):
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(handle)


def check(module):
    """Raises when the certificate on disk, or the one that is served, is not what a renewal leaves."""
    wish, openssl = module.params, OpenSSL(module)
    files = files_of(folder_of(wish), wish["name"])
    leaf, _ = examine({**wish, "days": 0}, openssl, files)
    if not openssl.is_good_for(leaf, wish["days"] * 86400 - SLACK_S):
        raise Refused(f"{wish['name']}.crt ends within {wish['days']} days. It was not renewed.")
    deadline = time.monotonic() + PATIENCE_S
    while wish["port"] and not is_served(openssl, leaf, wish["port"], wish["starttls"]):
        if time.monotonic() > deadline:
            raise Refused(f"Port {wish['port']} does not serve {wish['name']}.crt. Look at the service that has it.")
        time.sleep(0.5)
    return {"changed": False}


def is_served(openssl, leaf, port, starttls):
    served = openssl.served_at(port, starttls, openssl.server_name(leaf))
    same = ssl.PEM_cert_to_DER_cert
    return served is not None and same(served.decode().strip()) == same(leaf.decode().strip())


def restore(module):
    wish, evidence = module.params, module.params["evidence"]
    if evidence["name"] != wish["name"]:
        raise Refused(f"The evidence is of {evidence['name']}, not of {wish['name']}.")
    folder = folder_of(wish)
    files, keep = files_of(folder, wish["name"]), Keep(folder, evidence["kept"])
    gone = [part for part in PARTS if mark_of(files[part]) != evidence["before"][part]]
    if gone:
        refuse_stale(files, keep, evidence["before"], gone)
    if not module.check_mode:
        for part in gone:
            os.rename(keep.at(f"old.{part}"), files[part])
    # while something is kept, a service may still have the new one in its memory
    return {"changed": bool(gone) or os.path.lexists(keep.place)}


def refuse_stale(files, keep, before, gone):
    """Each file that is not the old one must be what the renewal left, and the kept one must be untouched."""
    if not os.path.isdir(keep.place) or os.path.islink(keep.place) or mark_of(keep.seal) is None:
        raise Refused(
            "stale: what was kept of the certificate is gone, or was never changed by this. Nothing was restored."
        )
    seal = json.loads(content_of(keep.seal))
    for part in gone:
        now = mark_of(files[part])
        as_left = now is not None and all(now[key] == before[part][key] for key in ("mode", "owner"))
        if not as_left or digest_of(files[part]) != seal[part]:
            raise Refused(f"stale: {files[part]} is no longer as the change left it. Nothing was restored.")
        if mark_of(keep.at(f"old.{part}")) != before[part]:
            raise Refused(f"stale: the old file of {files[part]} is gone or was changed. Nothing was restored.")


def clean(module):
    """Takes away what was kept, when both old files are back."""
    wish, evidence = module.params, module.params["evidence"]
    folder = folder_of(wish)
    files, keep = files_of(folder, wish["name"]), Keep(folder, evidence["kept"])
    there = os.path.lexists(keep.place)
    if there and not module.check_mode:
        if any(mark_of(files[part]) != evidence["before"][part] for part in PARTS):
            raise Refused("stale: the old certificate is not back. What was kept of it stays.")
        keep.remove()
    return {"changed": there}


def main():
    states = {"renewed": renew, "checked": check, "restored": restore, "cleaned": clean}
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "str", "default": ""},
            "folder": {"type": "str", "required": True},
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": list(states), "default": "renewed"},
            "ca_certificate": {"type": "str", "default": ""},
            "ca_key": {"type": "str", "default": "", "no_log": False},
            "days": {"type": "int", "default": 0},
            "port": {"type": "int", "default": 0},
            "starttls": {"type": "str", "default": ""},
            "evidence": {"type": "dict"},
        },
        required_if=[("state", "restored", ["evidence"]), ("state", "cleaned", ["evidence"])],
        supports_check_mode=True,
    )
    try:
        result = states[module.params["state"]](module)
    except (Refused, OSError) as error:
        module.fail_json(msg=str(error))
    except (KeyError, TypeError, ValueError) as error:
        module.fail_json(msg=f"The evidence is not what this action records: {error!r}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
