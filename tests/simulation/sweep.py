"""Many worlds: seeds in forked children on two cores, failing plans shrunk and written down, one seed replayed.

``python -m tests.simulation.sweep --seeds 1..5000`` · ``--seed N --trace`` · ``--plan FILE`` · ``--twice N``. A child
runs some seeds and ends without any cleanup, so that dead worlds are never finalised.
"""

import argparse
import gc
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from tests.simulation import mutants
from tests.simulation.faults import Plan
from tests.simulation.world import Result, simulate

PLANS: Final = Path(__file__).parent / "plans"
CHUNK: Final = 25
WORKERS: Final = 2
_PYTHON: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
_OTHER_SEEDS: Final = 12
_MOST_BYTES: Final = 2 << 30
_MOST_S: Final = 120
"""A child that needs more memory or time than this is ended, and its seed is a finding."""


class Job(msgspec.Struct, frozen=True):
    """Worlds for one child: seeds with their own plans, or one plan with several seeds; under a mutant or none."""

    seeds: tuple[int, ...]
    plan: tuple[dict[str, Any], ...] | None = None
    mutant: str = ""
    stop_at_finding: bool = False


def work(job: Job) -> Iterator[Result]:
    """Run the worlds of a job in this process."""
    mutants.silence()
    with mutants.planted(job.mutant):
        for seed in job.seeds:
            result = simulate(seed, job.plan)
            yield result
            if job.stop_at_finding and result.findings:
                return


