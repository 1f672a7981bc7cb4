"""Import every module by itself and say which ones fail or do something to the world while being imported.

Third-party libraries are loaded first; then each module is imported in a forked child that has none of ours, under
an audit hook. Prints one JSON object: module → what went wrong.
"""

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("contracts", "monitoring", "ledger", "adapters", "hub")
LIBRARIES = (
    *("aiohttp.web", "apsw", "cryptography.hazmat.primitives.asymmetric.ed25519", "eventsourcing.persistence"),
    *("jsonschema_rs", "lxml.etree", "msgspec", "prometheus_client", "pydantic", "rich.console", "structlog", "typer"),
    *("uvloop", "xmlschema", "asyncio", "csv", "json", "ssl", "tomllib", "importlib.resources"),
)
TOUCHES = (
    *("os.putenv", "os.unsetenv", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chdir", "os.fork", "os.system"),
    *("socket.bind", "socket.connect", "socket.getaddrinfo", "subprocess.Popen", "_thread.start_new_thread"),
    *("sqlite3.connect", "shutil.copyfile"),
)
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC


def modules() -> list[str]:
    found = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return [name for name in found if not name.endswith("__main__")]


def imported_alone(name: str) -> str:
    """Import in this process and return what was wrong, "" when nothing was."""
    wrong: list[str] = []
    before = dict(os.environ)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in TOUCHES or (event == "open" and len(arguments) > 2 and (arguments[2] or 0) & WRITING):
            wrong.append(f"{event}{arguments!r}")

    sys.addaudithook(hook)
    try:
        importlib.import_module(name)
    except BaseException as error:  # noqa: BLE001  # a module that exits is a finding too
        return f"{type(error).__name__}: {error}"
    if dict(os.environ) != before:
        wrong.append("the environment was changed")
    return "; ".join(wrong)


def main() -> None:
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(ROOT))
    for library in LIBRARIES:
        importlib.import_module(library)
    ours = [name for name in sys.modules if name.partition(".")[0] in PACKAGES]
    report: dict[str, str] = {"": f"loaded by a library: {ours}"} if ours else {}
    for name in modules():
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            os.write(writing, imported_alone(name).encode()[:4_000])
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            wrong = pipe.read().decode("utf-8", "replace")
        _, status = os.waitpid(child, 0)
        if wrong or status:
            report[name] = wrong or f"the interpreter died with status {status}"
    sys.stdout.write(json.dumps({"modules": len(modules()), "wrong": report}))


if __name__ == "__main__":
    main()
