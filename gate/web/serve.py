"""Running the door with uvicorn, on a unix socket of the owner's group or on a loopback address."""

from __future__ import annotations

import ipaddress
import os
import socket
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from gate.values.errors import SettingsError


def serve(app: Starlette, listener: socket.socket) -> None:
    """Serves until it is told to stop (SIGINT, SIGTERM)."""
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=5)
    uvicorn.Server(config).run(sockets=[listener])


def on_socket(path: Path) -> socket.socket:
    """A unix socket at `path`, mode 0660. One that was left behind is replaced: the caller holds the serving lock."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    old = os.umask(0o117)
    try:
        listener.bind(str(path))
        listener.listen()  # at once: whoever sees the socket may come, and waits until there is somebody to answer
    except OSError as wrong:
        listener.close()
        raise SettingsError(
            f"The socket {path} cannot be made.",
            f"{wrong.strerror or wrong}.",
            "Check the folder's rights; a socket's path has 107 characters at most (serve.socket in gate.toml).",
        ) from wrong
    finally:
        os.umask(old)
    return listener


def on_loopback(host: str, port: int) -> socket.socket:
    """A TCP socket on a loopback address; any other address is refused.

    Raises:
        SettingsError: no loopback address, or the port is taken.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        raise SettingsError(
            f"The gate does not listen on {host}.",
            "It speaks plain HTTP, so it listens on loopback only.",
            "Use 127.0.0.1 or ::1, and put a TLS proxy in front of it for others.",
        )
    listener = socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as wrong:
        listener.close()
        raise SettingsError(
            f"Port {port} cannot be taken.", f"{wrong.strerror}.", "Choose another: serve.port."
        ) from wrong
    return listener
