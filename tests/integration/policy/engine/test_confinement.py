"""Behind the door: what a script that the engine's process could become is still able to do. Nothing."""

import errno
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from gate.policy.engine.evaluator import CONFINED, _Child

CONFINE = CONFINED[-1]
# says what it was born with, and what came of everything that it tried once the door was closed
PROBE = """
import ctypes, json, mmap, os, resource, signal, socket, subprocess, sys, threading
from pathlib import Path

libc = ctypes.CDLL(None, use_errno=True)
born = {"environ": dict(os.environ), "files": [], "folder": os.getcwd()}
for number in range(64):
    try:
        os.fstat(number)
        born["files"].append(number)
    except OSError:
        pass
born["errors go to"] = os.readlink("/proc/self/fd/2")

def call(name, *arguments):
    if getattr(libc, name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), name)

def connected():
    with socket.socket() as line:
        line.connect(("127.0.0.1", PORT))

DEEDS = {
    "read a secret": lambda: Path(SECRET).read_text(),
    "read by a path": lambda: os.stat(SECRET),
    "list a folder": lambda: os.listdir("/"),
    "write a file": lambda: Path(FOLDER, "made").write_text("x"),
    "make a folder": lambda: os.mkdir(FOLDER + "/made"),
    "remove a file": lambda: os.unlink(SECRET),
    "talk to a port": connected,
    "talk to a socket": lambda: socket.socket(socket.AF_UNIX),
    "fork": os.fork,
    "start a thread": lambda: threading.Thread(target=print).start(),
    "start a program": lambda: subprocess.run(["/bin/true"]),
    "become a program": lambda: os.execv("/bin/true", ["true"]),
    "signal its parent": lambda: os.kill(os.getppid(), 0),
    "trace its parent": lambda: call("ptrace", 16, os.getppid(), 0, 0),
    "raise a limit": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (9, 9)),
    "be looked into": lambda: call("prctl", 4, 1, 0, 0, 0),
    "run memory": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC),
    "load code": lambda: ctypes.CDLL(SECRET),
    "copy a file": lambda: os.dup(0),
    "make a pipe": os.pipe,
    "leave its place": lambda: os.chdir("/tmp"),
    "get another user": lambda: os.setuid(12345),
    "make a space of its own": lambda: call("unshare", 0x10000000),
}

def came_of(deed):
    try:
        deed()
    except BaseException as trouble:
        return getattr(trouble, "errno", None) or type(trouble).__name__
    return "done"

def main(door):
    os.close(2)  # one number is free, so that "too many files" alone would not hold anybody
    sys.stdin.readline()
    tried = {name: came_of(DEEDS[name]) for name in TRY or DEEDS}
    sys.stdout.write(json.dumps({"door": door, "born": born, "tried": tried}) + chr(10))
    sys.stdout.flush()
    sys.stdin.readline()
"""
AS_ON_ANOTHER_MACHINE = (
    "import platform, runpy, sys; platform.machine = lambda: 'other'; sys.argv = sys.argv[1:];"
    "runpy.run_path(sys.argv[0], run_name='__main__')"
)
FILTERED = platform.machine() in ("x86_64", "aarch64") and Path("/proc/sys/kernel/seccomp").exists()


@pytest.fixture
def probe(tmp_path):
    def of(command: tuple[str, ...], deeds: tuple[str, ...] = ()) -> dict:
        secret = tmp_path / "secret"
        secret.write_text("canary")
        given = f"SECRET, FOLDER, PORT, TRY = {str(secret)!r}, {str(tmp_path)!r}, 9, {deeds!r}\n"
        script = tmp_path / "probe.py"
        script.write_text(given + PROBE)
        child = _Child((*command, str(script)))
        try:
            said = json.loads(child.exchange(b"\n", 60))
        finally:
            child.kill()
        assert secret.read_text() == "canary"
        assert not (tmp_path / "made").exists()
        return said

    return of


