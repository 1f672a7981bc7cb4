"""How commands print: data on stdout, notes on stderr, tables for people and JSON for programs."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

_PIPED_WIDTH: Final = 240
"""Columns of a table that no terminal folds: wide enough that lines stay lines."""


def emit_json(value: Any) -> None:
    """One JSON object (or array) and a newline on stdout."""
    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
    sys.stdout.flush()


def emit_lines(values: Iterable[Any]) -> None:
    """One JSON object per line on stdout."""
    for value in values:
        emit_json(value)


def emit_table(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """A table for people; plain when stdout is not a terminal or NO_COLOR is set."""
    from rich.console import Console  # rich is slow to import and --json never needs it
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row.get(column)) for column in columns))
    wide = None if sys.stdout.isatty() else _PIPED_WIDTH
    Console(file=sys.stdout, highlight=False, width=wide).print(table)


def say(text: str) -> None:
    """A note for people on stderr."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()
