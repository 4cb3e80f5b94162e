#!/usr/bin/python
"""What a host is like: everything that an action may change and its undo has to bring back, as text by name.

Kept on the host, in memory, and compared there: what comes back is a digest, and what differs from an earlier one.
The state must be equal again after an undo; events (a unit was started anew, the machine booted) only show that
something happened. What differs by itself while nobody does anything is noise: NOISE lists it, and why.
"""

from __future__ import annotations

import concurrent.futures
import grp
import hashlib
import json
import os
import pwd
import re
import stat
import subprocess
import time

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: host_fingerprint
short_description: Take the fingerprint of a host, and compare it with an earlier one
description:
  - Looks at files, packages, units, users, groups, containers, databases, firewall, listening ports and kernel settings.
  - Changes nothing but its own folder in /run.
options:
  name: {type: str, required: true, description: What this one is kept as.}
  against: {type: str, default: "", description: "The earlier one to compare with; empty is none."}
author: [ansible-gate]
"""
EXAMPLES = r"""
- name: Take the fingerprint, and compare
  host_fingerprint: {name: after, against: before}
"""
RETURN = r"""
system: {type: str, returned: always, description: What runs there.}
digest: {type: str, returned: always, description: Of the state.}
items: {type: int, returned: always, description: How many things it is about.}
same: {type: bool, returned: always, description: Whether the state is that of the earlier one.}
happened: {type: bool, returned: always, description: Whether the state or an event differs.}
differences: {type: list, returned: always, description: "Of the state and the events, forty at most."}
"""

STOPPED = ("configured", "created", "exited", "initialized", "stopped")
STORE = "/var/lib/containers/storage"
KEPT = "/run/ansible-gate-proof"
TREES = ("/etc", "/srv", "/opt", "/root", "/home", "/usr/local", "/var/lib", "/var/spool/cron", "/boot")
MOST_DIFFERENCES = 40
WAIT_S = 60  # for one of the host's own tools
SETTLE_S = 30  # for what systemd is about to do; what takes longer is seen as it is then

# (section, pattern of the name, why it differs by itself)
NOISE = (
    ("files", r"/etc/(passwd|group|shadow|gshadow|subuid|subgid)-$", "copies that the user tools make before they write"),
    ("files", r"/etc/\.pwd\.lock$", "the lock of the user tools, made when first needed"),
    ("files", r"/etc/(mtab|resolv\.conf|hostname|hosts|machine-id|adjtime|ld\.so\.cache)$", "written at boot or by caches"),
    ("files", r"/(root|home/[^/]+)/\.(ansible|cache|bash_history)(/|$)", "what Ansible and a shell leave at home"),
    ("files", r"/var/lib/apt/(lists|periodic|daily_lock)", "the lists of what could be installed"),
    ("files", r"/var/lib/apt/extended_states$", "which packages came along, which the packages section has"),
    ("files", r"/var/lib/dpkg/(lock|lock-frontend|triggers/Lock|status|status-old|available|available-old)$",
     "dpkg's locks and its list, which the packages section has; its order changes"),
    ("files", r"/var/lib/dpkg/info(/|$)", "dpkg's notes on each package, which the packages section has"),
    ("files", r"/var/lib/(containers|dbus|private|sudo|logrotate|ucf/cache)(/|$)",
     "stores of container layers (the containers section has what is in them), of sudo and of logrotate"),
    ("files", r"/var/lib/systemd/(timers|random-seed|timesync|credential\.secret|linger|deb-systemd-helper-\w+)",
     "stamps of timers, the random seed, and Debian's notes on what it enabled (the units section has what is enabled)"),
    ("files", r"/var/lib/postgresql/[^/]+/[^/]+/(?!PG_VERSION$)",
     "what a cluster of PostgreSQL is made of, which it writes by itself; the databases section has what matters"),
    ("files", r".*(/__pycache__(/|$)|\.pyc$)", "bytecode of Python, made when first run"),
    ("units", r"(session-|user@|user-runtime-dir@|run-|var-lib-containers-|libpod-|[0-9a-f]{64}|.*-[0-9a-f]{12,}\.)",
     "sessions of whoever is logged in, and mounts and scopes of containers that run"),
    ("nftables", r".*NETAVARK|.*\b10\.(88|89)\.", "rules of podman's network, which hold addresses that change"),
    ("listening", r"\S+ \S*:(3276[89]|327[7-9]\d|32[89]\d\d|3[3-9]\d{3}|[45]\d{4}|60\d{3})$", "ports that the kernel chose"),
    ("sysctl", r"(fs/(dentry-state|file-nr|inode-nr|inode-state|aio-nr|quota/.*|epoll/.*)|kernel/(random/.*|ns_last_pid|pty/nr"
     r"|sched_domain/.*|tainted|hostname|cap_last_cap|threads-max)|net/netfilter/nf_conntrack_(count|buckets|max)|net/.*/(neigh|conf)/"
     r"(veth|podman|br-).*|.*/route/flush|vm/(compact_memory|drop_caches|stat_refresh))$", "counters, randomness and switches"),
)  # fmt: skip


def noise(section):
    """What of a section does not count."""
    patterns = [pattern for of, pattern, _ in NOISE if of == section]
    return re.compile("|".join(f"(?:{one})" for one in patterns) or r"(?!)")


def said(*command):
    """What a tool of the host prints; nothing if the host does not have it. A tool that fails ends the look."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, check=False)
    except FileNotFoundError:
        return ""
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()[-300:] or done.returncode}")
    return done.stdout


