"""Keys in files: Ed25519 to sign with, plain ones to seal with; made once, and private ones for their owner alone."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from gate.values.errors import SettingsError

SEALING_BYTES = 32


def make_key(folder: Path, name: str) -> None:
    """Writes `name.key` (mode 0600) and `name.pub`, unless they are there."""
    private = folder / f"{name}.key"
    if private.exists():
        return
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    _write(folder / f"{name}.pub", public, 0o644)
    _write(private, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)


def make_sealing_key(folder: Path, name: str) -> None:
    """Writes `name.key` with 32 random bytes (mode 0600), unless it is there. Of two who try at once one wins."""
    path = folder / f"{name}.key"
    if path.exists():
        return
    draft = folder / f"{name}.{os.getpid()}.{secrets.token_hex(4)}.tmp"
    _write(draft, secrets.token_bytes(SEALING_BYTES), 0o600)
    with contextlib.suppress(FileExistsError):
        path.hardlink_to(draft)
    draft.unlink()


def sealing_key(folder: Path, name: str) -> bytes:
    """The 32 bytes of the key `name`.

    Raises:
        SettingsError: missing, unreadable, readable by others, or of another kind.
    """
    path = folder / f"{name}.key"
    content = _read(path)
    _refuse_open(path)
    if len(content) != SEALING_BYTES:
        raise SettingsError(f"The key {path} is none.", f"It has {len(content)} bytes.", "Restore the key.")
    return content


def private_key(folder: Path, name: str) -> Ed25519PrivateKey:
    """The private key `name`.

    Raises:
        SettingsError: missing, unreadable, readable by others, or of another kind.
    """
    path = folder / f"{name}.key"
    content = _read(path)
    _refuse_open(path)
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError):  # TypeError: it is encrypted
        raise _wrong_kind(path) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise _wrong_kind(path)
    return key


def public_key(folder: Path, name: str) -> Ed25519PublicKey:
    """The public key `name`.

    Raises:
        SettingsError: missing, unreadable, or of another kind.
    """
    return read_public(folder / f"{name}.pub")


def read_public(path: Path) -> Ed25519PublicKey:
    """The public key in the file `path`; the same errors as `public_key`."""
    try:
        key = load_pem_public_key(_read(path))
    except ValueError:
        raise _wrong_kind(path) from None
    if not isinstance(key, Ed25519PublicKey):
        raise _wrong_kind(path)
    return key


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as wrong:
        raise SettingsError(
            f"The key {path} cannot be read.", f"{wrong.strerror}.", "Run the gate as its owner, or restore the key."
        ) from wrong


def _refuse_open(path: Path) -> None:
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise SettingsError(f"The key {path} can be read by others.", f"Its mode is {mode:o}.", f"chmod 600 {path}")


def _wrong_kind(path: Path) -> SettingsError:
    return SettingsError(f"The key {path} is no Ed25519 key.", "The gate signs with Ed25519 only.", "Restore the key.")


def _write(path: Path, content: bytes, mode: int) -> None:
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