class _Child:
    """One forked child and what it has said so far."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.heard = b""
        read, write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(read)
            _in_child(job, write)
        os.close(write)
        self.pipe = read

    def results(self) -> list[Result]:
        """What it found; a child that died says so."""
        os.close(self.pipe)
        _, status = os.waitpid(self.pid, 0)
        found = [msgspec.json.decode(line, type=Result) for line in self.heard.splitlines()]
        if status and not (self.job.stop_at_finding and found and found[-1].findings):
            seed = self.job.seeds[len(found)] if len(found) < len(self.job.seeds) else -1
            found.append(Result(seed=seed, plan=[], findings=[f"world: the child died with status {status}"]))
        return found


def _in_child(job: Job, pipe: int) -> None:
    """Never returns: the child ends without running any finalizer."""
    code = 1
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
    signal.alarm(_MOST_S)
    try:
        for result in work(job):
            os.write(pipe, msgspec.json.encode(result) + b"\n")
        code = 0
    finally:
        os._exit(code)


def run_jobs(jobs: Sequence[Job], heard: Callable[[Job, list[Result]], None], *, workers: int = WORKERS) -> None:
    """Run jobs in children, ``workers`` at a time; ``heard`` is called as each ends."""
    waiting = list(reversed(jobs))
    running: dict[int, _Child] = {}
    while waiting or running:
        while waiting and len(running) < workers:
            child = _Child(waiting.pop())
            running[child.pipe] = child
        for pipe in select.select(list(running), [], [])[0]:
            data = os.read(pipe, 1 << 16)
            if data:
                running[pipe].heard += data
            else:
                child = running.pop(pipe)
                heard(child.job, child.results())


def sweep(seeds: Sequence[int], *, workers: int = WORKERS, chunk: int = CHUNK, mutant: str = "") -> list[Result]:
    """Run every seed with its own plan; results in the order of the seeds."""
    found: list[Result] = []
    jobs = [Job(tuple(seeds[at : at + chunk]), None, mutant) for at in range(0, len(seeds), chunk)]
    run_jobs(jobs, lambda _, results: found.extend(results), workers=workers)
    return sorted(found, key=lambda result: result.seed)


def first_finding(mutant: str, seeds: Sequence[int], *, workers: int = WORKERS, chunk: int = 10) -> Result | None:
    """The first seed at which something is found under a mutant, None when nothing is."""
    best: list[Result] = []
    for at in range(0, len(seeds), chunk * workers):
        part = seeds[at : at + chunk * workers]
        jobs = [
            Job(tuple(part[from_ : from_ + chunk]), None, mutant, stop_at_finding=True)
            for from_ in range(0, len(part), chunk)
        ]
        run_jobs(jobs, lambda _, results: best.extend(one for one in results if one.findings), workers=workers)
        if best:
            return min(best, key=lambda result: result.seed)
    return None


def _alone(job: Job) -> list[Result]:
    """The results of one job."""
    said: list[Result] = []
    run_jobs([job], lambda _, results: said.extend(results), workers=1)
    return said


def _complains(seed: int, plan: Plan, judge: str, mutant: str) -> bool:
    said = _alone(Job((seed,), tuple(dict(fault) for fault in plan), mutant))
    return any(finding.partition(":")[0] == judge for finding in said[0].findings)


def shrink(result: Result, *, mutant: str = "", patience_s: float = 60.0) -> dict[str, Any]:
    """The fewest faults with which the same judge still complains; the seed floats: every draw moves with the plan."""
    seed, plan = result.seed, list(result.plan)
    end = time.monotonic() + patience_s
    smaller = True
    while smaller and time.monotonic() < end:
        smaller = False
        for place in range(len(plan)):
            less = plan[:place] + plan[place + 1 :]
            at = next(
                (
                    other
                    for other in (seed, *range(1, _OTHER_SEEDS + 1))
                    if time.monotonic() < end and _complains(other, less, result.judge, mutant)
                ),
                None,
            )
            if at is not None:
                seed, plan, smaller = at, less, True
                break
    return {"seed": seed, "python": _PYTHON, "judge": result.judge, "plan": plan}


def write_plan(shrunk: dict[str, Any], name: str) -> Path:
    """Keep a shrunk plan beside the others."""
    path = PLANS / f"{name}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(shrunk), indent=1) + b"\n")
    return path


def read_plan(path: Path) -> dict[str, Any]:
    """A plan that was kept."""
    kept: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    return kept


def under_other_hash_seed(seeds: Sequence[int], hash_seed: str) -> list[Result]:
    """The same seeds in a fresh process whose strings hash differently, in chunks of another size."""
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.simulation.sweep",
            "--json",
            "--chunk",
            "7",
            "--seeds",
            ",".join(map(str, seeds)),
        ],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        check=True,
    )
    return [msgspec.json.decode(line, type=Result) for line in ran.stdout.splitlines()]


def seeds_of(text: str) -> list[int]:
    """``1..50``, ``3,9,27`` or ``7``."""
    first, dots, last = text.partition("..")
    return list(range(int(first), int(last) + 1)) if dots else [int(one) for one in text.split(",")]


def _report(results: Sequence[Result], seconds: float, *, shrinking: bool = True) -> int:
    failing = [result for result in results if result.findings]
    for result in failing[:12]:
        sys.stdout.write(f"seed {result.seed}: {'; '.join(result.findings[:4])}\n")
    if failing and shrinking:
        kept = shrink(failing[0])
        path = write_plan(kept, f"{kept['judge']}-{kept['seed']}")
        sys.stdout.write(f"again: make sim PLAN={path.relative_to(Path.cwd())}\n")
    lives, events = sum(one.lives for one in results), sum(one.events for one in results)
    sys.stdout.write(
        f"{len(results)} seeds, {len(failing)} failing, {sum(one.faults for one in results)} faults, {lives} lives, "
        f"{events} events, {sum(one.seconds for one in results):.0f} virtual s in {seconds:.1f} s\n"
    )
    return 1 if failing else 0


def _one(seed: int, plan: Plan | None, *, trace: bool) -> int:
    mutants.silence()
    lines: list[str] | None = [] if trace else None
    try:
        result = simulate(seed, plan, lines=lines)
    finally:
        sys.stdout.writelines(f"{line}\n" for line in lines or ())
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    sys.stdout.flush()
    return 1 if result.findings else 0


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make sim", description=__doc__)
    parser.add_argument("--seeds", default="1..200")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--plan", type=Path)
    parser.add_argument("--trace", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--chunk", type=int, default=CHUNK)
    parser.add_argument("--twice", type=int, default=0)
    parser.add_argument("--mutant", default="")
    parser.add_argument("--no-shrink", action="store_true")
    parser.add_argument("--mutants", action="store_true", help="hunt every planted bug within its number of seeds")
    asked = parser.parse_args()
    if asked.plan is not None:
        kept = read_plan(asked.plan)
        os._exit(_one(kept["seed"], kept["plan"], trace=asked.trace))
    if asked.seed is not None:
        os._exit(_one(asked.seed, None, trace=asked.trace))
    seeds = seeds_of(asked.seeds)
    warm()
    began = time.monotonic()
    results = sweep(seeds, chunk=asked.chunk, mutant=asked.mutant)
    if asked.json:
        results.sort(key=lambda result: result.seed)
        sys.stdout.buffer.writelines(msgspec.json.encode(one) + b"\n" for one in results)
        return
    code = _report(results, time.monotonic() - began, shrinking=not asked.no_shrink)
    if asked.twice:
        code |= _twice(results, asked.twice)
    if asked.mutants:
        code |= _hunt()
    code |= _replay()
    sys.exit(code)


def _hunt() -> int:
    """Every planted bug must be found within its number of seeds."""
    missed = 0
    for name, (_, within) in mutants.MUTANTS.items():
        found = first_finding(name, range(1, within + 1))
        missed += found is None
        said = f"seed {found.seed}, {found.findings[0][:100]}" if found else f"NOT FOUND within {within} seeds"
        sys.stdout.write(f"planted: {name}: {said}\n")
        sys.stdout.flush()
    return 1 if missed else 0


def _replay() -> int:
    """Plans that once found a bug must find none."""
    failed = 0
    for path in sorted(PLANS.glob("*.json")):
        kept = read_plan(path)
        said = _alone(Job((kept["seed"],), tuple(kept["plan"])))
        if said[0].findings:
            failed += 1
            sys.stdout.write(f"{path.name}: {said[0].findings[0]}\n")
    return 1 if failed else 0


def _twice(results: Sequence[Result], count: int) -> int:
    sample = results[:: max(1, len(results) // count)][:count]
    again = under_other_hash_seed([one.seed for one in sample], "9")
    differing = [one.seed for one, other in zip(sample, again, strict=True) if one != other]
    sys.stdout.write(f"{len(sample)} seeds run twice, {len(differing)} differ {differing[:5]}\n")
    return 1 if differing else 0


def warm() -> None:
    """Import and compile once what every child needs, in the parent."""
    mutants.silence()
    simulate(0, ())
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    main()