def settle():
    """Waits for systemd to be through: a clock may just have started something, and that is not the action's deed."""
    deadline = time.monotonic() + SETTLE_S
    while re.match(r"\s*\d", said("systemctl", "list-jobs", "--no-legend", "--no-pager")):
        if time.monotonic() > deadline:
            return
        time.sleep(0.1)


def files():
    left_out, found = noise("files"), {}
    for top in TREES:
        for folder, folders, names in os.walk(top):
            folders[:] = [one for one in folders if not left_out.match(f"{folder}/{one}")]
            for name in names + folders:
                path = f"{folder}/{name}"
                if not left_out.match(path):
                    found[path] = _file(path)
    return found


def _file(path):
    try:
        about = os.lstat(path)
        told = f"{stat.filemode(about.st_mode)} {about.st_uid}:{about.st_gid}"
        if stat.S_ISLNK(about.st_mode):
            return f"{told} -> {os.readlink(path)}"
        if stat.S_ISREG(about.st_mode):
            told += f" links={about.st_nlink} {_content(path)}"
        elif stat.S_ISCHR(about.st_mode) or stat.S_ISBLK(about.st_mode):
            told += f" device={about.st_rdev}"
        extra = {name: os.getxattr(path, name).hex() for name in sorted(os.listxattr(path))}
        return f"{told} {extra}" if extra else told
    except FileNotFoundError:
        return "gone while it was looked at"


def _content(path):
    digest = hashlib.blake2b(digest_size=12)
    with open(path, "rb") as stream:
        while part := stream.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


def packages():
    told = said("dpkg-query", "-W", "-f", "${Package}:${Architecture} ${db:Status-Abbrev}\t${Version}\n")
    automatic = set(said("apt-mark", "showauto").split())
    found = {}
    for line in told.splitlines():
        about, _, version = line.partition("\t")
        name, status = about.split()[:2]
        package = name.partition(":")[0]
        # config-files are what a removed package leaves behind; not-installed is what dpkg once heard of
        if status[1:2] != "n":
            how = "automatic" if package in automatic or name in automatic else "manual"
            found[name] = f"{version} {status} {how}"
    return found


def units():
    """Which units are up. Whether they are enabled or masked is links in /etc/systemd/system: files."""
    left_out, found = noise("units"), {}
    for line in said("systemctl", "list-units", "--all", "--plain", "--no-legend", "--no-pager").splitlines():
        unit, load, active, sub = line.split(None, 4)[:4]
        if left_out.match(unit) or unit.endswith((".device", ".scope", ".slice", ".mount", ".swap", ".target")):
            continue
        if load in ("not-found", "masked") and active == "inactive":
            continue
        # what ran once and is done can be forgotten by systemd at any time
        if (active, sub) not in (("inactive", "dead"), ("active", "exited")):
            found[unit] = f"{active} {sub}"
    return found


