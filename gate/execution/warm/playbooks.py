"""Forks ansible-playbook: `python -m gate.execution.warm.playbooks SOCKET CONFIG FORKS BEFORE`.

Ansible is imported already. It is started with the environment of a run, and its configuration is frozen by that. A
fork only gets what is its own: folder, arguments, standard files, a place for temporary files, and identifiers that
nobody else has.
"""

from __future__ import annotations

import ast
import atexit
import contextlib
import importlib
import os
import re
import secrets
import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import ansible.cli.playbook
import ansible.executor.process.worker
import ansible.executor.task_executor
import ansible.executor.task_queue_manager
import ansible.plugins.strategy.linear
import ansible.utils.color
import ansible.utils.vars
from ansible import constants
from ansible.plugins import get_plugin_class, loader
from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder

from gate.execution import orphans
from gate.execution.warm.forkserver import ForkServer, RefusedError, Request
from gate.execution.warm.freshness import Seen, installed, look
from gate.execution.warm.local import use_warm_modules
from gate.execution.warm.payload import compile_payloads

OF_A_RUN = frozenset({"ANSIBLE_LOCAL_TEMP"})
PAYLOADS = "GATE_PAYLOADS"  # names the modules of a run: runs of the same name may share what was built of them
TOO_LATE = 250  # the exit code of one whose run is over; to Ansible it is an unexpected error
_NAME = re.compile(r"[0-9a-f]{16,64}")
RUNNERS = "awx_display"  # ansible-runner's: when it is imported it looks where this run's events go
LATE = "ansible.playbook.handler_task_include"  # imported by the first playbook
_SHARED = "ansible.modules."  # modules of Ansible and of the action; those of collections are built anew
_FIRST = {
    loader.action_loader: ("command", "copy", "normal", "debug", "set_fact", "set_stats", "template", "assert"),
    loader.connection_loader: ("local", "ssh"),
    loader.strategy_loader: ("linear",),
    loader.shell_loader: ("sh",),
    loader.callback_loader: ("default",),
    loader.inventory_loader: ("host_list", "script", "auto", "yaml", "ini", "toml"),
    loader.cache_loader: ("memory",),
    loader.become_loader: ("sudo",),
    loader.lookup_loader: ("file", "items", "env"),
}


def import_the_rest() -> None:
    """What a run would import only on its way."""
    from ansible._internal._templating._engine import TemplateEngine
    from ansible.module_utils.common.json import Direction, get_module_encoder
    from ansible.parsing.dataloader import DataLoader
    from ansible.template import trust_as_template

    for name in ("multiprocessing.popen_fork", "multiprocessing.queues", "multiprocessing.synchronize", LATE):
        importlib.import_module(name)
    loader.init_plugin_loader([])
    for plugins, names in _FIRST.items():
        for name in names:
            plugins.get(name, class_only=True)
    for plugins in (loader.connection_loader, loader.shell_loader, loader.become_loader):
        list(plugins.all(class_only=True))  # each run takes in what they can be told
    for path in loader.callback_loader.all(path_only=True):
        if Path(path).stem != RUNNERS:
            loader.callback_loader.get(Path(path).stem, class_only=True)
    keep_definitions()
    for direction in Direction:
        get_module_encoder("legacy", direction)
    list(loader.filter_loader.all())
    list(loader.test_loader.all())
    engine = TemplateEngine(loader=DataLoader(), variables={"a": 1})
    engine.template(trust_as_template("{{ (a | int) is defined and ('x' | default('y')) }}"))


def keep_definitions() -> None:
    """Keeps what plugins say that they can be told; those that say nothing would be asked anew in every run."""
    for path in loader.callback_loader.all(path_only=True):
        if Path(path).stem == RUNNERS:
            loader.callback_loader._load_config_defs(RUNNERS, SimpleNamespace(DOCUMENTATION=_document(path)), path)
    for _, plugins in loader.get_all_plugin_loaders():
        kind = get_plugin_class(plugins.class_name or "")
        for path in plugins._module_cache if kind in constants.CONFIGURABLE_PLUGINS else ():
            if not constants.config.has_configuration_definition(kind, Path(path).stem):
                constants.config.initialize_plugin_configuration_definitions(kind, Path(path).stem, {})


