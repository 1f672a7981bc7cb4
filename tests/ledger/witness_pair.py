"""A log and a witness that answers it in this process, each with a memory of its own."""

from collections.abc import Sequence

from adapters.transports.fetch import TransportFetch
from adapters.transports.memory import Fault, MemoryTransport
from contracts.delivery import Reply, Request
from contracts.ports import Files
from hub.world_seeded import MemoryFiles, SeededEntropy, SteppedClock
from ledger.note import VerifierKey
from ledger.policy import KnownWitness
from ledger.witness import WitnessClient
from ledger.witnessing import WitnessService, witness_signer
from tests.ledger.plain_log import PlainLog

NAME = "chung-kien.example/w1"


def service(log: PlainLog, files: Files | None = None, *, name: str = NAME) -> WitnessService:
    """A witness that watches one log."""
    mine = files or MemoryFiles()
    return WitnessService(
        files=mine,
        signer=witness_signer(mine, SeededEntropy(name), name),
        clock=SteppedClock(step_us=1_000_000),
        logs={log.origin: (VerifierKey(log.origin, log.scribe.key.public_key),)},
    )


def over(witness: WitnessService, faults: Sequence[Fault] = ()) -> MemoryTransport:
    """The way to it; ``sent`` shows what was asked."""

    async def answer(request: Request) -> Reply:
        verdict = witness.add_checkpoint(request.body)
        return Reply(status=verdict.status, body=verdict.body.encode())

    return MemoryTransport(answer, faults=faults)


def client(
    log: PlainLog, witness: WitnessService, transport: MemoryTransport, files: Files | None = None
) -> WitnessClient:
    """The log's side."""
    return WitnessClient(
        KnownWitness("w1", witness.key, "memory:witness/log"),
        fetch=TransportFetch(transport),
        files=files or MemoryFiles(),
        get_node=log.node,
        committed=lambda: len(log.kept),
        timeout_s=1.0,
    )
