"""A process that follows the log is killed at a moment nobody chose: what it said it signed is there, and goes on."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.heads_child import grow
from tests.ledger.test_heads_log import Streams, catch_up, hold, opened


@pytest.mark.parametrize("lines", [1, 17, 45])
def test_after_a_kill_every_signed_entry_is_there_and_the_next_ones_are_those_of_a_run_without_it(
    tmp_path: Path, lines: int
) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.faults.heads_child", str(tmp_path)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as child:
        assert child.stdout is not None
        told = [int(child.stdout.readline()) for _ in range(lines)][-1]
        child.kill()
        rest = child.stdout.read().splitlines()
        told = int(rest[-1]) if rest and rest[-1].isdigit() else told
    main, undisturbed = Streams(), Streams()
    for round_ in range(told + 1):
        grow(main, round_)
    survivor = opened(main, directory=tmp_path)
    assert told <= survivor.size <= told + 1
    catch_up(survivor)
    hold(main, survivor, range(0, 220, 11))
    control = opened(undisturbed)
    for round_ in range(told + 1):
        grow(undisturbed, round_)
        catch_up(control)
    assert survivor.entries(0, told + 1) == control.entries(0, told + 1)
    survivor.close()
