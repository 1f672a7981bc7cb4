"""How findings are told."""

from typing import Any


class Report:
    """One line per check, in the order in which the checks were made; the first finding of a check is the one told."""

    def __init__(self, *checks: str) -> None:
        self._lines: dict[str, dict[str, Any]] = {}
        for check in checks:
            self._lines[check] = {"check": check, "code": "", "ok": True, "position": None, "detail": ""}

    def fail(self, check: str, code: str, detail: str, position: int | None = None) -> None:
        """Record that a check failed."""
        line = self._lines[check]
        if line["ok"]:
            line.update(ok=False, code=code, detail=detail, position=position)

    def note(self, check: str, detail: str) -> None:
        """Say what a passing check saw."""
        if self._lines[check]["ok"]:
            self._lines[check]["detail"] = detail

    def holds(self, check: str) -> bool:
        """Whether a check found nothing so far."""
        return bool(self._lines[check]["ok"])

    def result(self) -> dict[str, Any]:
        """The verdict."""
        return {"ok": all(line["ok"] for line in self._lines.values()), "checks": list(self._lines.values())}
