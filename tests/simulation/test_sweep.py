"""Worlds are whole, repeat exactly, and find what is planted. The larger sweep is ``make sim``."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.simulation import faults, mutants, sweep
from tests.simulation.world import Result

ROOT = Path(__file__).parents[2]
QUICK = ("answer before commit", "session shared between parties", "views count twice", "receipt of today")
"""Mutants that are found at once; ``make sim MUTANTS=1`` hunts all of them."""


def _in_a_process(*arguments: str, hash_seed: str = "0") -> list[Result]:
    """Worlds in a process of their own: what a test session has imported or patched stays out."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.simulation.sweep", "--json", *arguments],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    return [msgspec.json.decode(line, type=Result) for line in ran.stdout.splitlines()]


def test_some_seeds_find_nothing() -> None:
    results = _in_a_process("--seeds", "1..16")
    assert {one.seed: one.findings for one in results if one.findings} == {}
    assert len(results) == 16
    assert sum(one.lives for one in results) > 25
    assert len({one.trace for one in results}) == 16


def test_a_seed_gives_the_same_trace_root_and_disk_under_another_hash_seed_and_chunk() -> None:
    first = _in_a_process("--seeds", "3,8,11,20", hash_seed="1")
    second = _in_a_process("--seeds", "20,11,8,3", "--chunk", "1", hash_seed="2")
    assert first == second
    assert all(one.root and one.image and one.trace for one in first)


@pytest.mark.parametrize("name", QUICK)
def test_a_planted_bug_is_found(name: str) -> None:
    found = _in_a_process("--seeds", "1..4", "--mutant", name)
    assert any(one.findings for one in found)


def test_plans_that_once_found_a_bug_find_none_now() -> None:
    for path in sorted(sweep.PLANS.glob("*.json")):
        command = [sys.executable, "-m", "tests.simulation.sweep", "--plan", str(path)]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
        assert ran.returncode == 0, ran.stdout.decode()


def test_a_plan_is_drawn_from_its_seed_and_is_plain_json() -> None:
    drawn = [faults.draw(seed) for seed in range(200)]
    assert drawn == [faults.draw(seed) for seed in range(200)]
    assert msgspec.json.decode(msgspec.json.encode(drawn)) == drawn
    kinds = {fault["do"] for plan in drawn for fault in plan}
    assert kinds == {"power_at", "power", "kill", "reset", "cut", "slow", "clock", "eio", "enospc"}


def test_at_least_twelve_bugs_are_planted() -> None:
    assert len(mutants.MUTANTS) >= 12
