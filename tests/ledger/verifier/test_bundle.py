"""What must be caught from a bundle alone, each by its code, whoever forged it; and what must not be refused."""

from collections.abc import Callable
from typing import Any
from unicodedata import normalize

import pytest

from ledger.bundle import pack
from ledger.verifier import verify_bundle
from tests.ledger.verifier.forge import DOSSIER, GONE, KEYS, OTHER, Forge, second, signer

Spoil = Callable[[Forge], bytes]


def codes(content: bytes, trust: str) -> set[str]:
    return {check["code"] for check in verify_bundle(content, trust)["checks"] if not check["ok"]}


def edited(path: str, change: Callable[[bytes], bytes]) -> Spoil:
    """Somebody without keys changes one file, and lists it anew."""

    def spoil(forge: Forge) -> bytes:
        files = forge.forge()
        assert path in files
        return pack({**files, path: change(files[path])})

    return spoil


def without(*paths: str) -> Spoil:
    return lambda forge: pack({path: one for path, one in forge.forge().items() if path not in paths})


def told(position: int, **members: Any) -> Spoil:
    """Somebody with every key changes one leaf and signs everything anew."""

    def spoil(forge: Forge) -> bytes:
        forge.leaves[position - 1] |= members
        return forge.bundle()

    return spoil