def users():
    return {
        one.pw_name: f"{one.pw_uid}:{one.pw_gid} {one.pw_gecos} {one.pw_dir} {one.pw_shell}" for one in pwd.getpwall()
    }


def groups():
    return {one.gr_name: f"{one.gr_gid} {' '.join(sorted(one.gr_mem))}" for one in grp.getgrall()}


def has_any(what):
    """Whether podman's store has any of these; asking podman itself takes much longer."""
    try:
        return bool(os.listdir(f"{STORE}/{what}"))
    except FileNotFoundError:
        return False


def containers():
    if not has_any("overlay-containers"):
        return {}
    names = said("podman", "ps", "--all", "--format", "{{.Names}}").split()
    found = {}
    for one in json.loads(said("podman", "container", "inspect", *names)) if names else []:
        config, host = one["Config"], one["HostConfig"]
        told = {
            "image": one["Image"],
            "named": one["ImageName"],
            # created, exited and the like are one: it does not run
            "state": "stopped" if one["State"]["Status"] in STOPPED else one["State"]["Status"],
            "command": config.get("Cmd"),
            "user": config.get("User"),
            # HOSTNAME is the id of the container
            "environment": sorted(two for two in config.get("Env") or [] if not two.startswith("HOSTNAME=")),
            "labels": config.get("Labels"),
            "mounts": sorted(
                f"{two.get('Source')}:{two.get('Destination')}:{two.get('RW')}" for two in one.get("Mounts") or []
            ),
            "ports": host.get("PortBindings"),
            "network": host.get("NetworkMode"),
            "restart": host.get("RestartPolicy"),
            "memory": host.get("Memory"),
        }
        found[one["Name"]] = json.dumps(told, sort_keys=True)
    return found


def volumes():
    if not has_any("volumes"):
        return {}
    return dict.fromkeys(said("podman", "volume", "ls", "--quiet").split(), "there")


# settings that a role has in one database, or that a database has for all, which are not among the globals
SETTINGS = """
SELECT 'SETTINGS OF ' || coalesce(rolname, 'all') || ' IN ' || coalesce(datname, 'all') || ': ' || setconfig::text
FROM pg_db_role_setting LEFT JOIN pg_roles r ON r.oid = setrole LEFT JOIN pg_database d ON d.oid = setdatabase
"""


def databases():
    """What the PostgreSQL servers that run say of roles, memberships, tablespaces, and settings of roles and databases."""
    sockets = re.findall(r"(/\S+)/\.s\.PGSQL\.(\d+)\s", said("ss", "-lxH"))
    found = {}
    for folder, port in sorted(set(sockets)):
        asked = ("runuser", "-u", "postgres", "--")
        told = said(*asked, "pg_dumpall", "--globals-only", "-h", folder, "-p", port)
        told_too = said(*asked, "psql", "-XAtq", "-h", folder, "-p", port, "-c", SETTINGS).splitlines()
        found |= dict.fromkeys((f"{port} {one}" for one in (*_statements(told), *told_too)), "there")
    return found


def _statements(dump):
    """One or more lines each. Verifiers of passwords are hashed; comments, and a key that is new each time, left out."""
    lines = (line for line in dump.splitlines() if line and not line.startswith(("--", "\\")))
    for statement in re.split(r"(?<=;)\n", "\n".join(lines)):
        yield re.sub(r"(?<= PASSWORD ')[^']*", lambda found: _short(found[0].encode()), statement)


def _short(data):
    return hashlib.blake2b(data, digest_size=12).hexdigest()


def nftables():
    left_out, found, where = noise("nftables"), {}, []
    for line in said("nft", "list", "ruleset").splitlines():
        text = re.sub(r"counter packets \d+ bytes \d+", "counter", line.strip())
        if text.endswith("{"):
            where.append(text[:-2])
            if not left_out.match(" ".join(where)):
                found[" ".join(where)] = "there"
        elif text == "}":
            where.pop()
        elif text and not left_out.match(f"{' '.join(where)} {text}"):
            # the order of rules counts, but not how many lines of others are before them
            of = " ".join(where)
            found[f"{of} {text}"] = str(sum(name.startswith(f"{of} ") for name in found))
    return found


