"""Asks a hub for a command: the running one over its owner-only socket, else one opened for this under the lock."""

import asyncio
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
from aiohttp import ClientConnectionError, ClientSession, UnixConnector

from contracts.errors import CODES, HubError, MessageRefused, TargetUnavailable
from contracts.ports import Principal
from hub.settings import Settings

SOCKET_FILE: Final = "admin.sock"
_LONGEST: Final = 100
"""Bytes of a socket's path; the kernel takes 107 on Linux and 103 elsewhere."""
_LOCAL = Principal(party="local", role="admin")


def ask(settings: Settings, directory: str, command: str, values: Mapping[str, Any]) -> Any:
    """Run one admin command and return its JSON value.

    Raises:
        HubError: whatever the command refused, by its own code; ``target.unavailable`` for an answer of no known code.
    """
    return asyncio.run(_ask(settings, directory, command, values))


@contextmanager
def reachable(socket: Path) -> Iterator[str]:
    """A name of the socket that is short enough to be bound or connected to; where its own is, that."""
    if len(os.fsencode(socket)) <= _LONGEST:
        yield str(socket)
        return
    folder = os.open(socket.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{socket.name}"
    finally:
        os.close(folder)


async def _ask(settings: Settings, directory: str, command: str, values: Mapping[str, Any]) -> Any:
    socket = Path(directory) / SOCKET_FILE
    if socket.exists():
        try:
            with reachable(socket) as path:
                return await _ask_running(path, command, values)
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
    from hub.wiring import build, real_world  # noqa: PLC0415  # a whole hub is slow to import and rarely needed

    hub = build(settings, real_world(directory))
    try:
        return await hub.admin.run(_LOCAL, command, values)
    finally:
        await hub.outside.close()
        await hub.ledger.durable(hub.ledger.placed)
        hub.ledger.close()
        hub.views.close()
