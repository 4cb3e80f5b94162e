"""`ChatModelPlanner` through `init_chat_model` and langchain-openai to a real HTTP server on the loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from planner.catalog import CatalogView
from planner.model import ChatModelPlanner
from planner.plan import Plan, Reason

REQUEST = "restart nginx on web-01"


class Provider(ThreadingHTTPServer):
    """Speaks as much of the OpenAI protocol as one chat completion needs; replies come from `script`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Chat)
        self.script: list[str | int] = []
        self.asked: list[dict[str, Any]] = []


class _Chat(BaseHTTPRequestHandler):
    server: Provider
    timeout = 10

    def do_POST(self) -> None:
        length = min(int(self.headers["content-length"]), 1_000_000)
        self.server.asked.append(json.loads(self.rfile.read(length)))
        reply = self.server.script.pop(0) if self.server.script else 500
        if isinstance(reply, int):
            self._send(reply, {"error": {"message": "key sk-secret123 is bad", "type": "server_error"}})
        else:
            self._send(200, completion(reply))

    def _send(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


def completion(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "scripted",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }


@pytest.fixture
def provider() -> Iterator[Provider]:
    server = Provider()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


def answer(action: str, targets: list[str], **parameters: Any) -> str:
    pairs = [{"name": name, "value": value} for name, value in parameters.items()]
    return json.dumps({"steps": [{"action": action, "targets": targets, "parameters": pairs}], "cannot_do": None})


GOOD = answer("restart_service", ["web-01"], service="nginx")


def plan(provider: Provider, catalog: CatalogView, *script: str | int, request: str = REQUEST, **more: Any) -> Plan:
    provider.script = list(script)
    url = f"http://127.0.0.1:{provider.server_port}/v1"
    settings = {"base_url": url, "api_key": "x", "timeout": 10, "max_retries": 0, **more}
    return ChatModelPlanner.named("openai:scripted", **settings).plan(request, catalog)


def refusal(made: Plan) -> Reason:
    assert made.steps == ()
    assert made.cannot is not None
    return made.cannot.reason


def test_a_valid_answer_becomes_a_plan(provider: Provider, catalog: CatalogView) -> None:
    made = plan(provider, catalog, GOOD)
    assert [one.intent.as_json()["targets"] for one in made.steps] == [["web-01"]]
    assert made.planner == "model:openai:scripted"


def test_the_provider_is_given_the_closed_schema(provider: Provider, catalog: CatalogView) -> None:
    plan(provider, catalog, GOOD)
    [asked] = provider.asked
    sent = asked["response_format"]["json_schema"]["schema"]
    actions = sent["properties"]["steps"]["items"]["properties"]["action"]["enum"]
    assert "restart_service" in actions
    assert len(actions) <= 12
    assert sent["additionalProperties"] is False


def test_an_invalid_answer_is_repaired(provider: Provider, catalog: CatalogView) -> None:
    made = plan(provider, catalog, answer("restart_service", ["web-01"], service="nginx", wait="soon"), GOOD)
    assert made.steps
    roles = [message["role"] for message in provider.asked[1]["messages"]]
    assert roles == ["system", "user", "assistant", "user"]
    assert "wait" in provider.asked[1]["messages"][-1]["content"]


@pytest.mark.parametrize(
    "wrong",
    [
        "not json at all",
        answer("restart_service", ["mail-07"], service="nginx"),
        answer("restart_service", ["web-01"], service="{{ nginx }}"),
        answer("restart_service", ["web-01"], service="nginx", wait=299),
        answer("restart_service", ["web-01"], service="nginx", ansible_become=True),
        GOOD.replace('"cannot_do": null', '"cannot_do": null, "approved": true'),
        answer("reboot_host", ["web-01"]),
    ],
)
def test_what_is_wrong_twice_is_no_plan(wrong: str, provider: Provider, catalog: CatalogView) -> None:
    assert refusal(plan(provider, catalog, wrong, wrong, GOOD)) is Reason.PLANNER_FAILED
    assert len(provider.asked) == 2


def test_an_unknown_host_can_be_refused_by_the_model(provider: Provider, catalog: CatalogView) -> None:
    reply = json.dumps({"steps": [], "cannot_do": {"reason": "unknown_target", "detail": "mail-07 is unknown"}})
    made = plan(provider, catalog, reply, request="restart nginx on mail-07")
    assert refusal(made) is Reason.UNKNOWN_TARGET


@pytest.mark.parametrize("status", [500, 401, 429])
def test_an_error_of_the_provider_is_no_plan_and_tells_no_secret(
    status: int, provider: Provider, catalog: CatalogView
) -> None:
    made = plan(provider, catalog, status)
    assert refusal(made) is Reason.PLANNER_FAILED
    assert str(status) in made.model_dump_json()
    assert "sk-secret" not in made.model_dump_json()


def test_a_provider_that_is_gone_is_no_plan(catalog: CatalogView) -> None:
    gone = Provider()
    gone.server_close()
    assert refusal(plan(gone, catalog, GOOD)) is Reason.PLANNER_FAILED
