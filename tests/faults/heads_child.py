"""Follows an invented log with a heads log as fast as it can and tells how far it is signed, until it is killed."""

import sys
from pathlib import Path

from tests.ledger.test_heads_log import Streams, catch_up, opened


def grow(main: Streams, round_: int) -> None:
    """The next commit of the invented log, the same in every process."""
    main.write(*((round_ * 7 + number) % 211 for number in range(40)))


def run(folder: Path) -> None:
    """Take in one commit after the other."""
    main = Streams()
    grow(main, 0)
    done = 1
    while True:
        heads = opened(main, directory=folder)
        for _ in range(20):
            catch_up(heads)
            sys.stdout.write(f"{heads.size}\n")
            sys.stdout.flush()
            grow(main, done)
            done += 1
        heads.close()


if __name__ == "__main__":
    run(Path(sys.argv[1]))
