"""The wish. Re-exported so that agents need one import."""

from gate.intent.model import Intent

__all__ = ["Intent"]
