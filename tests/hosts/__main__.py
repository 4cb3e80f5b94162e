"""The tool for people: `python -m tests.hosts up 2`. All verbs but `prepare` are about the lab made by hand."""

from __future__ import annotations

import click

from tests.hosts import lab as labs
from tests.hosts.host import Host
from tests.hosts.lab import Lab
from tests.hosts.machine import HostsError, left_out


def say(text: str) -> None:
    click.echo(text, err=True)


class _Verbs(click.Group):
    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except HostsError as wrong:
            raise click.ClickException(str(wrong)) from None


@click.group(cls=_Verbs, help=__doc__)
def main() -> None:
    pass


@main.command()
def prepare() -> None:
    """Install what is missing and make the image, if hosts are wanted and can be had here."""
    reason = left_out()
    if reason is not None:
        say(f"hosts: left out. {reason}")
        return
    labs.prepare(say)


@main.command()
@click.argument("count", type=int, default=2)
@click.option("--containers", is_flag=True, help="Privileged hosts, on which podman works.")
def up(count: int, *, containers: bool) -> None:
    """Make COUNT hosts, and say how to reach them."""
    lab = Lab.up(count, say, by_hand=True, containers=containers)
    show(lab)
    click.echo(f"ssh -F {lab.folder}/ssh_config {lab.hosts[0].name}")
    click.echo(f"ansible-playbook -i {lab.folder}/inventory.yml PLAYBOOK")


@main.command()
def down() -> None:
    """Take the hosts away, and everything that they needed."""
    Lab.by_hand().down()


@main.command()
def status() -> None:
    """Show the hosts of every lab on this machine."""
    for lab in labs.labs():
        show(lab)


@main.command()
def inventory() -> None:
    """Print the inventory of the hosts."""
    click.echo((Lab.by_hand().folder / "inventory.yml").read_text(), nl=False)


def show(lab: Lab) -> None:
    for host in lab.hosts:
        click.echo(f"lab {lab.number}  {host.name}  {host.address}  {host.state()}")


def _deed(name: str, about: str) -> None:
    @main.command(name, help=about)
    @click.argument("host")
    def run(host: str) -> None:
        getattr(Host, name)(Lab.by_hand()[host])


for verb, text in {
    "cut": "Pull the cable of HOST.",
    "heal": "Plug it in again.",
    "freeze": "Stop every process of HOST where it stands.",
    "thaw": "Let them go on.",
}.items():
    _deed(verb, text)

if __name__ == "__main__":
    main(prog_name="python -m tests.hosts")
