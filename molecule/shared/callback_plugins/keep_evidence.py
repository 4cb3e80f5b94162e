"""Keeps what `do` records with set_stats, by host, for the `undo` of the scenario: as the gate would hand it over."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: keep_evidence
type: notification
short_description: Keeps the evidence of converge.yml
description: Writes evidence.json into Molecule's own folder, whether the action succeeded or not.
requirements: [to be enabled by name]
"""


class CallbackModule(CallbackBase):
    """Of converge alone: nothing that is run later may take the place of its evidence."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "keep_evidence"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_start(self, playbook: Any) -> None:
        self.converges = Path(playbook._file_name).name == "converge.yml"  # noqa: SLF001 - told nowhere else

    def v2_playbook_on_stats(self, stats: Any) -> None:
        if self.converges:
            found = {host: told["undo"] for host, told in stats.custom.items() if "undo" in told}
            file = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "evidence.json")
            file.touch(mode=0o600)
            file.write_text(json.dumps(found))
