"""``--help`` stays fast because nothing heavy is imported before a command runs."""

import subprocess
import sys

import pytest

HEAVY = ("aiohttp", "apsw", "cryptography", "eventsourcing", "faust", "lxml", "structlog", "xmlschema")


@pytest.mark.parametrize(
    ("args", "heavy"),
    [
        (["--help"], (*HEAVY, "pydantic")),
        ([], (*HEAVY, "pydantic")),
        (["dossier", "--help"], HEAVY),  # typer itself looks for pydantic when it builds a command
        (["serve", "--help"], HEAVY),
    ],
)
def test_help_imports_nothing_heavy(args: list[str], heavy: tuple[str, ...]) -> None:
    script = (
        f"import sys; sys.argv = ['lienthong', *{args!r}]\n"
        "from lienthong import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False, text=True)
    assert "Usage: " in done.stdout + done.stderr
    assert done.stderr.splitlines()[-1] == "[]"
