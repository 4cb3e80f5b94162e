"""What an archive and what a directory holds, in the same words: {name: "d 755" | "f 644 SHA256" | "l TARGET"}.

Promises: every name stays below the top, no member is written through a symlink, and files get mode 755 or 644 only.
Refuses: anything that is not a file, a directory or a symlink that stays inside; names twice; what is too big.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import tarfile
import zlib

MAX_MEMBERS = 50_000
MAX_BYTES = 4 * 1024**3  # unpacked
CHUNK = 1 << 20
BROKEN_ARCHIVE = (tarfile.TarError, zlib.error, EOFError)


class Refused(Exception):
    """A reason not to go on."""


def contents_of_archive(file):
    """What the gzipped tar will unpack to. Raises Refused, also when it cannot be read."""
    try:
        with tarfile.open(fileobj=file, mode="r:gz") as tar:
            return contents_of_members(tar)
    except BROKEN_ARCHIVE as error:
        raise Refused(f"The archive cannot be read: {error}") from error


def contents_of_members(tar):
    found = {".": "d 755"}
    size = 0
    for number, member in enumerate(tar):
        name = plain_name(member.name)
        size += member.size
        if number >= MAX_MEMBERS or size > MAX_BYTES:
            raise Refused("The archive is too big.")
        if name and name in found and not (member.isdir() and found[name].startswith("d")):
            raise Refused(f"The archive holds {name} twice.")
        for parent in parents_of(name):
            if not found.setdefault(parent, "d 755").startswith("d"):
                raise Refused(f"The archive puts {name} behind something that is no directory.")
        if name:
            found[name] = described(tar, member, name)
    return found


def plain_name(name):
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or any(ord(character) < 32 for character in name):
        raise Refused(f"The archive reaches outside its directory: {name!r}.")
    return "/".join(part for part in parts if part not in ("", "."))


def parents_of(name):
    parts = name.split("/")[:-1]
    return ["/".join(parts[: n + 1]) for n in range(len(parts))]


def described(tar, member, name):
    if member.isdir():
        return "d 755"
    if member.issym():
        if leads_outside(name, member.linkname):
            raise Refused(f"The archive's link {name} leads outside: {member.linkname!r}.")
        return "l " + member.linkname
    if member.isfile():
        return f"f {file_mode(member.mode):o} {digest_of(tar.extractfile(member))}"
    raise Refused(f"The archive's {name} is no file, directory or symlink (for hard links: tar --hard-dereference).")


def leads_outside(name, target):
    """Only `..`s at the beginning are taken, because behind another link `..` is somewhere else."""
    parts = target.split("/")
    up = next((n for n, part in enumerate(parts) if part != ".."), len(parts))
    return target.startswith("/") or ".." in parts[up:] or up > name.count("/")


def file_mode(mode):
    return 0o755 if mode & 0o100 else 0o644


def digest_of(file):
    digest = hashlib.sha256()
    for chunk in iter(lambda: file.read(CHUNK), b""):
        digest.update(chunk)
    return digest.hexdigest()


def contents_of_directory(top):
    """What is below `top` now, in the same words. Raises OSError."""
    found = {".": f"d {stat.S_IMODE(os.lstat(top).st_mode):o}"}
    for where, directories, files in os.walk(top, onerror=raise_it):
        for entry in directories + files:
            place = os.path.join(where, entry)
            state = os.lstat(place)
            name = os.path.relpath(place, top)
            if stat.S_ISLNK(state.st_mode):
                found[name] = "l " + os.readlink(place)
            elif stat.S_ISDIR(state.st_mode):
                found[name] = f"d {stat.S_IMODE(state.st_mode):o}"
            elif stat.S_ISREG(state.st_mode):
                with open(place, "rb") as file:
                    found[name] = f"f {stat.S_IMODE(state.st_mode):o} {digest_of(file)}"
            else:
                found[name] = "other"
    return found


def raise_it(error):
    raise error


def tree_digest(contents):
    return hashlib.sha256(json.dumps(contents, sort_keys=True).encode()).hexdigest()


def unpack_archive(file, top, contents):
    """Unpacks into the new directory `top`; `contents` is what `contents_of_archive` said. Raises Refused, OSError."""
    for name in sorted(name for name, kind in contents.items() if kind.startswith("d")):
        place = os.path.normpath(os.path.join(top, name))
        os.mkdir(place)
        os.chmod(place, 0o755)
    file.seek(0)
    with tarfile.open(fileobj=file, mode="r:gz") as tar:
        for member in tar:
            put(tar, member, os.path.join(top, plain_name(member.name)))
    if contents_of_directory(top) != contents:
        raise Refused("What was unpacked is not what the archive holds.")


def put(tar, member, place):
    if member.issym():
        os.symlink(member.linkname, place)
    elif member.isfile():
        with open(place, "xb") as file:
            shutil.copyfileobj(tar.extractfile(member), file, CHUNK)
        os.chmod(place, file_mode(member.mode))
