"""A network in memory for unmodified asyncio protocols: latency, splits, resets, partitions, slow peers, power cuts.

Links are FIFO like TCP. What happens on them is decided by one seeded generator and by what a plan switches on. A write
of a dead node goes nowhere; what was already under way still arrives.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import Context, ContextVar, copy_context
from random import Random  # noqa: TID251  # seeded: the world of one seed
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tests.simulation.loop import SimLoop

Address = tuple[str, int]
HIGH_WATER: Final = 64 * 1024
_APART_S: Final = 1e-7
"""Two arrivals never share an instant: timers of one instant have no order."""


class Node:
    """One life of one machine: what runs in it stops for ever when ``alive`` turns false."""

    def __init__(self, name: str, ip: str) -> None:
        self.name = name
        self.ip = ip
        self.alive = True
        self.skew_us = 0


NODE: ContextVar[Node | None] = ContextVar("node", default=None)


class FakeSocket:
    """What a server shows as its socket: a name, nothing else."""

    def __init__(self, address: Any) -> None:
        self._address = address

    def getsockname(self) -> Any:
        """The address listened on."""
        return self._address


class Ticket:
    """A connection made by ``start_connection`` and given its protocol by ``create_connection``."""

    def __init__(self, server: "SimServer", address: Any) -> None:
        self.server = server
        self.address = address

    def close(self) -> None:
        """Nobody took it."""


class SimServer(asyncio.AbstractServer):
    """A listener; the connections it accepted live on when it closes."""

    def __init__(self, network: "Network", factory: Callable[[], asyncio.BaseProtocol], address: Any) -> None:
        self.factory = factory
        self.context: Final[Context] = copy_context()
        self.node = NODE.get()
        self.address = address
        self.sockets: tuple[FakeSocket, ...] = (FakeSocket(address),)
        self._network = network

    def close(self) -> None:
        """Take no more connections."""
        self._network.forget(self)
        self.sockets = ()

    async def wait_closed(self) -> None:
        """Nothing is left to wait for."""

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """The loop of this world."""
        return self._network.loop

    async def start_serving(self) -> None:
        """It listens since it was made."""

    async def serve_forever(self) -> None:
        """Until it is cancelled."""
        await self._network.loop.create_future()

    def is_serving(self) -> bool:
        """Whether connections are taken."""
        return bool(self.sockets)


class SimTransport(asyncio.Transport):
    """One end of a connection."""

    def __init__(self, network: "Network", node: Node | None, context: Context, names: tuple[Any, Any]) -> None:
        super().__init__({"sockname": names[0], "peername": names[1]})
        self.network = network
        self.node = node
        self.context = context
        self.peer: SimTransport | None = None
        self.closing = False
        self.lost = False
        self._protocol: Any = None
        self._last = 0.0
        self._flying = 0
        self._paused_writing = False
        self._reading = True
        self._held: deque[bytes | None] = deque()

    # ── what protocols ask for ───────────────────────────────────────────────────────────────────

    def get_protocol(self) -> Any:
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def is_closing(self) -> bool:
        return self.closing

    def is_reading(self) -> bool:
        return self._reading

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        if not self._reading:
            self._reading = True
            self.network.loop.call_soon(self._drain, context=self.context)

    def get_write_buffer_size(self) -> int:
        return self._flying

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return 0, HIGH_WATER

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """The limits are the network's."""

    def can_write_eof(self) -> bool:
        return False

    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(list_of_data))

    def write(self, data: Any) -> None:
        """Send: in one piece or several, each later than the one before."""
        if self.closing or (self.node is not None and not self.node.alive):
            return
        self.network.send(self, bytes(data))

    def close(self) -> None:
        """Close after what was written."""
        if not self.closing:
            self.closing = True
            self.network.at_peer(self, 0, SimTransport._end_of_stream)
            self.network.loop.call_soon(self.lose, None, context=self.context)

    def abort(self) -> None:
        """Close at once; the peer sees a reset."""
        if not self.lost:
            self.closing = True
            self.network.at_peer(self, 0, SimTransport.lose, ConnectionResetError("reset by peer"))
            self.network.loop.call_soon(self.lose, None, context=self.context)

    # ── what the network does ────────────────────────────────────────────────────────────────────

    def start(self, protocol: asyncio.BaseProtocol) -> None:
        """Give the connection to its protocol."""
        self._protocol = protocol
        protocol.connection_made(self)

    def accept(self, factory: Callable[[], asyncio.BaseProtocol]) -> None:
        """The listening side begins, in its own node."""
        if not self.lost:
            self.start(factory())

    def lose(self, error: BaseException | None) -> None:
        """The connection is gone."""
        if not self.lost:
            self.lost = self.closing = True
            self.network.transports.pop(self, None)
            if self._protocol is not None:
                self._protocol.connection_lost(error)

    def arrival(self, delay_s: float) -> float:
        """When something sent now arrives: never before what was sent earlier."""
        self._last = max(self._last + _APART_S, self.network.loop.time() + delay_s)
        return self._last

    def flies(self, size: int) -> None:
        """Count bytes under way; too many of them hold the writer."""
        self._flying += size
        if self._flying > HIGH_WATER and not self._paused_writing:
            self._paused_writing = True
            self._protocol.pause_writing()

    def landed(self, size: int) -> None:
        """Bytes of mine have arrived."""
        self._flying -= size
        if self._paused_writing and self._flying <= HIGH_WATER // 4 and not self.lost:
            self._paused_writing = False
            self._protocol.resume_writing()

    def receive(self, data: bytes) -> None:
        """Bytes arrive."""
        peer = self.peer
        if peer is not None and (peer.node is None or peer.node.alive):
            self.network.loop.call_soon(peer.landed, len(data), context=peer.context)
        if self.closing:
            return
        self._held.append(data)
        self._drain()

    def _end_of_stream(self) -> None:
        if not self.closing:
            self._held.append(None)
            self._drain()

    def _drain(self) -> None:
        while self._held and self._reading and not self.closing:
            data = self._held.popleft()
            if data is not None:
                self.network.loop.note("recv", self.get_extra_info("sockname"), data)
                self._protocol.data_received(data)
            elif not self._protocol.eof_received():
                self.close()


