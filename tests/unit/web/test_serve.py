from __future__ import annotations

import socket
from pathlib import Path

import pytest

from gate.values.errors import SettingsError
from gate.web.serve import on_loopback, on_socket


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "192.168.1.1", "8.8.8.8", "localhost", "", "127.0.0.1.evil.example", "::ffff:8.8.8.8", "*"],  # noqa: S104 - it is refused
)
def test_the_gate_listens_on_loopback_only(host: str) -> None:
    with pytest.raises(SettingsError, match="does not listen"):
        on_loopback(host, 0).close()


def test_a_loopback_address_is_fine() -> None:
    with on_loopback("127.0.0.1", 0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


def test_a_port_that_is_taken_is_told_and_leaks_nothing() -> None:
    with on_loopback("127.0.0.1", 0) as listener:
        listener.listen()
        with pytest.raises(SettingsError, match="cannot be taken"):
            on_loopback("127.0.0.1", listener.getsockname()[1])


def test_a_socket_is_for_its_owner_and_group_alone(tmp_path: Path) -> None:
    with on_socket(tmp_path / "gate.sock"):
        assert (tmp_path / "gate.sock").stat().st_mode & 0o777 == 0o660


def test_a_socket_that_was_left_behind_is_replaced(tmp_path: Path) -> None:
    on_socket(tmp_path / "gate.sock").close()
    with on_socket(tmp_path / "gate.sock") as listener:
        listener.listen()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(tmp_path / "gate.sock"))


def test_a_path_that_is_too_long_is_told_and_leaks_nothing(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="107 characters"):
        on_socket(tmp_path / ("x" * 120))
