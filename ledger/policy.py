"""C2SP tlog-policy: which logs are known, which witnesses, and how many of them make a checkpoint believed.

Read strictly: a public key may stand there once, whatever its name, and every witness or group counts in one group at
most, so that nobody counts twice. The text is the ``trust.txt`` of the hub. Source: C2SP tlog-policy.
"""

import re
from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from contracts.errors import Misconfigured
from ledger.cosignature import Cosignature, WitnessKey, parse_witness_key
from ledger.note import VerifierKey, parse_vkey

NONE: Final = "none"
MOST_LINES: Final = 1_024
_FORBIDDEN: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_COUNT: Final = re.compile(r"[1-9][0-9]{0,3}")


class KnownLog(msgspec.Struct, frozen=True):
    """A log by its key, with the address where it is served ("" when none is given)."""

    key: VerifierKey
    url: str = ""


class KnownWitness(msgspec.Struct, frozen=True):
    """A witness by the name the policy gives it, its key, and its submission prefix ("" when none is given)."""

    name: str
    key: WitnessKey
    url: str = ""


class Group(msgspec.Struct, frozen=True):
    """A group has seen a checkpoint when at least ``needed`` of its members (witnesses or groups, by name) have."""

    name: str
    needed: int
    members: tuple[str, ...]


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A trust policy. ``quorum`` names a witness or group, ``none`` asks for no cosignature."""

    logs: tuple[KnownLog, ...] = ()
    witnesses: tuple[KnownWitness, ...] = ()
    groups: tuple[Group, ...] = ()
    quorum: str = NONE

    @property
    def keys(self) -> tuple[WitnessKey, ...]:
        """The keys of all witnesses, in order."""
        return tuple(one.key for one in self.witnesses)

    def is_met(self, seen: Collection[WitnessKey]) -> bool:
        """Whether cosignatures of these keys satisfy the quorum."""
        keys = {key.public_key for key in seen}
        verdicts = {NONE: True} | {one.name: one.key.public_key in keys for one in self.witnesses}
        for group in self.groups:
            verdicts[group.name] = sum(verdicts[name] for name in group.members) >= group.needed
        return verdicts[self.quorum]

    def met_at(self, cosignatures: Sequence[Cosignature]) -> int | None:
        """The newest time (s) that a quorum had reached, None without one: the oldest of the newest that suffice."""
        for at_s in sorted({one.at_s for one in cosignatures}, reverse=True):
            if self.is_met([one.key for one in cosignatures if one.at_s >= at_s]):
                return at_s
        return None

    def text(self) -> str:
        """The policy as C2SP text."""
        lines = [f"log {_words(one.key.text(), one.url)}" for one in self.logs]
        lines += [f"witness {_words(one.name, one.key.text(), one.url)}" for one in self.witnesses]
        lines += [f"group {_words(one.name, str(one.needed), *one.members)}" for one in self.groups]
        return "".join(f"{line}\n" for line in (*lines, f"quorum {self.quorum}"))


def quorum_of(
    witnesses: Sequence[KnownWitness], needed: int, *, logs: Sequence[KnownLog] = (), group: str = "quorum"
) -> Policy:
    """The plain policy *``needed`` of these witnesses* (0 = all of them); without witnesses, none is asked for.

    Raises:
        Misconfigured: ``config.invalid`` for a key that stands there twice, or more needed than there are.
    """
    if not witnesses:
        return parse(Policy(logs=tuple(logs)).text())
    members = tuple(one.name for one in witnesses)
    whole = Group(group, needed or len(members), members)
    return parse(Policy(logs=tuple(logs), witnesses=tuple(witnesses), groups=(whole,), quorum=group).text())


def parse(text: str) -> Policy:
    """Read a policy.

    Raises:
        Misconfigured: ``config.invalid`` with the line and the rule it breaks.
    """
    reading = _Reading()
    lines = text.split("\n")
    if len(lines) > MOST_LINES:
        raise Misconfigured("config.invalid", f"more than {MOST_LINES} lines", name="policy")
    for number, line in enumerate(lines, 1):
        try:
            reading.take(line)
        except ValueError as error:
            raise Misconfigured("config.invalid", f"line {number}: {error}", name="policy") from error
    return reading.policy()


class _Reading:
    """The lines read so far. ValueError says which rule a line breaks."""

    def __init__(self) -> None:
        self._logs: list[KnownLog] = []
        self._witnesses: list[KnownWitness] = []
        self._groups: list[Group] = []
        self._free: dict[str, bool] = {}
        """Defined names, and whether each may still become a member."""
        self._quorum = ""

    def take(self, line: str) -> None:
        """Read one line."""
        if _FORBIDDEN.search(line):
            raise ValueError("a control character")
        words = re.split("[ \t]+", line.strip(" \t"))
        if words == [""] or words[0].startswith("#"):
            return
        read = {"log": self._log, "witness": self._witness, "group": self._group, "quorum": self._quorum_line}
        if words[0] not in read:
            raise ValueError(f"{words[0][:40]!r} is none of log, witness, group, quorum")
        read[words[0]](*words[1:])

    def policy(self) -> Policy:
        """What was read; a policy has exactly one quorum line."""
        if not self._quorum:
            raise Misconfigured("config.invalid", "there is no quorum line", name="policy")
        return Policy(
            logs=tuple(self._logs),
            witnesses=tuple(self._witnesses),
            groups=tuple(self._groups),
            quorum=self._quorum,
        )

    def _log(self, *words: str) -> None:
        if not 1 <= len(words) <= 2:  # noqa: PLR2004  # vkey [url]
            raise ValueError("a log line is: log <vkey> [<url>]")
        key = parse_vkey(words[0])
        if any(one.key.public_key == key.public_key for one in self._logs):
            raise ValueError(f"the key of {key.name} stands here twice")
        self._logs.append(KnownLog(key, *words[1:]))

    def _witness(self, *words: str) -> None:
        if not 2 <= len(words) <= 3:  # noqa: PLR2004  # name vkey [url]
            raise ValueError("a witness line is: witness <name> <vkey> [<url>]")
        key = parse_witness_key(words[1])
        if any(one.key.public_key == key.public_key for one in self._witnesses):
            raise ValueError(f"the key of {key.name} stands here twice: one witness counts once")
        self._define(words[0])
        self._witnesses.append(KnownWitness(words[0], key, *words[2:]))

    def _group(self, *words: str) -> None:
        if len(words) < 3:  # noqa: PLR2004  # name k member…
            raise ValueError("a group line is: group <name> <k|all|any> <name>…")
        name, needed, *members = words
        for member in members:
            if not self._free.get(member):
                known = "is a member already" if member in self._free else "is not defined above"
                raise ValueError(f"{member} {known}")
            self._free[member] = False
        count = {"all": len(members), "any": 1}.get(needed) or (int(needed) if _COUNT.fullmatch(needed) else 0)
        if not 1 <= count <= len(members):
            raise ValueError(f"{needed} of {len(members)} members can not be asked for")
        self._define(name)
        self._groups.append(Group(name, count, tuple(members)))

    def _quorum_line(self, *words: str) -> None:
        if self._quorum or len(words) != 1:
            raise ValueError("there is one quorum line: quorum <name|none>")
        if words[0] != NONE and words[0] not in self._free:
            raise ValueError(f"{words[0]} is not defined above")
        self._quorum = words[0]

    def _define(self, name: str) -> None:
        if name == NONE or name in self._free:
            raise ValueError(f"the name {name} is taken")
        self._free[name] = True


def _words(*words: str) -> str:
    return " ".join(word for word in words if word)
