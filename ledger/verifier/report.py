"""How findings are told."""

from typing import Any


class Report:
    """One line per check, in the order in which the checks were made; the first finding of a check is the one told."""

    def __init__(self, *checks: str) -> None:
        self._lines: dict[str, dict[str, Any]] = {}
        for check in checks:
            self.open(check)

    def open(self, check: str) -> dict[str, Any]:
        """The line of a check, which passes until something is found."""
        line = {"check": check, "code": "", "ok": True, "position": None, "detail": ""}
        return self._lines.setdefault(check, line)

    def fail(self, check: str, code: str, detail: str, position: int | None = None) -> None:
        """Record that a check failed."""
        line = self.open(check)
        if line["ok"]:
            line.update(ok=False, code=code, detail=detail, position=position)

    def note(self, check: str, detail: str) -> None:
        """Say what a passing check saw."""
        line = self.open(check)
        if line["ok"]:
            line["detail"] = detail

    def holds(self, check: str) -> bool:
        """Whether a check found nothing so far."""
        return bool(self._lines[check]["ok"])

    def result(self) -> dict[str, Any]:
        """The verdict."""
        return {"ok": all(line["ok"] for line in self._lines.values()), "checks": list(self._lines.values())}