class Reset:
    """A planned reset of the next connection between two machines that writes: before its bytes or after them."""

    def __init__(self, pair: frozenset[str], *, after: bool, skip: int = 0) -> None:
        self.pair = pair
        self.after = after
        self.skip = skip


class Network:
    """All links of one world."""

    def __init__(self, loop: "SimLoop", chance: Random) -> None:
        self.loop = loop
        self.chance = chance
        self.latency_s = (0.0005, 0.004)
        self.split = 0.1
        self.names: dict[str, str] = {}
        self.slow: dict[str, float] = {}
        """Extra seconds by address, both ways."""
        self.cuts: dict[frozenset[str], float] = {}
        """Pairs of addresses that do not hear each other, and until when."""
        self.resets: list[Reset] = []
        self.dark: set[str] = set()
        """Machines without power: nobody there refuses a connection."""
        self.listeners: dict[Any, SimServer] = {}
        self.transports: dict[SimTransport, None] = {}
        self._ports = 20_000

    # ── listening and connecting ─────────────────────────────────────────────────────────────────

    def listen(self, factory: Callable[[], asyncio.BaseProtocol], host: str | None, port: int) -> SimServer:
        """Take connections to an address; port 0 = any free one."""
        address = (host or "0.0.0.0", port or self._port())  # noqa: S104  # an address of the simulated network
        return self._listen(factory, address)

    def listen_unix(self, factory: Callable[[], asyncio.BaseProtocol], path: str) -> SimServer:
        """Take connections to a path; one left behind by a dead process is replaced."""
        return self._listen(factory, path)

    def _listen(self, factory: Callable[[], asyncio.BaseProtocol], address: Any) -> SimServer:
        held = self.listeners.get(address)
        if held is not None and (held.node is None or held.node.alive):
            raise OSError(98, f"address in use: {address}")
        server = self.listeners[address] = SimServer(self, factory, address)
        return server

    def forget(self, server: SimServer) -> None:
        """A listener closed."""
        if self.listeners.get(server.address) is server:
            del self.listeners[server.address]

    def _port(self) -> int:
        self._ports += 1
        return self._ports

    def _here(self) -> str:
        node = NODE.get()
        return "127.0.0.1" if node is None else node.ip

    async def reach(self, ip: str, port: int) -> Ticket:
        """The handshake: refused where nobody listens, for ever silent where there is no power or no way."""
        here = self._here()
        await asyncio.sleep(self._delay(here, ip))
        while (wait := self.cuts.get(frozenset((here, ip)), 0.0) - self.loop.time()) > 0:  # noqa: ASYNC110  # the world may cut it again meanwhile
            await asyncio.sleep(wait)
        while ip in self.dark:  # noqa: ASYNC110  # TCP asks again and again, too
            await asyncio.sleep(1.0)
        await asyncio.sleep(self._delay(ip, here))
        return self._ticket((ip, port))

    def _ticket(self, address: Any) -> Ticket:
        server = self.listeners.get(address)
        if server is None or (server.node is not None and not server.node.alive):
            raise ConnectionRefusedError(111, f"nobody listens at {address}")
        return Ticket(server, address)

    def connect(self, ticket: Ticket, factory: Callable[[], asyncio.BaseProtocol]) -> tuple[SimTransport, Any]:
        """Both ends of a connection; the server's end begins in its own node."""
        server = ticket.server
        if server.node is not None and not server.node.alive:
            raise ConnectionResetError(104, "reset by peer")
        names = ((self._here(), self._port()), ticket.address)
        mine = SimTransport(self, NODE.get(), copy_context(), names)
        theirs = SimTransport(self, server.node, server.context.copy(), (names[1], names[0]))
        mine.peer, theirs.peer = theirs, mine
        self.transports[mine] = self.transports[theirs] = None
        self.loop.note("open", names, b"")
        self.loop.call_soon(theirs.accept, server.factory, context=theirs.context)
        protocol = factory()
        mine.start(protocol)
        return mine, protocol

    # ── bytes ────────────────────────────────────────────────────────────────────────────────────

    def _delay(self, here: str, there: str) -> float:
        low, high = self.latency_s
        delay = low + (high - low) * self.chance.random()
        return delay + self.slow.get(here, 0.0) + self.slow.get(there, 0.0)

    def at_peer(self, sender: SimTransport, size: int, act: Callable[..., None], *args: Any) -> None:
        """Let something arrive at the other end, after everything sent before it."""
        peer = sender.peer
        if peer is None or (sender.node is not None and not sender.node.alive):
            return
        here, there = _ips(sender)
        when = sender.arrival(self._delay(here, there))
        healed = self.cuts.get(frozenset((here, there)), 0.0)
        if when < healed or self.loop.time() < healed:
            when = sender.arrival(healed - self.loop.time() + self._delay(here, there))
        self.loop.call_at(when, act, peer, *args, context=peer.context)
        if size:
            sender.flies(size)

    def send(self, sender: SimTransport, data: bytes) -> None:
        """Carry what was written, or lose the connection as planned."""
        planned = self._planned(sender)
        if planned is None or planned.after:
            for piece in self._pieces(data):
                self.at_peer(sender, len(piece), SimTransport.receive, piece)
        if planned is not None:
            error = ConnectionResetError("reset by peer")
            self.at_peer(sender, 0, SimTransport.lose, error)
            sender.closing = True
            self.loop.call_soon(sender.lose, error, context=sender.context)

    def _planned(self, sender: SimTransport) -> Reset | None:
        if not self.resets:
            return None
        pair = frozenset(_ips(sender))
        for reset in self.resets:
            if reset.pair == pair:
                if reset.skip:
                    reset.skip -= 1
                    return None
                self.resets.remove(reset)
                return reset
        return None

    def _pieces(self, data: bytes) -> list[bytes]:
        if len(data) < 2 or self.chance.random() >= self.split:
            return [data]
        cut = 1 + int(self.chance.random() * (len(data) - 1))
        return [data[:cut], data[cut:]]

    def power_off(self, node: Node, *, dark: bool) -> None:
        """A machine (``dark``) or only its process ends: no cleanup of its own runs, its peers learn of it later."""
        node.alive = False
        if dark:
            self.dark.add(node.ip)
        for address, server in list(self.listeners.items()):
            if server.node is node:
                del self.listeners[address]
        for transport in list(self.transports):
            if transport.node is node:
                del self.transports[transport]
                if not dark:
                    self._tell_peer(transport)

    def power_on(self, ip: str) -> None:
        """The machine is back: whoever still talks to its former life is reset."""
        self.dark.discard(ip)
        for transport in list(self.transports):
            peer = transport.peer
            if peer is not None and peer.node is not None and peer.node.ip == ip and not peer.node.alive:
                self._tell_peer(peer)

    def _tell_peer(self, gone: SimTransport) -> None:
        peer = gone.peer
        if peer is not None and not peer.lost:
            when = gone.arrival(self._delay(*_ips(gone)))
            self.loop.call_at(when, peer.lose, ConnectionResetError("reset by peer"), context=peer.context)


def _ips(sender: SimTransport) -> tuple[str, str]:
    here, there = sender.get_extra_info("sockname"), sender.get_extra_info("peername")
    return _ip(here), _ip(there)


def _ip(address: Any) -> str:
    return str(address[0]) if isinstance(address, tuple) else str(address)
