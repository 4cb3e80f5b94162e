"""Where the certificates of a site are: one file an action. What cannot be believed certifies nothing."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate.certificate.model import Certificate
from gate.certificate.sign import sign, verify
from gate.values.errors import CertificateError, SettingsError
from gate.values.keys import private_key, public_key

KEY = "certificate"
MOST_BYTES = 1024 * 1024


class Certificates:
    """Those in `folder`, signed with the key in `keys`."""

    def __init__(self, folder: Path, keys: Path) -> None:
        self.folder, self.keys = folder, keys
        self._known: dict[str, tuple[tuple[int, ...], str]] = {}  # action -> its file as it was, and the digest in it

    def has(self, action: str, digest: str) -> bool:
        """Whether the action has a certificate for these bytes; one that cannot be believed is none."""
        try:
            about = self._path(action).stat()
            seen = (about.st_mtime_ns, about.st_size, about.st_ino, about.st_ctime_ns)
            if self._known.get(action, (None,))[0] != seen:
                found = self.read(action)
                self._known[action] = (seen, found.digest if found else "")
        except (CertificateError, SettingsError, OSError):
            return False
        return self._known[action][1] == digest

    def read(self, action: str) -> Certificate | None:
        """The certificate that was last given to the action, whatever its bytes were; None if there is none.

        Raises:
            CertificateError: it cannot be read, is forged, or is another action's.
            SettingsError: there is no key to check it with.
        """
        path = self._path(action)
        try:
            with path.open("rb") as file:
                signed = file.read(MOST_BYTES).decode(errors="replace")
        except FileNotFoundError:
            return None
        except OSError as wrong:
            raise CertificateError(
                f"The certificate {path} cannot be read.", f"{wrong.strerror}.", "Mend that, or remove the file."
            ) from None
        found = verify(signed, public_key(self.keys, KEY))
        if found.action != action:
            raise CertificateError(
                f"The certificate {path} is that of {found.action}.", "Somebody has renamed it.", "Remove the file."
            )
        return found

    def give(self, certificate: Certificate) -> Path:
        """Signs and writes it, whole or not at all; the earlier one of the action is gone then."""
        key: Ed25519PrivateKey = private_key(self.keys, KEY)
        path = self._path(certificate.action)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}.tmp")
        with draft.open("w") as file:
            file.write(sign(certificate, key) + "\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        return path

    def take_away(self, action: str) -> None:
        """The action has none any more: its proof was tried again, and failed."""
        self._path(action).unlink(missing_ok=True)

    def _path(self, action: str) -> Path:
        return self.folder / f"{action}.json"
