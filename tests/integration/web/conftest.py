"""A real uvicorn on a unix socket, in a thread, before a real site."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
import uvicorn

from gate.app import Gate
from gate.client import GateClient
from gate.values.actor import Actor
from gate.web.api import create_app
from gate.web.serve import on_socket


@pytest.fixture
def served(gate: Gate, tmp_path: Path) -> Iterator[str]:
    """The URL of the served site."""
    path = tmp_path / "gate.sock"
    with on_socket(path) as listener:
        config = uvicorn.Config(create_app(gate), log_level="critical", lifespan="off", timeout_graceful_shutdown=2)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        yield f"unix:{path}"
        server.should_exit = True
        thread.join()


@pytest.fixture
def token(gate: Gate) -> Callable[..., str]:
    """Makes a token and returns its text."""

    def make(actor: str = "agent:planner", *scopes: str, ttl: timedelta = timedelta(hours=1)) -> str:
        return gate.new_token(Actor.parse(actor), scopes or ("propose", "read"), ttl)[1]

    return make


@pytest.fixture
def client(served: str, token: Callable[..., str]) -> Iterator[Callable[..., GateClient]]:
    """Clients of the served site, one for a token."""
    opened: list[GateClient] = []

    def make(text: str | None = None) -> GateClient:
        opened.append(GateClient(served, token() if text is None else text))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


@pytest.fixture
def http(served: str) -> Iterator[httpx2.Client]:
    """Bytes over the wire, for what a well-behaved client would not send."""
    transport = httpx2.HTTPTransport(uds=served.removeprefix("unix:"))
    with httpx2.Client(base_url="http://gate", transport=transport, timeout=10) as made:
        yield made
