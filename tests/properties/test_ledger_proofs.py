"""However units fall into commits, every position is proved to its own commit, from memory and from the store alike."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.world_seeded import MemoryFiles
from ledger.chain import Chain
from ledger.keystore import MemoryKeys
from ledger.port import Entry, Ledger
from ledger.stores.memory import MemoryStore
from ledger.verifier import verify_log, verify_message, verify_proof
from ledger.writer import Writer
from tests.ledger import made

COMMITS = st.lists(st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=6), min_size=1, max_size=4), max_size=8)
"""Commits of units of records, each record naming one of six dossiers."""


def _is_a_ledger(ledger: Writer) -> Ledger:
    return ledger


@given(COMMITS)
@settings(max_examples=60, deadline=None)
def test_every_position_is_proved_to_its_own_commit_for_ever(commits: list[list[list[int]]]) -> None:
    folder = Path(tempfile.gettempdir())  # nothing is written there: store, keys and files are in memory
    store, keys, files = MemoryStore(), MemoryKeys(), MemoryFiles()
    ledger = made.opened(folder, store=store, keys=keys, files=files)
    bodies: dict[int, bytes] = {}
    for units in commits:
        for numbers in units:
            unit = made.packet(ledger, numbers)
            bodies[ledger.submit(unit).positions[0]] = made.raw(unit)
        ledger.flush()
    vkeys = [_is_a_ledger(ledger).checkpoint() and ledger.vkey]
    warm = [ledger.prove(position) for position in range(1, ledger.committed + 1)]
    warm_raw = {position: ledger.raw_message(position) for position in bodies}
    entries = ledger.read(0, 10_000)
    ledger.close()

    again = made.opened(folder, store=store, keys=keys, files=files, seed="other")
    cold = [again.prove(position) for position in range(1, again.committed + 1)]
    assert cold == warm
    assert warm_raw == bodies == {position: again.raw_message(position) for position in bodies}
    read: list[Entry] = []
    while len(read) < again.committed:
        read += again.read(len(read), 1_000)
    assert read == entries
    for proof in cold:
        assert verify_proof(proof.proof, proof.leaf, vkeys)["ok"]
        if proof.position in bodies:
            assert verify_message(proof.leaf, proof.opening, bodies[proof.position])["ok"]
    leaves = [(proof.position, proof.leaf) for proof in cold]
    assert verify_log(leaves, again.checkpoint(), vkeys, store._checkpoints)["ok"]
    assert Chain(store, again._chain.scribe).root() == again.root_hash
    again.close()
