"""AI suggests. Policy decides. System executes.

`Gate` is the embedded door, `Intent` the wish; everything else is reached through them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gate.app import Gate
    from gate.intent import Intent

__version__ = "0.1.0"
__all__ = ["Gate", "Intent", "__version__"]


def __getattr__(name: str) -> Any:
    # late, so that `import gate` costs nothing
    if name == "Gate":
        from gate.app import Gate

        return Gate
    if name == "Intent":
        from gate.intent import Intent

        return Intent
    raise AttributeError(name)
