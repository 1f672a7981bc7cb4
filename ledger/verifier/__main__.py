"""``python lienthong-verify.pyz``: a bundle, a directory of tiles, a live log or receipts, judged without the hub."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from ledger.verifier.bundle import verify_bundle
from ledger.verifier.policy import Trust
from ledger.verifier.source import verify_source
from ledger.verifier.tiles import Fetch, verify_tiles

EXIT_OK, EXIT_USAGE, EXIT_FINDING = 0, 2, 3
_MOST_BYTES = 64 * 1024 * 1024
_WAIT_S = 30


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge what the command line names; returns the exit code."""
    parser = argparse.ArgumentParser(prog="lienthong-verify", description=__doc__)
    parser.add_argument("bundle", nargs="?", help="a bundle of evidence")
    parser.add_argument("--trust", required=True, help="trust file: log keys, witnesses, quorum (C2SP tlog-policy)")
    parser.add_argument("--tsa", help="certificates of time stamping authorities, PEM")
    parser.add_argument("--log", help="directory of C2SP tlog-tiles, or the http(s) address of a live log")
    parser.add_argument("--foreign", action="store_true", help="another log than a hub's: judge the tree alone")
    parser.add_argument("--first", type=int, default=0, help="entries below this index were pruned under a policy")
    parser.add_argument("--fresh-since", default="", help="the newest leaf may not be older, RFC 3339 UTC")
    parser.add_argument("--known", action="append", default=[], help="a checkpoint that was kept; may be repeated")
    parser.add_argument("--receipt", action="append", default=[], help="a receipt that was kept; may be repeated")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    given = parser.parse_args(arguments)
    if not (given.bundle or given.log or given.receipt):
        parser.error("name a bundle, --log or --receipt")
    try:
        result = _judged(given)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"lienthong-verify: {error}\n")
        return EXIT_USAGE
    _tell(result, as_json=given.json)
    return EXIT_OK if result["ok"] else EXIT_FINDING


def _judged(given: argparse.Namespace) -> dict[str, Any]:
    trust = Path(given.trust).read_text("utf-8")
    if given.bundle:
        beside = Path(given.trust).parent / "trust-tsa.pem"
        pem = Path(given.tsa) if given.tsa else beside if beside.is_file() else None
        return verify_bundle(Path(given.bundle).read_bytes(), trust, b"" if pem is None else pem.read_bytes())
    receipts = [json.loads(Path(path).read_text("utf-8")) for path in given.receipt]
    if not given.log:
        return verify_source(receipts, [key.text for key in Trust(trust).logs])
    known = [Path(path).read_text("utf-8") for path in given.known]
    fetch = _online(given.log) if urlsplit(given.log).scheme in {"http", "https"} else _offline(Path(given.log))
    return verify_tiles(
        fetch,
        trust,
        first=given.first,
        foreign=given.foreign,
        fresh_since=given.fresh_since,
        known=known,
        receipts=receipts,
    )


def _offline(root: Path) -> Fetch:
    def fetch(path: str) -> bytes | None:
        try:
            return (root / path).read_bytes()
        except FileNotFoundError:
            return None

    return fetch


def _online(address: str) -> Fetch:
    def fetch(path: str) -> bytes | None:
        try:
            with urlopen(f"{address.rstrip('/')}/{path}", timeout=_WAIT_S) as answer:  # noqa: S310  # http or https
                content: bytes = answer.read(_MOST_BYTES)
                return content
        except URLError as error:
            if getattr(error, "code", 0) == 404:  # noqa: PLR2004  # not found
                return None
            raise

    return fetch


def _tell(result: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
        return
    for line in result["checks"]:
        where = "" if line["position"] is None else f" position {line['position']}"
        verdict = "ok  " if line["ok"] else "FAIL"
        sys.stdout.write(f"{verdict} {line['check']:<12} {line['code']}{where} {line['detail']}".rstrip() + "\n")
    for item in result.get("items", []):
        sys.stdout.write(f"     {item['verdict']:<12} {item['item']}\n")
    sys.stdout.write("OK\n" if result["ok"] else "NOT OK\n")


if __name__ == "__main__":
    raise SystemExit(main())