def listening():
    left_out = noise("listening")
    told = (line.split() for line in said("ss", "-lntuH").splitlines())
    return dict.fromkeys((name for name in (f"{one[0]} {one[4]}" for one in told) if not left_out.match(name)), "open")


def sysctl():
    left_out, found = noise("sysctl"), {}
    for top in ("fs", "kernel", "net", "vm"):
        for folder, _, names in os.walk(f"/proc/sys/{top}"):
            for path in (f"{folder}/{name}" for name in names):
                key = path[len("/proc/sys/") :]
                if left_out.match(key) or not os.lstat(path).st_mode & stat.S_IWUSR:
                    continue
                try:
                    with open(path, "rb") as stream:
                        found[key] = stream.read(4096).decode(errors="replace").strip()
                except OSError:
                    continue  # some can only be written
    return found


def events():
    """What shows that something happened though everything is as before."""
    with open("/proc/sys/kernel/random/boot_id") as stream:
        found = {"boot": stream.read().strip()}
    told = said("systemctl", "show", "--property=Id,InvocationID", "--type=service,timer,socket", "--state=active", "*")
    for block in told.split("\n\n"):
        about = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if about.get("InvocationID"):
            found[about["Id"]] = about["InvocationID"]
    return found


STATE = (files, packages, units, users, groups, containers, volumes, databases, nftables, listening, sysctl)


def look():
    """Section -> name -> what is true of it; `events` is one of the sections."""
    settle()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:  # most of it waits for tools
        started = {one.__name__: pool.submit(one) for one in (*STATE, events)}
        return {name: one.result() for name, one in started.items()}


def differences(before, after):
    """Lines `section: name: was -> is`."""
    for section in after:
        was, now = before.get(section, {}), after[section]
        for name in sorted(was.keys() | now.keys()):
            if was.get(name) != now.get(name):
                yield section, f"{section}: {name}: {was.get(name, 'absent')} -> {now.get(name, 'absent')}"


def system():
    with open("/etc/os-release") as stream:
        told = dict(line.rstrip("\n").split("=", 1) for line in stream if "=" in line)
    return f"{told.get('PRETTY_NAME', '?').strip(chr(34))}, {os.uname().machine}"


def digest(found):
    state = {name: items for name, items in found.items() if name != "events"}
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def compared(module, found):
    """What differs from the earlier one."""
    path = f"{KEPT}/{module.params['against']}.json"
    try:
        with open(path) as stream:
            earlier = json.load(stream)
    except (OSError, ValueError) as wrong:
        module.fail_json(msg=f"The earlier fingerprint {module.params['against']} is not there: {wrong}")
    found = list(differences(earlier, found))
    state = [line for section, line in found if section != "events"]
    told = state + [line for section, line in found if section == "events"]
    return {
        "same": not state,
        "happened": bool(told),
        "sections": sorted({section for section, _ in found}),
        "differences": [line[:400] for line in told[:MOST_DIFFERENCES]],
    }


def keep(name, found):
    os.makedirs(KEPT, mode=0o700, exist_ok=True)
    with open(f"{KEPT}/{name}.new", "w") as stream:
        json.dump(found, stream)
    os.replace(f"{KEPT}/{name}.new", f"{KEPT}/{name}.json")


def main():
    argument_spec = {"name": {"type": "str", "required": True}, "against": {"type": "str", "default": ""}}
    module = AnsibleModule(argument_spec=argument_spec, supports_check_mode=True)
    try:
        found = look()
    except (OSError, RuntimeError, ValueError, subprocess.TimeoutExpired) as wrong:
        module.fail_json(msg=f"The host could not be looked at as a whole: {wrong}")
    told = {"same": True, "happened": False, "sections": [], "differences": []}
    if module.params["against"]:
        told = compared(module, found)
    keep(module.params["name"], found)
    module.exit_json(changed=False, system=system(), digest=digest(found), items=sum(map(len, found.values())), **told)


if __name__ == "__main__":
    main()
