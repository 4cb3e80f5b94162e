"""The command `gate`."""

from __future__ import annotations

from gate.cli.main import cli


def main() -> None:
    """Runs the command line; what opens a site is handed in, so that the doors build nothing themselves."""
    cli(obj=_open, prog_name="gate")


def _open(**options: object) -> object:
    from gate.app import Gate  # late: `gate --help` needs none of it

    return Gate.open(**options)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
