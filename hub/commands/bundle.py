"""``lienthong bundle``: create, verify, view."""

import csv
import io
import logging
import re
from base64 import b64decode
from importlib.util import find_spec
from pathlib import Path

from contracts.errors import IntegrityViolation
from hub.commands.asking import ask
from hub.commands.output import emit_table, say
from ledger.bundle import pack
from ledger.verifier.__main__ import main
from ledger.verifier.archive import MANIFEST, read_archive
from ledger.verifier.note import Untrusted


def create(config: str, *, code: str, out: Path | None) -> None:
    """Write a bundle; with the extra for documents the report is there as PDF too."""
    answer = ask(config, "bundle.create", {"code": code})
    content = _with_pdf(b64decode(answer["bundle"]))
    target = out or Path(re.sub(r"[^A-Za-z0-9._-]", "_", code) + ".asice")
    target.write_bytes(content)
    say(f"{target}: {len(content)} bytes")


def _with_pdf(content: bytes) -> bytes:
    if find_spec("weasyprint") is None:
        return content
    logging.getLogger("weasyprint").setLevel(logging.ERROR)  # it warns of its own future at every page
    from weasyprint import HTML  # an extra, and slow to import

    files = read_archive(content)
    page = HTML(string=files["report.html"].decode()).write_pdf()
    kept = {path: one for path, one in files.items() if path not in {"mimetype", MANIFEST}}
    return pack({**kept, "report.pdf": page})


def verify(file: Path, *, trust: Path, tsa: Path | None, as_json: bool) -> int:
    """Judge a bundle as the one-file verifier does; returns the exit code."""
    arguments = [str(file), "--trust", str(trust)]
    arguments += ["--tsa", str(tsa)] if tsa is not None else []
    return main([*arguments, "--json"] if as_json else arguments)


def view(file: Path) -> None:
    """The timeline of a bundle, unjudged."""
    try:
        files = read_archive(file.read_bytes())
        rows = list(csv.DictReader(io.StringIO(files["timeline.csv"].decode())))
    except (Untrusted, KeyError, ValueError) as error:
        raise IntegrityViolation("ledger.corrupt", f"{file}: {error}") from error
    emit_table(("position", "recorded_at", "business_time", "type", "party"), rows)
