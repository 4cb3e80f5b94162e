"""Errors of the gate: three sentences and a code.

A denial is a `Decision` and a failed playbook is an `Outcome`; neither is an error. An error says that
something could not be found out or must not be done, and it always says what, why and what to do.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class Exit(IntEnum):
    """What the exit code of the command line means."""

    OK = 0
    FAILED = 1  # something broke; the message says what
    USAGE = 2  # the command line, or a file it names, is wrong
    DENIED = 3  # the policy said no
    NOT_ALLOWED = 4  # not signed in, or not allowed to do this
    WAITING = 5  # --wait ended before the change did
    RUN_FAILED = 6  # the playbook failed, or its outcome is unknown
    NOT_UNDOABLE = 7  # there is nothing that could be undone, or it must not be
    TAMPERED = 8  # the ledger, a checkpoint or an artifact does not verify
    INTERRUPTED = 130


class GateError(Exception):
    """What happened, why, and what to do about it."""

    code: ClassVar[str] = "GATE-INTERNAL"
    exit: ClassVar[Exit] = Exit.FAILED
    http: ClassVar[int] = 500

    def __init__(self, what: str, why: str, fix: str) -> None:
        super().__init__(what)
        self.what, self.why, self.fix = what, why, fix

    def __str__(self) -> str:
        return f"{self.what} Why: {self.why} Do: {self.fix}"

    def as_dict(self) -> dict[str, str]:
        return {"code": self.code, "what": self.what, "why": self.why, "do": self.fix}


class SettingsError(GateError):
    """The site, or a setting of it, is missing or wrong."""

    code, exit, http = "GATE-SETTINGS", Exit.USAGE, 500


class IntentError(GateError):
    """The intent is not well-formed: a wrong type, an unknown key, a hostile value."""

    code, exit, http = "GATE-INTENT", Exit.USAGE, 422


class InventoryError(GateError):
    """The inventory cannot be read, or a target is not in it."""

    code, exit, http = "GATE-INVENTORY", Exit.USAGE, 422


class CatalogError(GateError):
    """An action's folder breaks a rule of the catalog."""

    code, exit, http = "GATE-CATALOG", Exit.USAGE, 500


class UnknownActionError(CatalogError):
    """The catalog has no such action."""

    code, http = "GATE-CATALOG-UNKNOWN", 404


class PolicyError(GateError):
    """The rules cannot be read, or the engine could not be asked. Nothing is allowed meanwhile."""

    code, exit, http = "GATE-POLICY", Exit.USAGE, 503


class ApprovalError(GateError):
    """This approval is not possible."""

    code, exit, http = "GATE-APPROVAL", Exit.NOT_ALLOWED, 403


class IdentityError(GateError):
    """Not signed in, or the token does not carry the scope."""

    code, exit, http = "GATE-IDENTITY", Exit.NOT_ALLOWED, 403


class WarrantError(GateError):
    """The warrant is forged, spent, expired or for something else. Nothing was started."""

    code, exit, http = "GATE-WARRANT", Exit.FAILED, 409


class ExecutionError(GateError):
    """The executor could not do its work, or could not find out what was done."""

    code, exit, http = "GATE-EXECUTION", Exit.RUN_FAILED, 500


class CertificateError(GateError):
    """A certificate cannot be believed, or a proof cannot be tried."""

    code, exit, http = "GATE-CERTIFICATE", Exit.FAILED, 409


class SecretError(GateError):
    """A secret that a run needs cannot be had, or cannot be kept out of what is written. Nothing was started."""

    code, exit, http = "GATE-SECRET", Exit.FAILED, 503


class StateError(GateError):
    """The change is not in a state in which this can be done."""

    code, exit, http = "GATE-STATE", Exit.FAILED, 409


class NotFoundError(GateError):
    """There is no such change, entry, token or schedule."""

    code, exit, http = "GATE-NOT-FOUND", Exit.USAGE, 404


class UndoError(GateError):
    """This cannot be undone."""

    code, exit, http = "GATE-UNDO", Exit.NOT_UNDOABLE, 409


class LedgerError(GateError):
    """The ledger could not be written or read."""

    code, exit, http = "GATE-LEDGER", Exit.FAILED, 500


class TamperedError(LedgerError):
    """The ledger, a checkpoint or an artifact is not what was recorded."""

    code, exit, http = "GATE-LEDGER-TAMPERED", Exit.TAMPERED, 500


class DatabaseError(GateError):
    """The database is unreadable or of a newer version."""

    code, exit, http = "GATE-DATABASE", Exit.FAILED, 500


class BusyError(GateError):
    """The gate serves as many at once as it can."""

    code, exit, http = "GATE-BUSY", Exit.FAILED, 503


class ClientError(GateError):
    """The gate could not be reached, or answered what is no answer."""

    code, exit, http = "GATE-CLIENT", Exit.FAILED, 502
