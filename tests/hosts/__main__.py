"""The tool for people: `python -m tests.hosts up 2`. Its verbs mean the lab made by hand, unless another is named."""

from __future__ import annotations

import click
import yaml

from tests.hosts import ground
from tests.hosts.ground import BY_HAND
from tests.hosts.host import Host
from tests.hosts.lab import Lab, labs
from tests.hosts.machine import HostsError, left_out
from tests.hosts.proving import proving_inventory

of_lab = click.option(
    "--lab", "number", type=click.IntRange(0, 254), default=BY_HAND, show_default=True, help="The number of the lab."
)


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
    with ground.locked():
        ground.prepare(say)
        ground.leave(ground.own_podman())


@main.command()
@click.argument("count", type=int, default=2)
@click.option("--containers", is_flag=True, help="Privileged hosts, on which podman works.")
@of_lab
def up(count: int, number: int, *, containers: bool) -> None:
    """Make COUNT hosts, and say how to reach them."""
    lab = Lab.up(count, say, by_hand=number, containers=containers)
    _show(lab)
    click.echo(f"ssh -F {lab.folder}/ssh_config {lab.hosts[0].name}")
    click.echo(f"ansible-playbook -i {lab.folder}/inventory.yml PLAYBOOK")


@main.command()
@of_lab
def down(number: int) -> None:
    """Take the hosts away, and everything that they needed; what killed test runs left behind as well."""
    with ground.locked():
        ground.leave(ground.own_podman())
    Lab.load(number).down()


@main.command()
def status() -> None:
    """Show the hosts of every lab on this machine."""
    for lab in labs():
        _show(lab)


@main.command()
@click.option("--proving", is_flag=True, help="As hosts on which all shipped actions may be tried.")
@of_lab
def inventory(number: int, *, proving: bool) -> None:
    """Print the inventory of the hosts."""
    lab = Lab.load(number)
    found = proving_inventory(lab) if proving else lab.inventory
    click.echo(yaml.safe_dump(found, sort_keys=False), nl=False)


@main.command()
@click.argument("host")
@of_lab
def cut(host: str, number: int) -> None:
    """Pull the cable of HOST."""
    _host(host, number).cut()


@main.command()
@click.argument("host")
@of_lab
def heal(host: str, number: int) -> None:
    """Plug it in again."""
    _host(host, number).heal()


@main.command()
@click.argument("host")
@of_lab
def freeze(host: str, number: int) -> None:
    """Stop every process of HOST where it stands."""
    _host(host, number).freeze()


@main.command()
@click.argument("host")
@of_lab
def thaw(host: str, number: int) -> None:
    """Let them go on."""
    _host(host, number).thaw()


def _host(name: str, number: int) -> Host:
    return Lab.load(number)[name]


def _show(lab: Lab) -> None:
    for host in lab.hosts:
        click.echo(f"lab {lab.number}  {host.name}  {host.address}  {host.state()}")


if __name__ == "__main__":
    main(prog_name="python -m tests.hosts")
