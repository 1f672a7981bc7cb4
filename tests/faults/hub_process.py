"""A hub in a process of its own that is killed and started again, and a client session that notes every answer."""

import asyncio
import hashlib
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
from aiohttp import ClientResponse, ClientSession

PROGRAM: Final = str(Path(sys.executable).with_name("lienthong"))
_UP_S: Final = 30.0


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class HubProcess:
    """``lienthong serve`` over one directory, again and again."""

    def __init__(self, config: Path, port: int) -> None:
        self._config = config
        self._port = port
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it; it may not listen yet."""
        with (self._config.parent / "serve.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                PROGRAM, "serve", "--config", str(self._config), stdout=log, stderr=log
            )

    async def listening(self) -> None:
        """Wait until it takes connections."""
        async with asyncio.timeout(_UP_S):
            while True:
                assert self._running.returncode is None, "the hub ended by itself"
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self._port)
                except OSError:
                    await asyncio.sleep(0.01)
                    continue
                writer.close()
                return

    async def kill(self) -> None:
        """``kill -9``."""
        assert self._running.returncode is None, "the hub ended by itself"
        self._running.kill()
        await self._running.wait()

    async def terminate(self) -> int:
        """SIGTERM; its exit code."""
        self._running.send_signal(signal.SIGTERM)
        return await self._running.wait()

    async def ended(self) -> int:
        """Wait until it ends by itself; its exit code."""
        return await self._running.wait()

    async def end(self) -> None:
        """Leave no process behind."""
        if self._process is not None and self._process.returncode is None:
            await self.kill()

    @property
    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise LookupError("not started")
        return self._process


class Noting:
    """A client session that notes what was answered to every message: by digest of the body, the hub's message ids."""

    def __init__(self, session: ClientSession) -> None:
        self._session = session
        self.answered: dict[str, str] = {}
        """message id → SHA-256 of the body it was answered for."""
        self.receipts: dict[str, dict[str, Any]] = {}
        """Idempotency-Key → receipt."""

    @asynccontextmanager
    async def post(self, url: str, **options: Any) -> AsyncIterator[ClientResponse]:
        """As ``ClientSession.post``; the answer counts once it was read whole."""
        async with self._session.post(url, **options) as answer:
            body = await answer.read()
            if answer.ok and isinstance(options.get("data"), bytes):
                self._note(options["data"], body, options.get("headers", {}))
            yield answer

    def _note(self, sent: bytes, answer: bytes, headers: dict[str, str]) -> None:
        told: dict[str, Any] = msgspec.json.decode(answer)
        if told.get("message_id"):
            self.answered[told["message_id"]] = hashlib.sha256(sent).hexdigest()
        if "Idempotency-Key" in headers and "leaf" in told:
            self.receipts[headers["Idempotency-Key"]] = told
