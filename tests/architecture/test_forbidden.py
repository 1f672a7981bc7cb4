"""The world is reached through ports only: what must not be called, and where the few exceptions live.

A hub must run in virtual time with one seed deciding everything. So nothing on its loop reads the clock, draws random
numbers, starts threads or iterates in an order that differs from run to run.
"""

import ast
from pathlib import Path
from typing import Final

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("contracts", "ledger", "adapters", "hub")

TIME: Final = frozenset(
    {
        *("time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter", "time.sleep"),
        *("time.perf_counter_ns", "time.localtime", "time.gmtime", "time.process_time", "datetime.datetime.now"),
        *("datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today"),
    }
)
CHANCE: Final = frozenset({"uuid.uuid1", "uuid.uuid4", "os.urandom", "os.getrandom"})
CHANCE_MODULES: Final = ("random.", "secrets.")
THREAD_MODULES: Final = ("threading.", "concurrent.futures.", "multiprocessing.", "_thread.", "queue.")
THREADS: Final = frozenset({"asyncio.to_thread", "asyncio.run_coroutine_threadsafe"})
ORDER: Final = frozenset({"asyncio.all_tasks", "asyncio.as_completed"})
METHODS: Final = frozenset(
    {"run_in_executor", "call_soon_threadsafe", "set_default_executor", "add_static", "FileResponse", "__del__"}
)

WORLD: Final = "hub/world.py"
ALLOWED: Final[dict[str, frozenset[str]]] = {
    WORLD: frozenset({"time.time_ns", "os.urandom"}),
    # the interface of eventsourcing is made for threads; library users call it off the loop, the hub never does
    "ledger/stores/recorder.py": frozenset({"threading.Event", "threading.RLock"}),
    "ledger/stores/postgres_recorder.py": frozenset({"threading.Event", "threading.Thread"}),
}
"""Files that may use some of what is forbidden elsewhere, and exactly what."""
PROGRAMS: Final[dict[str, str]] = {
    "hub/cli.py": "the program round the loop, not on it",
    "hub/commands/": "commands run in processes of their own, outside a hub",
    "adapters/sandbox/": "plays the remote parties, in a process of its own",
    "ledger/verifier/": "runs alone, without a hub",
}
"""Files that are not on a hub's loop, with the reason."""


def sources() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


class Scan(ast.NodeVisitor):
    """Finds uses of forbidden names, whatever they were imported as."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}
        self.found: list[tuple[int, str]] = []

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.known[alias.asname or alias.name.partition(".")[0]] = (
                alias.name if alias.asname else alias.name.partition(".")[0]
            )
            self._judge(node.lineno, f"{alias.name}.")

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            dotted = f"{node.module}.{alias.name}"
            self.known[alias.asname or alias.name] = dotted
            self._judge(node.lineno, dotted)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        dotted = self._dotted(node)
        if dotted:
            self._judge(node.lineno, dotted)
        if node.attr in METHODS:
            self.found.append((node.lineno, node.attr))
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        if node.name in METHODS:
            self.found.append((node.lineno, node.name))
        self.generic_visit(node)

    def visit_For(self, node: ast.For) -> None:
        self._iterated(node.iter)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        self._iterated(node.iter)
        self.generic_visit(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        takes_all = node.type is None or (isinstance(node.type, ast.Name) and node.type.id == "BaseException")
        if takes_all and not any(isinstance(inner, ast.Raise) for inner in ast.walk(node)):
            self.found.append((node.lineno, "except BaseException"))
        self.generic_visit(node)

    def _iterated(self, over: ast.expr) -> None:
        is_set = isinstance(over, ast.Set | ast.SetComp) or (
            isinstance(over, ast.Call) and isinstance(over.func, ast.Name) and over.func.id in {"set", "frozenset"}
        )
        if is_set:
            self.found.append((over.lineno, "iteration over a set"))

    def _dotted(self, node: ast.expr) -> str:
        if isinstance(node, ast.Name):
            return self.known.get(node.id, "")
        if isinstance(node, ast.Attribute):
            base = self._dotted(node.value)
            return f"{base}.{node.attr}" if base else ""
        return ""

    def _judge(self, line: int, dotted: str) -> None:
        if dotted in TIME | CHANCE | THREADS | ORDER or dotted.startswith((*CHANCE_MODULES, *THREAD_MODULES)):
            self.found.append((line, dotted.rstrip(".")))


def forbidden_in(text: str) -> list[tuple[int, str]]:
    scan = Scan()
    scan.visit(ast.parse(text))
    return sorted(set(scan.found))


def judged() -> list[Path]:
    return [path for path in sources() if not name_of(path).startswith(tuple(PROGRAMS))]


@pytest.mark.parametrize("path", judged(), ids=name_of)
def test_nothing_forbidden_is_used(path: Path) -> None:
    allowed = ALLOWED.get(name_of(path), frozenset())
    if path.name in {"simulator.py", "draws.py"}:  # faults of simulated parties are drawn from a seeded generator
        allowed = frozenset({"random", "random.Random"})
    found = [(line, what) for line, what in forbidden_in(path.read_text("utf-8")) if what not in allowed]
    assert not found, [f"{name_of(path)}:{line} {what}" for line, what in found]


@pytest.mark.parametrize("path", [path for path in sources() if name_of(path) != WORLD], ids=name_of)
def test_kernel_randomness_has_one_home(path: Path) -> None:
    found = [what for _, what in forbidden_in(path.read_text("utf-8")) if what in CHANCE or what.startswith("secrets")]
    assert not found


def test_every_exception_is_still_needed() -> None:
    for name, allowed in ALLOWED.items():
        used = {what for _, what in forbidden_in((ROOT / name).read_text("utf-8"))}
        assert used == allowed
    for name in PROGRAMS:
        assert (ROOT / name).exists()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("import time\ntime.time()", "time.time"),
        ("from time import time as now\nnow()", "time.time"),
        ("import datetime as d\nd.datetime.now()", "datetime.datetime.now"),
        ("from datetime import datetime\ndatetime.now()", "datetime.datetime.now"),
        ("import uuid\nx = uuid.uuid4", "uuid.uuid4"),
        ("from os import urandom", "os.urandom"),
        ("import random", "random"),
        ("from secrets import token_hex", "secrets.token_hex"),
        ("import threading", "threading"),
        ("from concurrent.futures import ThreadPoolExecutor", "concurrent.futures.ThreadPoolExecutor"),
        ("import asyncio\nasyncio.to_thread(f)", "asyncio.to_thread"),
        ("loop.run_in_executor(None, f)", "run_in_executor"),
        ("loop.call_soon_threadsafe(f)", "call_soon_threadsafe"),
        ("import asyncio\nasyncio.all_tasks()", "asyncio.all_tasks"),
        ("class A:\n def __del__(self): ...", "__del__"),
        ("try: ...\nexcept BaseException: ...", "except BaseException"),
        ("try: ...\nexcept: ...", "except BaseException"),
        ("for x in {1, 2}: ...", "iteration over a set"),
        ("[x for x in set(y)]", "iteration over a set"),
        ("web.FileResponse(p)", "FileResponse"),
    ],
)
def test_the_scan_sees_what_it_is_there_to_see(text: str, what: str) -> None:
    assert what in {found for _, found in forbidden_in(text)}


@pytest.mark.parametrize(
    "text",
    [
        "loop.time()",
        "clock.now()",
        "for x in sorted({1}): ...",
        "entropy.random()",
        "import time\ntime.strftime",
        "x in {1}",
    ],
)
def test_the_scan_lets_the_ports_pass(text: str) -> None:
    assert forbidden_in(text) == []
