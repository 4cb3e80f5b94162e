"""The ways: ansible-playbook as it would be typed, and a change as it would be asked for."""

from __future__ import annotations

import json
import subprocess
import time
from datetime import UTC, datetime

from place import Place
from times import BIN, Times

from gate import Intent


class PlaybookFailedError(SystemExit):
    """An ansible-playbook that was typed failed, with all that it said."""


def bare(place: Place, action: str, inventory: str, host: str, extra: dict[str, str], times: Times | None) -> None:
    """One ansible-playbook, as it would be typed."""
    environment = {
        "PATH": f"{BIN}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(place.root),
        "LANG": "C.UTF-8",
        **extra,
    }
    book = place.root / "site" / "playbooks" / action / "do.yml"
    command = [
        BIN / "ansible-playbook",
        "-i",
        place.inventory(inventory),
        "--limit",
        host,
        "-e",
        json.dumps({"slot": place.slot()}),
        book,
    ]
    began, first = time.perf_counter(), 0.0
    with subprocess.Popen(
        command, cwd=place.root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        words = []
        for line in process.stdout or ():
            words.append(line)
            if not first and line.startswith(b"TASK ["):
                first = time.perf_counter() - began
    total = time.perf_counter() - began
    if process.returncode:
        raise PlaybookFailedError(b"".join(words).decode())
    if times is not None:
        times.first.append(first)
        times.total.append(total)


def governed(place: Place, action: str, host: str, times: Times | None) -> None:
    """One change, from the wish over HTTP to its end."""
    began, wall = time.perf_counter(), time.time()
    change = place.client.propose(
        Intent.parse({"action": action, "targets": [host], "parameters": {"slot": place.slot()}})
    )
    change = place.client.wait(change["id"], 600)
    total = time.perf_counter() - began
    if change["state"] != "succeeded":
        raise SystemExit(json.dumps([change, place.gate.runs(change["id"])], indent=1))
    if times is not None:
        (run,) = place.gate.runs(change["id"])
        folder = place.root / "site" / ".gate" / "runs" / run["id"]
        if (folder / "artifacts" / "cold").exists():
            raise SystemExit(f"a run was cold: {(folder / 'artifacts' / 'cold').read_text()}")
        event = json.loads((folder / "artifacts" / "events.jsonl").read_text().splitlines()[0])
        at = datetime.fromisoformat(event["at"])
        ran = ((folder / "result").stat().st_mtime_ns - (folder / "started").stat().st_mtime_ns) / 1e9
        times.first.append((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - wall)
        times.total.append(total)
        times.own.append(total - ran)
