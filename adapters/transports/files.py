"""Exchanges through a shared directory, for parties that are reached by a file gateway.

Outgoing: ``<folder>/<number>.request`` is one exchange; the party's gateway takes it and, where it answers, writes
``<folder>/<number>.reply``. Both hold one line of JSON (method, url, headers; or status, headers), a line feed, and
then the exact body. Incoming: every file in a folder is one message; it is removed when the message is durable.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from adapters.transports.http_client import MAX_REPLY_BYTES
from contracts.delivery import Reply, Request
from contracts.envelope import Envelope
from contracts.errors import TargetUnavailable
from contracts.ports import Files, Pulled

_CONTENT_TYPES: Final = {"json": "application/json", "xml": "application/xml"}
_UNFINISHED: Final = (".part", ".tmp", ".filepart", ".crdownload")
_REQUEST: Final = ".request"
_REPLY: Final = ".reply"
_DIGITS: Final = 12


class _RequestLine(msgspec.Struct, frozen=True, kw_only=True):
    """First line of a request file."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()


class _ReplyLine(msgspec.Struct, frozen=True, kw_only=True):
    """First line of a reply file."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()


_request_line: Final = msgspec.json.Decoder(_RequestLine)
_reply_line: Final = msgspec.json.Decoder(_ReplyLine)


class FileTransport:
    """The ``Transport`` port over files.

    With ``answers`` false the gateway never answers: a request is done (status 202) when its file is durable.
    Request files may hold credentials and are readable by their owner only.
    """

    def __init__(
        self,
        files: Files,
        folder: str,
        *,
        answers: bool = True,
        poll_s: float = 0.25,
        max_reply_bytes: int = MAX_REPLY_BYTES,
    ) -> None:
        self._files: Final = files
        self._folder: Final = folder
        self._answers: Final = answers
        self._poll_s: Final = poll_s
        self._max_reply_bytes: Final = max_reply_bytes
        self._next = 0
        self._closed = False

    async def exchange(self, request: Request) -> Reply:
        """Write the request durably and wait for its reply file.

        ``target.unavailable``: the file could not be written. ``target.unknown``: no reply in time, or not a readable
        one; the request file stays, because the gateway may have taken it.
        """
        if self._closed:
            raise TargetUnavailable("target.unavailable", "this transport is closed")
        name = self._write(request)
        if not self._answers:
            return Reply(status=202)
        try:
            async with asyncio.timeout(request.timeout_s):
                content = await self._wait(name + _REPLY)
        except (TimeoutError, OSError) as error:
            raise TargetUnavailable("target.unknown", type(error).__name__) from error
        return self._understood(content)

    async def close(self) -> None:
        """Later exchanges are ``target.unavailable``; what was written stays."""
        self._closed = True

    def _write(self, request: Request) -> str:
        line = _RequestLine(method=request.method, url=request.url, headers=request.headers)
        content = msgspec.json.encode(line) + b"\n" + request.body
        name = ""
        try:
            name = self._new_name()
            self._files.delete(name + _REPLY)
            self._files.write_durable(name + _REQUEST, content, mode=0o600)
        except OSError as error:
            code = "target.unknown" if name and self._is_there(name + _REQUEST) else "target.unavailable"
            raise TargetUnavailable(code, type(error).__name__) from error
        return name

    def _new_name(self) -> str:
        if not self._next:
            stems = [name.rpartition("/")[2].partition(".")[0] for name in self._files.list(f"{self._folder}/")]
            self._next = 1 + max((int(stem) for stem in stems if stem.isdecimal()), default=0)
        name = f"{self._folder}/{self._next:0{_DIGITS}d}"
        self._next += 1
        return name

    def _is_there(self, name: str) -> bool:
        try:
            return name in self._files.list(name)
        except OSError:
            return True

    async def _wait(self, name: str) -> bytes:
        while True:
            try:
                content = self._files.read(name)
            except FileNotFoundError:
                await asyncio.sleep(self._poll_s)
            else:
                self._files.delete(name)
                return content

    def _understood(self, content: bytes) -> Reply:
        line, _, body = content.partition(b"\n")
        if len(body) > self._max_reply_bytes:
            raise TargetUnavailable("target.unknown", f"the reply is larger than {self._max_reply_bytes} bytes")
        try:
            head = _reply_line.decode(line)
        except msgspec.DecodeError as error:
            raise TargetUnavailable("target.unknown", "the reply file has no readable first line") from error
        headers = tuple((name.lower(), value) for name, value in head.headers)
        return Reply(status=head.status, headers=headers, body=body)


def take_requests(files: Files, folder: str) -> Iterator[tuple[str, Request]]:
    """The gateway's side: each waiting request with its name, oldest first, removed as it is taken."""
    for path in files.list(f"{folder}/"):
        if not path.endswith(_REQUEST):
            continue
        line, _, body = files.read(path).partition(b"\n")
        head = _request_line.decode(line)
        files.delete(path)
        yield path.removesuffix(_REQUEST), Request(method=head.method, url=head.url, headers=head.headers, body=body)


def answer_request(files: Files, folder: str, name: str, reply: Reply) -> None:
    """The gateway's side: write the reply to the request of this name."""
    if not name.startswith(f"{folder}/"):
        raise ValueError(f"{name!r} is not a request of {folder!r}")
    line = msgspec.json.encode(_ReplyLine(status=reply.status, headers=reply.headers))
    files.write_durable(name + _REPLY, line + b"\n" + reply.body, mode=0o600)


class FileSource:
    """The ``Source`` port over a folder: every finished file is one message, in the order of the names.

    A file is finished when its name has none of the endings of half-written files; who drops files writes under such a
    name and renames. ``party`` is who owns the folder.
    """

    def __init__(self, files: Files, folder: str, *, party: str, adapter: str, now: Callable[[], int]) -> None:
        self._files: Final = files
        self._folder: Final = folder
        self._party: Final = party
        self._adapter: Final = adapter
        self._now: Final = now

    async def poll(self) -> Sequence[Pulled]:
        """Every message that waits, oldest name first. ``target.unavailable`` when the folder can not be read."""
        try:
            return [self._pulled(name) for name in self._files.list(f"{self._folder}/") if _is_finished(name)]
        except OSError as error:
            raise TargetUnavailable("target.unavailable", type(error).__name__) from error

    async def acknowledge(self, handle: str) -> None:
        """Remove the file; twice is harmless."""
        try:
            self._files.delete(handle)
        except OSError as error:
            raise TargetUnavailable("target.unknown", type(error).__name__) from error

    def _pulled(self, name: str) -> Pulled:
        envelope = Envelope(
            party=self._party,
            adapter=self._adapter,
            body=self._files.read(name),
            received_at=self._now(),
            content_type=_CONTENT_TYPES.get(name.rpartition(".")[2].lower(), ""),
            transport="files",
        )
        return Pulled(envelope=envelope, handle=name)


def _is_finished(name: str) -> bool:
    last = name.rpartition("/")[2]
    return not last.startswith(".") and not last.lower().endswith(_UNFINISHED)