def line_of(number: int, change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    def edit(content: bytes) -> bytes:
        lines = content.split(b"\n")
        lines[number] = change(lines[number])
        return b"\n".join(lines)

    return edit


def shorter(content: bytes) -> bytes:
    lines = content.split(b"\n")
    return b"\n".join([*lines[:2], *lines[3:]])


def longer(content: bytes) -> bytes:
    lines = content.split(b"\n")
    return b"\n".join([*lines[:3], lines[2], *lines[3:]])


def swapped(content: bytes) -> bytes:
    lines = content.split(b"\n")
    end = lines.index(b"")
    lines[end - 1], lines[end - 2] = lines[end - 2], lines[end - 1]
    return b"\n".join(lines)


def cut(forge: Forge) -> bytes:
    forge.shown = [2, 4, 6]
    return forge.bundle()


def gap(forge: Forge) -> bytes:
    forge.shown = [2, 6, 8]
    return forge.bundle()


def uncosigned(forge: Forge) -> bytes:
    return forge.bundle(witnessed=False)


def copied_cosignature(forge: Forge) -> bytes:
    other = Forge()
    other.write(OTHER, "dossier.submitted", {"x": 1})
    lines = other.note(other.entries()).split("\n")[-3:]
    files = forge.forge()
    note = files["checkpoint"].decode().split("\n")
    bad = "\n".join([*note[:-3], *lines])
    return pack({path: one.replace(files["checkpoint"], bad.encode()) for path, one in files.items()})


def unknown_authority(forge: Forge) -> bytes:
    forge.write(KEYS, "key.added", {"vkey": "mau.example/log+00000000+AAAA", "purpose": "source"}, kind="key")
    return forge.bundle()


def erased_but_open(forge: Forge) -> bytes:
    forge.write(GONE, "item.erased", {"stream": DOSSIER, "items": ["dossier"], "ground": "Mẫu"}, kind="erase")
    return forge.bundle()


def back_dated(forge: Forge) -> bytes:
    forge.anchor(1_000)
    forge.write(DOSSIER, "dossier.submitted", {"late": True})
    return pack(forge.with_consistency(forge.forge()))


def other_origin(forge: Forge) -> bytes:
    forge.log = signer("khac.example/log", 1)
    return forge.bundle()


TABLE: dict[str, tuple[Spoil, str]] = {
    "1 leaf byte": (edited("events/2.leaf", lambda one: one.replace(b"sv", b"sw")), "LEAF_HASH"),
    "6 payload": (edited("events/2.json", lambda one: one.replace(b"0", b"1")), "COMMITMENT"),
    "7 salts": (edited("events/2.salt", lambda one: one[:-1] + b"1"), "COMMITMENT"),
    "11 origin": (other_origin, "ORIGIN"),
    "12 zero": (edited("checkpoint", line_of(1, lambda one: b"0" + one)), "NOTE_FORMAT"),
    "12 crlf": (edited("checkpoint", lambda one: one.replace(b"\n", b"\r\n")), "NOTE_FORMAT"),
    "12 no newline": (edited("checkpoint", lambda one: one[:-1]), "NOTE_FORMAT"),
    "12 blank line": (edited("checkpoint", lambda one: one.replace(b"\n\n", b"\n\n\n")), "NOTE_FORMAT"),
    "12 origin twice": (edited("checkpoint", line_of(0, lambda one: one + b"\n" + one)), "NOTE_FORMAT"),
    "13 signature": (edited("checkpoint", line_of(4, lambda one: one[:-6] + b"AAAA==")), "NOTE_SIGNATURE"),
    "14 cosignature": (copied_cosignature, "COSIGNATURE"),
    "16 index": (edited("events/2.proof", line_of(1, lambda _: b"index 2")), "INCLUSION"),
    "17 short": (edited("events/2.proof", shorter), "INCLUSION"),
    "17 long": (edited("events/2.proof", longer), "INCLUSION"),
    "17 swapped": (edited("events/2.proof", swapped), "INCLUSION"),
    "17 bit": (edited("events/2.proof", line_of(2, lambda one: bytes([one[0] ^ 1]) + one[1:])), "INCLUSION"),
    "18 uncosigned": (uncosigned, "QUORUM"),
    "19 suffix left out": (cut, "INCOMPLETE"),
    "20 middle left out": (gap, "CHAIN"),
    "21 fork": (told(4, rev=0), "STREAM_FORK"),
    "22 other stream": (told(4, prev="1" * 64), "CHAIN"),
    "23 back-dated": (back_dated, "TIME_BRACKET"),
    "24 time": (told(4, tr=second(0)), "TIME_ORDER"),
    "28 authority": (unknown_authority, "KEY_AUTHORITY"),
    "31 float": (told(4, msg=1.5), "CANONICAL"),
    "31 NFD": (told(4, src=normalize("NFD", "cầu")), "CANONICAL"),
    "32 kind": (told(4, k="moi"), "NOT_UNDERSTOOD"),
    "32 version": (told(4, v=2), "NOT_UNDERSTOOD"),
    "32 empty": (edited("events/2.leaf", lambda _: b""), "LEAF_FORMAT"),
    "32 long": (edited("events/2.leaf", lambda one: one + b" " * 65_536), "LEAF_FORMAT"),
    "33 opens still": (erased_but_open, "ERASE_INCOMPLETE"),
    "34 gone": (without("events/2.json", "events/2.salt"), "MISSING"),
}


@pytest.mark.parametrize("name", TABLE)
def test_every_mutation_is_caught_by_its_code(name: str) -> None:
    spoil, code = TABLE[name]
    forge = Forge()
    trust = forge.trust
    assert code in codes(spoil(forge), trust)


def test_the_honest_bundle_is_believed_and_so_is_an_honest_anchor() -> None:
    forge = Forge()
    assert codes(forge.bundle(), forge.trust) == set()
    forge.anchor(10)
    forge.write(DOSSIER, "dossier.submitted", {"late": True})
    assert codes(pack(forge.with_consistency(forge.forge())), forge.trust) == set()


def test_an_anchor_of_other_bytes_is_caught() -> None:
    forge = Forge()
    forge.anchor(10)
    files = forge.with_consistency(forge.forge())
    path = next(path for path in files if path.endswith(".cosig"))
    assert "TSA_IMPRINT" in codes(pack({**files, path: files[path] + b" "}), forge.trust)


def test_one_witness_under_two_names_does_not_count_twice() -> None:
    forge = Forge()
    line = next(line for line in forge.trust.split("\n") if line.startswith("witness w0"))
    assert codes(forge.bundle(), forge.trust.replace("witness w1", f"{line.replace('w0', 'w9')}\nwitness w1")) == {
        "QUORUM"
    }


def test_a_message_gone_under_an_erase_leaf_is_erased_and_no_fault() -> None:
    forge = Forge()
    forge.write(GONE, "item.erased", {"stream": DOSSIER, "items": ["dossier"], "ground": "Mẫu"}, kind="erase")
    gone = (".json", ".salt")
    files = {path: one for path, one in forge.forge().items() if not (path.startswith("events") and path[-5:] in gone)}
    result = verify_bundle(pack(files), forge.trust)
    assert result["ok"], result["checks"]
    assert {item["verdict"] for item in result["items"]} == {"erased"}


@pytest.mark.parametrize("lines", [1, 13])
def test_unknown_signature_lines_are_ignored(lines: int) -> None:
    forge = Forge()
    files = forge.forge()
    more = files["checkpoint"] + "".join(f"— la-{one} AAAAAAAAAAA=\n" for one in range(lines)).encode()
    spread = {path: one.replace(files["checkpoint"], more) for path, one in files.items()}
    assert codes(pack(spread), forge.trust) == set()
