"""Bundles of evidence out of a hub: for whom, under which checkpoint, and that it was handed over."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final

from contracts.errors import HubError, MessageRefused, Misconfigured
from contracts.facts import AliasLinked
from contracts.ports import Adapter, Files, Principal
from hub.api.sight import Sight
from hub.evidence_report import Heading, howto, report, timeline
from hub.jobs.heads import HeadsJob
from hub.jobs.witness import COSIGNED_FILE
from hub.lanes.scribe import salt_of
from hub.settings import TRUST_FILE
from hub.views.views import Views
from ledger import checkpoint, leaf
from ledger.bundle import Bundler, Subject, pack
from ledger.events import FactRecorded, SyncConfirmed, SyncRefused
from ledger.port import Entry
from ledger.writer import Writer

_PATIENCE_S: Final = 10.0
_LOOK_S: Final = 0.25


class EvidenceMaker:
    """Makes bundles for the auditors, operators and parties of one hub."""

    def __init__(  # everything a bundle tells of comes in here, by name
        self,
        *,
        ledger: Writer,
        heads: HeadsJob | None,
        files: Files,
        sight: Sight,
        views: Views,
        adapters: Mapping[str, Adapter],
        witnessed: bool,
    ) -> None:
        """``witnessed``: the trust file asks for witnesses, so evidence waits a moment for their signatures."""
        self._ledger = ledger
        self._heads = heads
        self._files = files
        self._sight = sight
        self._views = views
        self._adapters = adapters
        self._witnessed = witnessed
        self._one = asyncio.Lock()

    async def command(self, principal: Principal, values: Mapping[str, Any]) -> dict[str, str]:
        """``bundle.create``: the bundle in base64."""
        code = values.get("code")
        if not isinstance(code, str) or not code:
            raise MessageRefused("query.invalid", name="code")
        content = await self.bundle(principal, code)
        return {"code": code, "bundle": b64encode(content).decode("ascii")}

    async def bundle(self, principal: Principal, code: str) -> bytes:
        """The bundle of a dossier; on the log as handed over before it is.

        Raises:
            MessageRefused: ``query.not_found`` also for what does not concern the caller.
            HubError: ``vault.erased`` for an erased dossier, asked for by its stream.
            Misconfigured: ``config.missing`` where the hub keeps no map of heads, without which nothing is complete.
        """
        if self._heads is None:
            raise Misconfigured("config.missing", "evidence needs the map of heads", name="heads.enabled")
        state = await self._sight.open(principal, code, "bundle")
        async with self._one:
            await self._heads.force()
            note = await self._note(self._heads.heads.input_size)
            entries = self._entries(state.stream)
            streams = tuple(dict.fromkeys([state.stream, *[entry.stream for entry in entries]]))
            bundler = Bundler(self._ledger, self._heads.heads, self._files, note)
            subject = Subject(
                code=state.code,
                streams=streams,
                aliases=tuple(state.aliases),
                hides=_hiding(principal),
                **self._outcomes(streams),
            )
            trust = self._trust()
            files = await bundler.build(subject, trust, lambda: asyncio.sleep(0))
            self._add_pages(files, state.code, tuple(state.aliases), entries)
            await asyncio.sleep(0)
            return pack(files)

    def _trust(self) -> str:
        try:
            return self._files.read(TRUST_FILE).decode()
        except FileNotFoundError:
            heads = "" if self._heads is None else f"log {self._heads.heads.vkey}\n"
            return f"log {self._ledger.vkey}\n{heads}quorum none\n"

    def _entries(self, stream: bytes) -> list[Entry]:
        """The events of a dossier and of those that an alias joined to it, by position."""
        entries = self._ledger.read_stream(stream)
        joined: dict[bytes, None] = {}
        for entry in entries:
            event = entry.event
            if isinstance(event, FactRecorded) and isinstance(event.fact, AliasLinked) and event.fact.other_stream:
                joined[bytes.fromhex(event.fact.other_stream)] = None
        for other in joined:
            entries = [*entries, *self._ledger.read_stream(other)]
        return sorted(entries, key=_position)

    async def _note(self, needed: int) -> str:
        """The newest checkpoint over ``needed`` leaves: a cosigned one where witnesses are asked for and answer."""
        deadline = asyncio.get_running_loop().time() + (_PATIENCE_S if self._witnessed else 0)
        while True:
            try:
                note = self._files.read(COSIGNED_FILE).decode()
                if checkpoint.parse(note.rpartition("\n\n")[0] + "\n").size >= needed:
                    return note
            except FileNotFoundError:
                pass
            if asyncio.get_running_loop().time() >= deadline:
                return self._ledger.checkpoint()
            await asyncio.sleep(_LOOK_S)

    def _outcomes(self, streams: Sequence[bytes]) -> dict[str, Any]:
        """The newest outcome at every target, with the salt of this dossier's item in it."""
        found: dict[int, str] = {}
        for stream in streams:
            for sync in self._views.sync_of(stream).values():
                entries = self._ledger.read(sync.position - 1, 1) if sync.position else []
                event = entries[0].event if entries else None
                if isinstance(event, SyncConfirmed | SyncRefused) and event.batch_id:
                    found[sync.position] = self._salt(stream, event.batch_id)
        return {"outcomes": tuple(sorted(found)), "salts": found}

    def _salt(self, stream: bytes, batch_id: str) -> str:
        try:
            return salt_of(self._ledger, stream, batch_id).hex()
        except HubError:
            return ""  # erased: nobody can open the commitment any more

    def _add_pages(self, files: dict[str, bytes], code: str, aliases: tuple[str, ...], entries: list[Entry]) -> None:
        said = json.loads(files["dossier.json"])
        mappings = {name: adapter.mapping_hash() for name, adapter in self._adapters.items()}
        listed = {
            name: {"edition": adapter.edition, "mapping_hash": mappings[name]}
            for name, adapter in self._adapters.items()
        }
        files["adapters.json"] = json.dumps(listed, sort_keys=True, separators=(",", ":")).encode()
        heading = Heading(code, aliases, said["origin"], said["size"], tuple(sorted(mappings.items())))
        shown = [entry for entry in entries if entry.position <= said["size"]]
        files["timeline.csv"] = timeline(shown)
        files["report.html"] = report(heading, shown)
        leaves = {path: said["leaves"][_number(path)] for path in files if path.endswith(".leaf")}
        bodies = {
            path.removesuffix(".json"): _body(files[path.removesuffix("json") + "leaf"])
            for path in files
            if path.endswith(".json") and path.removesuffix("json") + "leaf" in files
        }
        files["HOWTO.txt"] = howto(said["origin"], leaves, bodies)


def _position(entry: Entry) -> int:
    return entry.position


def _number(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".leaf")


def _body(entry: bytes) -> str:
    return next(one.c for one in leaf.parse(entry).pc if one.r == "body")


def _hiding(principal: Principal) -> Any:
    """A party is not handed the messages of others, only what they led to."""

    def hides(party: str) -> bool:
        return principal.role == "party" and party != principal.party

    return hides
