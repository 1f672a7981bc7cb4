"""kill -9 of a process that appends under load, at random moments; the independent verifier judges what is left."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from hub.world_seeded import SeededEntropy
from ledger.verifier import verify_log, verify_proof
from tests.ledger import made

LIVES = 20
CHILD = Path(__file__).with_name("ledger_child.py")
ROOT = Path(__file__).parents[2]


def _live(folder: Path, life: int, lines: int) -> dict[str, tuple[int, int, str]]:
    """One life of the child, killed after it told of ``lines`` durable units; returns what it told."""
    child = subprocess.Popen(
        [sys.executable, str(CHILD), str(folder), str(life)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert child.stdout is not None
    told = [child.stdout.readline() for _ in range(lines)]
    child.kill()
    told += child.stdout.readlines()
    child.stdout.close()
    child.wait()
    answered = {}
    for line in told:
        words = line.split()
        if line.endswith("\n") and len(words) == 4:
            answered[words[0]] = (int(words[1]), int(words[2]), words[3])
    return answered


def _leaves(folder: Path) -> tuple[list[tuple[int, bytes]], list[tuple[int, str]]]:
    reader = sqlite3.connect(f"file:{folder}/ledger.db?mode=ro", uri=True)
    try:
        leaves = reader.execute("SELECT position, leaf FROM events ORDER BY position").fetchall()
        notes = reader.execute("SELECT size, note FROM checkpoints ORDER BY size").fetchall()
    finally:
        reader.close()
    return leaves, notes


@pytest.mark.faults
def test_every_answered_unit_survives_kill_9_once_and_the_log_verifies(tmp_path: Path) -> None:
    chance = SeededEntropy("moments of dying")
    answered: dict[str, tuple[int, int, str]] = {}
    for life in range(LIVES):
        told = _live(tmp_path, life, 1 + int(chance.random() * 40))
        assert told
        answered |= told

        leaves, notes = _leaves(tmp_path)
        vkeys = [(tmp_path / "keys" / "log.vkey").read_text("utf-8")]
        verdict = verify_log(leaves, notes[-1][1], vkeys, notes)
        assert verdict["ok"], verdict
        assert all(position <= len(leaves) for position, _, _ in answered.values())

    ledger = made.opened(tmp_path, seed="other")
    try:
        vkeys = [ledger.vkey]
        for name, (position, _, leaf_hash) in answered.items():
            found = ledger.find_message("mau", name, b"")
            assert found is not None
            assert found.position == position
            proof = ledger.prove(position)
            assert proof.leaf_hash.hex() == leaf_hash
        for position, _, _ in list(answered.values())[:: max(1, len(answered) // 20)]:
            proof = ledger.prove(position)
            assert verify_proof(proof.proof, proof.leaf, vkeys)["ok"]
            assert ledger.raw_message(position).startswith(b'{"session":"')
    finally:
        ledger.close()
