"""Beside ansible-rulebook: a request to its end."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

from place import Place, until
from times import Times, Way, interleaved, table
from ways import bare, governed

RULEBOOK = """\
- name: Bench
  hosts: all
  sources:
    - eda.builtin.webhook: {{host: 127.0.0.1, port: {port}}}
  rules:
    - name: Marked
      condition: event.payload.slot is defined
      action:
        run_playbook: {{name: {book}, extra_vars: {{slot: "{{{{ event.payload.slot }}}}"}}}}
"""


def race(place: Place, python: Path, rounds: int) -> list[str]:
    """Request to finished, beside ansible-rulebook's webhook, on a local connection."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = place.root / "race"  # all that is in it is copied for each event
    folder.mkdir()
    book, rules = folder / "mark.yml", folder / "rulebook.yml"
    shutil.copy(place.root / "site/playbooks/mark/do.yml", book)
    rules.write_text(RULEBOOK.format(port=port, book=book))
    environment = {
        **os.environ,
        "PATH": f"{python.parent}:{os.environ['PATH']}",
        "HOME": str(place.root),
        "PYTHONUNBUFFERED": "1",
    }
    command = [python.parent / "ansible-rulebook", "--rulebook", rules, "-i", place.inventory("race"), "--print-events"]
    recaps = threading.Semaphore(0)
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as book_server:

        def listen() -> None:
            for line in book_server.stdout or ():
                if "local-01" in line and "unreachable=" in line:
                    recaps.release()

        threading.Thread(target=listen, daemon=True).start()

        def answers() -> bool:
            with socket.socket() as line:
                return line.connect_ex(("127.0.0.1", port)) == 0

        until(answers, 120)
        time.sleep(5)  # it listens before it can do anything

        def posted(times: Times | None) -> None:
            slot = place.slot()
            mark = place.root / "trees" / "local-01" / f"mark-{slot}"
            body = json.dumps({"slot": slot}).encode()
            began = time.perf_counter()
            request = urllib.request.Request(f"http://127.0.0.1:{port}/x", body, {"Content-Type": "application/json"})
            urllib.request.urlopen(request, timeout=30).close()
            until(mark.exists)
            first = time.perf_counter() - began
            if not recaps.acquire(timeout=60):
                raise SystemExit("ansible-rulebook did not come to its recap")
            if times is not None:
                times.first.append(first)
                times.total.append(time.perf_counter() - began)

        ways: dict[str, Way] = {
            "ansible-rulebook, webhook": posted,
            "ansible-playbook, nobody asks": lambda times: bare(place, "mark", "race", "local-01", {}, times),
            "**gate**, over HTTP": lambda times: governed(place, "mark", "local-01", times),
        }
        try:
            return table("A request to its end, one task, local connection", interleaved(ways, rounds))
        finally:
            book_server.terminate()
