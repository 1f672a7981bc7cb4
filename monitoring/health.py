"""Whether the program lives and whether it should get work.

Liveness asks only the process itself; readiness asks everything the hub owns (store, keys, disk, clock). Parties and
targets never make the hub unready: their failures are their own. A check is a function that returns "" when all is
well, else the reason in a few words; it must be cheap and must not wait.
"""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, TypeAlias

Check: TypeAlias = Callable[[], str]


class Result(NamedTuple):
    """The answer of one check."""

    name: str
    reason: str

    @property
    def ok(self) -> bool:
        """Whether the check passed."""
        return not self.reason


class Report(NamedTuple):
    """The answers of all checks, in the order they were added."""

    results: tuple[Result, ...]

    @property
    def ok(self) -> bool:
        """Whether every check passed."""
        return all(result.ok for result in self.results)

    def text(self, *, verbose: bool) -> str:
        """``ok`` or ``failed``; with ``verbose``, or on failure, a line for each check before it."""
        lines = [
            f"[+]{result.name} ok" if result.ok else f"[-]{result.name} failed: {result.reason}"
            for result in self.results
            if verbose or not result.ok
        ]
        return "\n".join([*lines, "ok" if self.ok else "failed"]) + "\n"


class Health:
    """The checks of one hub by name. Until ``started`` and after ``drain`` the hub is not ready."""

    def __init__(self) -> None:
        self._checks: Final[dict[str, Check]] = {}
        self._live: Final[dict[str, Check]] = {}
        self._state = "starting"

    def add(self, name: str, check: Check) -> None:
        """Ask ``check`` for readiness under this name; a name used twice is a mistake of ours (ValueError)."""
        _add(self._checks, name, check)

    def add_liveness(self, name: str, check: Check) -> None:
        """Ask ``check`` for liveness too: only what a restart would mend."""
        _add(self._live, name, check)

    def started(self) -> None:
        """Everything is open; readiness depends on the checks from now on."""
        self._state = ""

    def drain(self) -> None:
        """The hub is stopping: not ready, still alive."""
        self._state = "shutting down"

    def livez(self) -> Report:
        """Whether the process should go on."""
        return _ask([("process", lambda: ""), *self._live.items()])

    def readyz(self) -> Report:
        """Whether the hub should get work."""
        return _ask([("lifecycle", lambda: self._state), *self._live.items(), *self._checks.items()])


def _add(checks: dict[str, Check], name: str, check: Check) -> None:
    if name in checks:
        raise ValueError(f"there is a check {name!r} already")
    checks[name] = check


def _ask(checks: Iterable[tuple[str, Check]]) -> Report:
    results = []
    for name, check in checks:
        try:
            reason = check()
        except Exception as error:  # noqa: BLE001  # a check that fails is a failed check, whatever the error
            reason = type(error).__name__
        results.append(Result(name, reason))
    return Report(tuple(results))
