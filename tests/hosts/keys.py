"""Keys of one run: one to log in with, and one for each host, so that host keys can be checked."""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

_DEPLOY = 1000  # uid and gid of the user `deploy` in the image


@dataclass(frozen=True, slots=True)
class Key:
    """An ed25519 key in OpenSSH's formats, both with a newline at the end."""

    private: bytes
    public: bytes

    @classmethod
    def make(cls) -> Self:
        key = Ed25519PrivateKey.generate()
        private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        return cls(private, key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH) + b"\n")

    def write(self, path: Path) -> None:
        """Writes the private half, which nobody else may read."""
        path.touch(mode=0o600)
        path.write_bytes(self.private)


def seed(host: Key, login: Key, files: dict[str, str]) -> bytes:
    """A tar of what a new host gets: its key, who may log in as `deploy`, and `files` by path."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        _add(tar, "etc/ssh/ssh_host_ed25519_key", host.private, mode=0o600)
        _add(tar, "etc/ssh/ssh_host_ed25519_key.pub", host.public)
        _add(tar, "home/deploy/.ssh/authorized_keys", login.public, mode=0o600, owner=_DEPLOY)
        for path, text in files.items():
            _add(tar, path, text.encode())
    return written.getvalue()


def _add(tar: tarfile.TarFile, path: str, content: bytes, *, mode: int = 0o644, owner: int = 0) -> None:
    member = tarfile.TarInfo(path)
    member.size, member.mode, member.uid, member.gid = len(content), mode, owner, owner
    tar.addfile(member, io.BytesIO(content))
