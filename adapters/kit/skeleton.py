"""A new adapter to begin with: a package of its own that works, is tested, and is changed file by file."""

import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from adapters.registry import BUILT_IN
from contracts.errors import Misconfigured

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_SUFFIX: Final = ".tmpl"


def scaffold(name: str) -> dict[str, str]:
    """The files of a new adapter distribution by relative path, for whoever writes them to disk.

    Raises:
        Misconfigured: ``config.invalid`` when the name is not a plain lower-case word (letters, digits, single
            underscores; at most 40) or belongs to a built-in adapter.
    """
    if not _NAME.fullmatch(name) or len(name) > 40:  # noqa: PLR2004  # as long as a party's id may be
        raise Misconfigured("config.invalid", f"{name!r} is not a plain lower-case word", name="adapter name")
    if name in BUILT_IN:
        raise Misconfigured("config.invalid", f"{name!r} is a built-in adapter", name="adapter name")
    words = {
        "name": name,
        "dashed": name.replace("_", "-"),
        "class": "".join(part.capitalize() for part in name.split("_")),
    }
    template = files("adapters.kit") / "template"
    return {_filled(path, words): _filled(text, words) for path, text in _texts(template, "")}


def _texts(place: Traversable, path: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for entry in sorted(place.iterdir(), key=lambda one: one.name):
        if entry.is_dir():
            folder = "lienthong_@name@" if entry.name == "package" else entry.name
            found += _texts(entry, f"{path}{folder}/")
        elif entry.name.endswith(_SUFFIX):
            found.append((path + entry.name.removesuffix(_SUFFIX), entry.read_text("utf-8")))
    return found


def _filled(text: str, words: dict[str, str]) -> str:
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    return text