def test_the_child_is_born_with_nothing(probe, monkeypatch):
    monkeypatch.setenv("SECRET", "canary")
    with Path("/dev/null").open() as inherited:
        os.set_inheritable(inherited.fileno(), True)
        born = probe(CONFINED)["born"]
    assert {name: value for name, value in born["environ"].items() if name != "LC_CTYPE"} == {}
    assert born["files"] == [0, 1, 2]
    assert born["errors go to"] == "/dev/null"
    assert born["folder"] == "/"


@pytest.mark.skipif(not FILTERED, reason="this machine or kernel has no seccomp filter for the engine's process")
def test_behind_the_door_every_deed_is_refused_by_the_kernel(probe):
    said = probe(CONFINED)
    assert said["door"] == "seccomp"
    tried = said["tried"]
    without_number = ("start a thread", "RuntimeError"), ("raise a limit", "ValueError"), ("load code", "OSError")
    assert [(deed, tried.pop(deed)) for deed, _ in without_number] == list(without_number)
    assert tried == dict.fromkeys(tried, errno.EPERM)


def test_where_there_is_no_filter_the_limits_still_keep_files_and_network_away(probe):
    command = (sys.executable, "-I", "-B", "-c", AS_ON_ANOTHER_MACHINE, CONFINE)
    deeds = ("read a secret", "write a file", "talk to a port", "talk to a socket", "make a pipe")
    said = probe(command, deeds)
    assert said["door"] == "limits"
    assert said["tried"] == dict.fromkeys(deeds, errno.EMFILE)


def test_the_probe_can_do_all_of_it_in_the_open_so_that_these_tests_can_fail(tmp_path):
    script = tmp_path / "open.py"
    names = ("read a secret", "list a folder", "talk to a socket", "copy a file", "make a pipe", "start a program")
    script.write_text(
        f"SECRET, FOLDER, PORT = {str(tmp_path)!r} + '/open.py', '/', 9\n{PROBE}\n"
        f"print(json.dumps([came_of(DEEDS[name]) for name in {names!r}]))\n"
    )
    done = subprocess.run([sys.executable, "-I", str(script)], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == ["done"] * len(names)


def test_the_engine_itself_is_behind_the_door(load):
    policy = load("- {rule: yes, when: {risk: {le: 50}}, then: allow, because: Low.}\n")
    assert policy._evaluator.door == ("seccomp" if FILTERED else "limits")
    status = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{policy._evaluator.pid}/status").read_text().splitlines()
    )
    assert status["NoNewPrivs"] == "1"
    assert status["Threads"] == "1"
    assert status["Seccomp"] == ("2" if FILTERED else "0")


def test_a_child_that_is_held_by_limits_alone_is_told_of(load, caplog):
    policy = load("- {rule: yes, when: {risk: {le: 50}}, then: allow, because: Low.}\n")
    assert "limits alone" not in caplog.text
    policy.close()
    policy._evaluator.command = (
        *(sys.executable, "-I", "-B", "-c", AS_ON_ANOTHER_MACHINE),
        *(CONFINE, str(Path(CONFINE).with_name("driver.py"))),
    )
    policy._evaluator.start()
    assert policy._evaluator.door == "limits"
    assert "limits alone" in caplog.text


def test_memory_stays_where_it_is_over_20000_decisions(load):
    policy = load("".join(f"- {{rule: r{n}, when: {{risk: {n}}}, then: deny, because: x}}\n" for n in range(100)))
    engine = policy._evaluator
    facts = {fact.name: 1 if fact.kind is int else (fact.values or ("x",))[0] for fact in policy._book.facts}

    def resident_kb() -> int:
        lines = Path(f"/proc/{engine.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])

    def decide(count: int) -> None:
        for number in range(count):
            assert engine.fired(facts | {"risk": number % 200}) == (
                {f"r{number % 200}"} if number % 200 < 100 else set()
            )

    decide(6_000)  # past a new session
    before, child = resident_kb(), engine.pid
    decide(20_000)
    assert engine.pid == child
    assert resident_kb() - before < 2_000
