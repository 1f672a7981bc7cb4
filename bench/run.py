"""``python -m bench.run``: plays the suites and writes what they gave.

Targets that are missed are shown as missed; the exit status says only whether the benchmark itself could be run and
its checks of correctness held.
"""

import argparse
import gc
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from bench import machine
from bench.peers import Field, play

COMPARED: Final = ("store", "postgres", "validate", "http", "deliver")
SUITES: Final = (*COMPARED, "e2e", "growth", "audit")
_QUICK_ROUNDS: Final = 3
_ROUNDS: Final = 9
_SYNCS: Final = 200


def _fields(suite: str) -> Callable[..., Iterator[Field]]:
    if suite == "store":
        from bench import store

        return store.fields
    if suite == "postgres":
        from bench import store_postgres

        return store_postgres.fields
    if suite == "validate":
        from bench import validate

        return validate.fields
    if suite == "http":
        from bench import http_front

        return http_front.fields
    from bench import deliver

    return deliver.fields


def run_suite(suite: str, *, rounds: int, quick: bool) -> list[dict[str, Any]]:
    """The results of one suite as plain values."""
    if suite == "e2e":
        from bench import e2e

        return [{"suite": suite, **case} for case in e2e.run(quick=quick)]
    if suite == "growth":
        from bench import growth

        return [{"suite": suite, **case} for case in growth.run(quick=quick)]
    if suite == "audit":
        from bench import audit

        return [{"suite": suite, **case} for case in audit.run(quick=quick)]
    lines: list[dict[str, Any]] = []
    for field in _fields(suite)(quick=quick):
        lines += play(field, rounds)
        gc.collect()
    return lines


def calibration() -> dict[str, Any]:
    """How fast the machine is just now: a fixed piece of Python, and the disk's answer to a sync."""
    median, tail = _sync_ms(Path.cwd())
    return {"spin_ms": machine.spin_ms(), "fdatasync_p50_ms": median, "fdatasync_p99_ms": tail}


def _sync_ms(folder: Path) -> tuple[float, float]:
    path = folder / f".fdatasync-{os.getpid()}"
    taken: list[float] = []
    with path.open("wb", buffering=0) as file:
        for _ in range(_SYNCS):
            started = time.perf_counter()
            file.write(bytes(8_192))
            os.fdatasync(file.fileno())
            taken.append(1_000 * (time.perf_counter() - started))
    path.unlink()
    taken.sort()
    return round(taken[_SYNCS // 2], 3), round(taken[_SYNCS * 99 // 100], 3)


def report(suite: str, *, rounds: int, quick: bool) -> dict[str, Any]:
    """One suite with everything its figures depend on."""
    before = calibration()
    with machine.Watch() as watch:
        results = run_suite(suite, rounds=rounds, quick=quick)
    return {
        "suite": suite,
        "quick": quick,
        "seconds": round(watch.wall_s, 1),
        "calibration": {"before": before, "after": calibration()},
        "machine": machine.machine(),
        "versions": machine.versions(),
        "results": results,
    }


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=__doc__)
    parser.add_argument("--suite", choices=(*SUITES, "all"), default="all")
    parser.add_argument("--rounds", type=int, default=0, help="rounds that count (3 with --quick, else 9)")
    parser.add_argument("--quick", action="store_true", help="small sizes; the default for all suites together")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the report to this file too")
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    """Play and tell; 1 when an end-to-end check failed."""
    asked = _arguments(given)
    quick = asked.quick or asked.suite == "all"
    rounds = asked.rounds or (_QUICK_ROUNDS if quick else _ROUNDS)
    suites = SUITES if asked.suite == "all" else (asked.suite,)
    reports = []
    for suite in suites:
        print(f"── {suite}", file=sys.stderr, flush=True)
        reports.append(report(suite, rounds=rounds, quick=quick))
    text = json.dumps(reports if len(reports) > 1 else reports[0], ensure_ascii=False, indent=1)
    if asked.json:
        asked.json.write_text(text + "\n", "utf-8")
    else:
        print(text)
    return 0 if all(line.get("ok", True) for one in reports for line in one["results"]) else 1


if __name__ == "__main__":
    raise SystemExit(main())
