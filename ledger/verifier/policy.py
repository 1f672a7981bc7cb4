"""The trust file: C2SP tlog-policy text. Which log keys, which witnesses, and how many of them are asked for."""

import re
from collections.abc import Collection
from typing import NamedTuple

from ledger.verifier.note import COSIGNATURE, ED25519, Checkpoint, Key, Untrusted, parse_checkpoint, read_key, signed_by

_NONE = "none"
_WORDS = {"log": (2, 3), "witness": (3, 4), "group": (4, 1_000), "quorum": (2, 2)}


class Seen(NamedTuple):
    """A believed checkpoint: the keys of the log that signed it, and when witnesses did (key text → seconds)."""

    checkpoint: Checkpoint
    signers: tuple[Key, ...]
    cosigned: dict[str, int]


class Trust:
    """What the reader of the evidence believes beforehand."""

    def __init__(self, text: str) -> None:
        """Untrusted by NOTE_FORMAT where the text breaks a rule, by QUORUM where somebody would count twice."""
        self.logs: list[Key] = []
        self._witnesses: dict[str, Key] = {}
        self._groups: dict[str, tuple[int, list[str]]] = {}
        self._members: dict[str, str] = {}
        self._quorum = ""
        self._seen: dict[str, Seen] = {}
        for number, line in enumerate(text.split("\n"), 1):
            words = line.split()
            if words and not words[0].startswith("#"):
                self._take(words, f"trust file, line {number}")
        if not self.logs:
            raise Untrusted("the trust file names no log")
        self._quorum = self._quorum or _NONE

    def _take(self, words: list[str], where: str) -> None:
        least, most = _WORDS.get(words[0], (0, 0))
        if not least <= len(words) <= most:
            raise Untrusted(f"{where}: not a line of a policy")
        if words[0] == "log":
            self._log(read_key(words[1]), where)
        elif words[0] == "witness":
            self._witness(words[1], read_key(words[2]), where)
        elif words[0] == "group":
            self._group(words, where)
        elif self._quorum or words[1] not in {_NONE, *self._witnesses, *self._groups}:
            raise Untrusted(f"{where}: there is one quorum line, and it names what stands above it")
        else:
            self._quorum = words[1]

    def _log(self, key: Key, where: str) -> None:
        if key.kind != ED25519 or any(one.public == key.public for one in self.logs):
            raise Untrusted(f"{where}: not the Ed25519 key of a log, or named twice")
        self.logs.append(key)

    def _witness(self, name: str, key: Key, where: str) -> None:
        if key.kind != COSIGNATURE:
            raise Untrusted(f"{where}: not the key of a witness")
        if any(one.public == key.public for one in self._witnesses.values()):
            raise Untrusted(f"{where}: one key under two names would count twice", "QUORUM")
        self._define(name, where)
        self._witnesses[name] = key

    def _group(self, words: list[str], where: str) -> None:
        name, needed, members = words[1], words[2], words[3:]
        for member in members:
            if member not in self._witnesses and member not in self._groups:
                raise Untrusted(f"{where}: {member} is not defined above")
            if member in self._members:
                raise Untrusted(f"{where}: {member} would count twice", "QUORUM")
            self._members[member] = name
        known = {"any": 1, "all": len(members)}
        count = known.get(needed) or (int(needed) if re.fullmatch(r"[1-9][0-9]{0,3}", needed) else 0)
        if not 1 <= count <= len(members):
            raise Untrusted(f"{where}: {needed} of {len(members)} can not be asked for")
        self._define(name, where)
        self._groups[name] = (count, members)

    def _define(self, name: str, where: str) -> None:
        if name == _NONE or name in self._witnesses or name in self._groups:
            raise Untrusted(f"{where}: the name {name} is taken")

    def witnesses(self) -> list[Key]:
        """The keys of all known witnesses."""
        return list(self._witnesses.values())

    def met_by(self, keys: Collection[bytes]) -> bool:
        """Whether these public keys of witnesses satisfy the quorum."""
        met = {_NONE: True} | {name: key.public in keys for name, key in self._witnesses.items()}
        for name, (needed, members) in self._groups.items():
            met[name] = sum(met[member] for member in members) >= needed
        return met[self._quorum]

    def keys_of(self, origin: str) -> list[Key]:
        """The log keys trusted for an origin."""
        return [key for key in self.logs if key.name == origin]

    def judge(self, note: str, *, origin: str = "", quorum: bool = True) -> Seen:
        """A checkpoint of a trusted log, of ``origin`` where given, with the asked-for cosignatures.

        Raises:
            Untrusted: NOTE_FORMAT, ORIGIN, NOTE_SIGNATURE, COSIGNATURE or QUORUM.
        """
        seen = self._seen.get(note)
        if seen is None:
            seen = self._seen[note] = self._judged(note)
        if origin and seen.checkpoint.origin != origin:
            raise Untrusted(f"the checkpoint is of {seen.checkpoint.origin}, not of {origin}", "ORIGIN")
        if quorum and not self.met_by({key.public for key in self._witnesses.values() if key.text in seen.cosigned}):
            raise Untrusted(f"{len(seen.cosigned)} cosignatures do not make the quorum", "QUORUM")
        return seen

    def _judged(self, note: str) -> Seen:
        found = parse_checkpoint(note)
        keys = self.keys_of(found.origin)
        if not keys:
            raise Untrusted(f"{found.origin} is not a trusted log", "ORIGIN")
        signers = signed_by(found.text, found.signatures, keys, "NOTE_SIGNATURE")
        if not signers:
            raise Untrusted("no trusted key signed this", "NOTE_SIGNATURE")
        witnesses = list(self._witnesses.values())
        cosigned = signed_by(found.text, found.signatures, witnesses, "COSIGNATURE")
        return Seen(found, tuple(key for key, _ in signers), {key.text: at_s for key, at_s in cosigned})