def _document(path: str) -> str:
    """The documentation of a plugin that must not be imported."""
    assignments = [node for node in ast.parse(Path(path).read_text()).body if isinstance(node, ast.Assign)]
    found = [node.value for node in assignments if ast.unparse(node.targets[0]) == "DOCUMENTATION"]
    return str(ast.literal_eval(found[0])) if found else ""


def frozen(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment that Ansible read when it was imported."""
    return {name: value for name, value in environment.items() if name.startswith("ANSIBLE_") and name not in OF_A_RUN}


def on_disk(config: str) -> Seen:
    """What was read or imported from disk, and could be another now."""
    plugin_paths = {path for plugins in loader.get_all_plugin_loaders() for path in (plugins[1].config or [])}
    collections = look(sorted(map(str, constants.COLLECTIONS_PATHS)), depth=3)
    return installed(config) + collections + look(sorted(plugin_paths), depth=2)


def play(argv: list[str], payloads: Path) -> int:
    """Becomes `ansible-playbook ARGUMENTS`; returns its exit code."""
    atexit._clear()  # or the fork would take away the server's temporary files at its end
    if not orphans.mark(Path(os.environ["ANSIBLE_LOCAL_TEMP"])):
        return TOO_LATE
    _own_identity()
    _own_folder(payloads)
    try:
        ansible.cli.playbook.main(argv)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        atexit._run_exitfuncs()
    return 0


def _own_identity() -> None:
    ansible.utils.vars.random_int = secrets.token_hex(4)  # tasks of all forks would have the same identifiers
    ansible.utils.vars.cur_id = 0
    _AnsibleCollectionFinder._remove()  # the fork makes its own
    importlib.reload(ansible.utils.color)  # it looks at our terminal, once
    ansible.cli.playbook.display._set_column_width()


def _own_folder(payloads: Path) -> None:
    tempfile.tempdir = None  # the server's
    temporary = tempfile.mkdtemp(prefix=f"ansible-local-{os.getpid()}", dir=os.environ["ANSIBLE_LOCAL_TEMP"])
    constants.DEFAULT_LOCAL_TMP = temporary
    name = os.environ.get(PAYLOADS, "")
    if not _NAME.fullmatch(name):
        return
    shared, own = payloads / name, Path(temporary) / "ansiballz_cache"
    shared.mkdir(parents=True, exist_ok=True)
    own.mkdir()
    for built in shared.iterdir():
        (own / built.name).symlink_to(built)
    atexit.register(_share, own, shared)


def _share(own: Path, shared: Path) -> None:
    for built in own.glob(f"{_SHARED}*"):
        if built.suffix != ".lock" and not built.name.endswith("-part") and not built.is_symlink():
            with contextlib.suppress(OSError):  # somebody else was first
                (shared / built.name).hardlink_to(built)


def serve(path: str, config: str, forks: str, before: str) -> None:
    """Serves until the gate is gone. A fork whose client is gone ends as Ansible ends on SIGTERM.

    `before` is what was `installed` before Ansible was imported and read its configuration.
    """
    mine, seen = frozen(os.environ), on_disk(config)
    if repr(installed(config)) != before:
        raise SystemExit("something was changed on disk while it was read; the next run has this server started anew")
    import_the_rest()
    folder = Path(path).parent
    use_warm_modules(folder)
    compile_payloads()

    def admit(request: Request) -> None:
        theirs = frozen(request.environment)
        if theirs != mine:
            other = sorted(name for name in theirs.keys() | mine if theirs.get(name) != mine.get(name))
            raise RefusedError(f"another configuration: {', '.join(other)}")

    # of its own: the server before it may have been another Ansible, and so were the modules that it built
    with tempfile.TemporaryDirectory(prefix="payloads-", dir=folder) as payloads:
        become = partial(play, payloads=Path(payloads))
        ForkServer(path, become=become, admit=admit, stale=lambda: on_disk(config) != seen, most=int(forks)).serve()


if __name__ == "__main__":
    serve(*sys.argv[1:5])
