"""Turns into the server `playbooks`, in the environment of a run: `python -m …warm.frozen SOCKET CONFIG FORKS`.

Only ansible-runner knows that environment, and it is not to be imported where Ansible is.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from gate.execution.boundaries import hold_as_told
from gate.execution.runner import environment_of_a_run
from gate.execution.warm.freshness import installed

if __name__ == "__main__":
    hold_as_told()
    config = Path(sys.argv[2])
    before = repr(installed(sys.argv[2]))
    environment = environment_of_a_run(config if config.exists() else None)
    environment["ANSIBLE_LOCAL_TEMP"] = str(Path(sys.argv[1]).parent)  # goes with the servers, even if it is killed
    command = [sys.executable, "-P", "-m", "gate.execution.warm.playbooks", *sys.argv[1:], before]
    os.execve(sys.executable, command, environment)
