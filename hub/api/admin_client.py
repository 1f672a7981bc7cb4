"""Asks a hub for a command: the running one over its owner-only socket, else one opened for this under the lock."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import ClientConnectionError, ClientSession, UnixConnector

from contracts.errors import CODES, HubError, MessageRefused, TargetUnavailable
from contracts.ports import Principal
from hub.settings import Settings
from hub.wiring import build, real_world

SOCKET_FILE = "admin.sock"
_LOCAL = Principal(party="local", role="admin")


def ask(settings: Settings, directory: str, command: str, values: Mapping[str, Any]) -> Any:
    """Run one admin command and return its JSON value.

    Raises:
        HubError: whatever the command refused, by its own code; ``target.unavailable`` for an answer of no known code.
    """
    return asyncio.run(_ask(settings, directory, command, values))


async def _ask(settings: Settings, directory: str, command: str, values: Mapping[str, Any]) -> Any:
    socket = Path(directory) / SOCKET_FILE
    if socket.exists():
        try:
            return await _ask_running(str(socket), command, values)
        except ClientConnectionError:
            pass  # left behind by a hub that was killed: the ledger's lock decides
    return await _ask_alone(settings, directory, command, values)


async def _ask_running(socket: str, command: str, values: Mapping[str, Any]) -> Any:
    async with (
        ClientSession(connector=UnixConnector(path=socket)) as session,
        session.post(f"http://hub/v1/admin/{command}", data=msgspec.json.encode(values)) as answer,
    ):
        body = msgspec.json.decode(await answer.read())
        if answer.ok:
            return body
        raise _error(body)


def _error(body: Any) -> HubError:
    code = body.get("code", "") if isinstance(body, dict) else ""
    if code not in CODES:
        return TargetUnavailable()
    return MessageRefused(code, str(body.get("detail", "")))


async def _ask_alone(settings: Settings, directory: str, command: str, values: Mapping[str, Any]) -> Any:
    hub = build(settings, real_world(directory))
    try:
        return await hub.admin.run(_LOCAL, command, values)
    finally:
        await hub.ledger.durable(hub.ledger.placed)
        hub.ledger.close()
        hub.views.close()
