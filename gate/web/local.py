"""The same door without a network: a transport for the wire client that calls the application in this process."""

from __future__ import annotations

import asyncio

import httpx2
from starlette.applications import Starlette


class InProcess(httpx2.BaseTransport):
    """Sends each request to `app`, one after the other."""

    def __init__(self, app: Starlette) -> None:
        self._inner = httpx2.ASGITransport(app=app)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        return asyncio.run(self._send(request))

    async def _send(self, request: httpx2.Request) -> httpx2.Response:
        async_request = httpx2.Request(request.method, request.url, headers=request.headers, content=request.read())
        reply = await self._inner.handle_async_request(async_request)
        content = b"".join([chunk async for chunk in reply.stream])  # type: ignore[union-attr]
        return httpx2.Response(reply.status_code, headers=reply.headers, content=content, request=request)
