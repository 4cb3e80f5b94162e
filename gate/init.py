"""Makes a new site: inventory, rules, two actions and settings, all of it plain files to be edited."""

from __future__ import annotations

import shutil
from pathlib import Path

from gate.settings import FILE
from gate.values.errors import SettingsError

HOSTS = ("web-01", "web-02", "web-03", "db-01", "db-02")
ACTIONS = ("set_config_value", "deploy_release")
_SETTINGS = """\
# A site of ansible-gate. docs/reference/settings.md explains every key.
[site]
name = "{name}"
inventory = "inventory"
playbooks = ["playbooks"]
rules = "rules"
# Keep copies of the signed checkpoints where whoever can write the database cannot write.
checkpoints = ".gate/checkpoints"

# Who may approve, by group. Names are users of this machine, or names of tokens.
[groups]
ops = ["{user}"]
sre = ["{user}"]
"""


def shipped() -> Path:
    """Where the shipped actions, rules and inventory are: in the package, or in the checkout that it runs from."""
    package = Path(__file__).parent / "shipped"
    return package if package.is_dir() else Path(__file__).parent.parent


def init(root: Path, user: str, *, actions: tuple[str, ...] = ACTIONS) -> list[Path]:
    """Makes a site in `root`; returns what was made. Nothing that is there is touched.

    Raises:
        SettingsError: there is a site already, or something is in the way.
    """
    for name in (FILE, "inventory", "rules", "playbooks"):
        if (root / name).exists():
            raise SettingsError(
                f"{root / name} is there already.",
                "A new site overwrites nothing.",
                "Choose an empty folder: gate init DIR",
            )
    source = shipped()
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as wrong:
        raise SettingsError(
            f"{root} cannot be made.", f"{wrong.strerror}.", "Choose another folder: gate init DIR"
        ) from wrong
    shutil.copytree(source / "inventory", root / "inventory")
    shutil.copytree(source / "rules", root / "rules")
    for action in actions:
        leave = shutil.ignore_patterns("__pycache__", "molecule")
        shutil.copytree(source / "playbooks" / action, root / "playbooks" / action, ignore=leave)
    name = "".join(c if c.isalnum() else "-" for c in root.resolve().name.lower()).strip("-") or "site"
    for host in HOSTS:  # the example inventory's machines are folders
        (root / "hosts" / host).mkdir(parents=True, exist_ok=True)
    (root / FILE).write_text(_SETTINGS.format(name=name, user=user))
    (root / ".gitignore").write_text(".gate/\nhosts/\n")
    return [root / FILE, root / "inventory", root / "rules", root / "playbooks"]
