"""The witnesses of a hub: a quorum is published and becomes leaves; one that knows better stops the signing."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from adapters.transports.fetch import TransportFetch
from adapters.transports.memory import MemoryTransport
from contracts.delivery import Reply, Request
from contracts.errors import IntegrityViolation
from contracts.moment import MICROS_PER_SECOND
from hub.jobs.witness import COSIGNED_FILE, FINDING_FILE, Finding, WitnessJob
from hub.testimony import Freshness
from hub.world_seeded import MemoryFiles, SeededEntropy, SteppedClock
from ledger.anchors import Anchors, judge_cosignature
from ledger.cosignature import find_cosignatures, split_note
from ledger.events import CheckpointAnchored
from ledger.note import parse_vkey
from ledger.policy import KnownWitness, quorum_of
from ledger.witness import Contradiction, WitnessClient
from ledger.witnessing import WitnessService, witness_signer
from ledger.writer import Writer
from tests.ledger.made import keep, opened, packet

NOW = 1_767_573_000 * MICROS_PER_SECOND


class Seen:
    def __init__(self) -> None:
        self.outcomes: list[tuple[str, str]] = []
        self.contradictions: list[str] = []

    def on_witness(self, witness: str, outcome: str) -> None:
        self.outcomes.append((witness, outcome))

    def on_contradiction(self, witness: str) -> None:
        self.contradictions.append(witness)


class Scene:
    """One log and three witnesses, any of which may be away."""

    def __init__(self, ledger: Writer, *, needed: int = 2) -> None:
        self.ledger = ledger
        self.files = MemoryFiles()
        self.clock = SteppedClock(NOW, step_us=0)
        self.seen = Seen()
        self.away: list[str] = []
        self.witnesses = {name: self._witness(name) for name in ("w1", "w2", "w3")}
        known = [KnownWitness(name, one.key, f"memory:{name}") for name, one in self.witnesses.items()]
        self.policy = quorum_of(known, needed)
        self.anchors = Anchors(self.files, ledger, self.clock)
        self.anchors.judges["witness"] = judge_cosignature(self.policy.keys)
        self.testimony = Freshness(self.clock, ledger, kinds=("witness",), max_age_s=60)

    def _witness(self, name: str) -> WitnessService:
        files = MemoryFiles()
        signer = witness_signer(files, SeededEntropy(name), f"chung-kien.example/{name}")
        key = parse_vkey(self.ledger.vkey)
        return WitnessService(files=files, signer=signer, clock=self.clock, logs={key.name: [key]})

    def job(self, *, anchor_interval_s: float = 0.0) -> WitnessJob:
        async def answer(request: Request) -> Reply:
            name = request.url.removeprefix("memory:").removesuffix("/add-checkpoint")
            if name in self.away:
                raise ConnectionResetError
            verdict = self.witnesses[name].add_checkpoint(request.body)
            return Reply(status=verdict.status, body=verdict.body.encode())

        fetch = TransportFetch(MemoryTransport(answer))
        tree = self.ledger.tree()
        clients = [
            WitnessClient(
                one,
                fetch=fetch,
                files=self.files,
                get_node=lambda level, index: tree.hashes(level, index, 1)[0],
                committed=lambda: self.ledger.committed,
                timeout_s=1.0,
            )
            for one in self.policy.witnesses
        ]
        return WitnessJob(
            clients,
            policy=self.policy,
            newest=self.ledger.checkpoint,
            ledger=self.ledger,
            files=self.files,
            clock=self.clock,
            anchors=self.anchors,
            testimony=self.testimony,
            observer=self.seen,
            interval_s=5,
            anchor_interval_s=anchor_interval_s,
        )

    def leaves(self) -> list[CheckpointAnchored]:
        return [one.event for one in self.ledger.read(0, 1_000) if isinstance(one.event, CheckpointAnchored)]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    ledger = opened(tmp_path, store="memory")
    await keep(ledger, packet(ledger, [1]))
    made = Scene(ledger)
    await made.anchors.recover()
    yield made
    ledger.close()


async def test_a_quorum_is_published_and_anchored(scene: Scene) -> None:
    scene.away = ["w2"]
    note = scene.ledger.checkpoint()
    assert await scene.job().round()
    cosigned = scene.files.read(COSIGNED_FILE).decode()
    assert cosigned.startswith(note)
    found = find_cosignatures(*split_note(cosigned), scene.policy.keys)
    assert scene.policy.is_met([one.key for one in found])
    assert sorted(leaf.by for leaf in scene.leaves()) == sorted(one.key.text() for one in found)
    assert scene.testimony.newest("witness") == NOW
    assert scene.testimony.ailment() == ""


async def test_less_than_a_quorum_is_nothing(scene: Scene) -> None:
    scene.away = ["w2", "w3"]
    assert not await scene.job().round()
    assert scene.files.list("log/") == []
    assert scene.leaves() == []
    assert scene.testimony.ailment()
    assert scene.seen.outcomes == [("w1", "ok"), ("w2", "unavailable"), ("w3", "unavailable")]


async def test_a_quiet_log_does_not_feed_itself_with_anchors(scene: Scene) -> None:
    """Anchors grow the log, and the log is cosigned: without a rule that would never end."""
    job = scene.job()
    for _ in range(5):
        assert await job.round()
    assert len(scene.leaves()) == 3
    await keep(scene.ledger, packet(scene.ledger, [2]))
    for _ in range(3):
        await job.round()
    assert len(scene.leaves()) == 6


async def test_cosignatures_become_leaves_only_now_and_then(scene: Scene) -> None:
    job = scene.job(anchor_interval_s=3_600)
    await job.round()
    await keep(scene.ledger, packet(scene.ledger, [2]))
    await job.round()
    assert len(scene.leaves()) == 3
    assert job.newest_cosigned_size() == scene.ledger.committed
    await job.round(anchor=True)
    assert len(scene.leaves()) == 6


async def test_a_witness_that_knows_better_stops_the_signing_and_the_next_start(scene: Scene, tmp_path: Path) -> None:
    await keep(scene.ledger, packet(scene.ledger, [2]))
    await scene.job().round()
    restored = opened(tmp_path / "restored", store="memory")  # the same seed: the same key of the log
    older = Scene(restored)
    older.witnesses = scene.witnesses
    older.policy = scene.policy
    await older.anchors.recover()
    with pytest.raises(Contradiction):
        await older.job().round()
    finding = msgspec.json.decode(older.files.read(FINDING_FILE), type=Finding)
    assert finding.finding == "ROLLBACK"
    assert finding.our_checkpoint.startswith("mau.example/log\n")
    assert older.seen.contradictions == ["w1"]
    assert restored.ailment() == "ledger.unavailable"
    with pytest.raises(IntegrityViolation) as caught:
        restored.submit(packet(scene.ledger, [3]))
    assert caught.value.code == "ledger.unavailable"
    with pytest.raises(IntegrityViolation, match="ROLLBACK") as refused:
        older.job().refuse_after_finding()
    assert refused.value.code == "ledger.rollback"
    restored.close()


async def test_nothing_found_refuses_nothing(scene: Scene) -> None:
    scene.job().refuse_after_finding()


async def test_witnesses_that_do_not_answer_before_the_start_are_not_waited_for(scene: Scene) -> None:
    job = scene.job()
    async with job._turn:
        await job.look(0.01)
    assert scene.seen.outcomes == []
