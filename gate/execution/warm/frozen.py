"""Turns into the server `playbooks`, in the environment of a run: `python -m …warm.frozen SOCKET CONFIG FORKS`.

Only ansible-runner knows that environment, and it is not to be imported where Ansible is.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from gate.execution.runner import environment_of_a_run

if __name__ == "__main__":
    config = Path(sys.argv[2])
    environment = environment_of_a_run(config if config.exists() else None)
    environment["ANSIBLE_LOCAL_TEMP"] = tempfile.gettempdir()
    command = [sys.executable, "-P", "-m", "gate.execution.warm.playbooks", *sys.argv[1:]]
    os.execve(sys.executable, command, environment)
