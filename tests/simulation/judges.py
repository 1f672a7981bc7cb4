"""What must be true at the end of every world, whatever happened in it."""

import base64
import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import apsw
import msgspec

from contracts.errors import IntegrityViolation
from hub.views.schema import SCHEMA, VERSION
from hub.views.views import Views
from hub.wiring import Hub
from ledger.events import KeyAdded, MessageAccepted
from ledger.stores.views_store import ViewsStore
from ledger.verifier import verify_log, verify_message, verify_proof
from tests.integration.served import judged

if TYPE_CHECKING:
    from tests.simulation.world import SimWorld

_ROW_TIMES: Final = {"portal": "ThoiDiemXuLy", "opencps": "DateCreated"}
_NEW: Final = frozenset({"applied", "questioned", "parked"})
_PERSONAL: Final = ("Mẫu".encode(), b"M\\u1eabu", b"H99-", b"H98-", b"G15-", b"@example")


async def judge(world: "SimWorld") -> None:
    """Every judge over one settled world; findings are added to the world's."""
    hub = world.hub
    findings = world.findings
    findings += [f"promise: refused {one}" for one in world.parties.refused]
    findings += promise(world, hub)
    findings += [f"parties: {one.party} {one.code} {one.what} {one.detail}" for one in await judged_parties(world, hub)]
    findings += order(world, hub)
    findings += pulled(world, hub)
    findings += log(world, hub)
    findings += receipts(world, hub)
    findings += await views(hub)
    findings += await first_receipts(world)
    world.final = (hub.ledger.root_hash.hex(), hub.ledger.committed)


async def judged_parties(world: "SimWorld", hub: Hub) -> Any:
    """Every party holds exactly what the log says."""
    return await judged(hub, world.parties.stage.holdings())


def promise(world: "SimWorld", hub: Hub) -> list[str]:
    """What was answered is on the log once, with its bytes; what was sent twice had one effect."""
    accepted = _messages(hub)
    found = []
    ids = Counter(event.message_id for _, event in accepted)
    digests = {event.message_id: hashlib.sha256(hub.ledger.raw_message(at)).hexdigest() for at, event in accepted}
    found += [f"promise: message {name} is on the log {count} times" for name, count in ids.items() if count > 1]
    for noting in world.parties.notings:
        for message_id, digest in noting.answered.items():
            if message_id not in ids:
                found.append(f"promise: answered message {message_id} is lost")
            elif digests[message_id] != digest:
                found.append(f"promise: answered message {message_id} has other bytes")
    effects = Counter(
        digests[event.message_id] for _, event in accepted if any(item.state in _NEW for item in event.items)
    )
    found += [f"promise: {count} effects of one message {name[:12]}" for name, count in effects.items() if count > 1]
    return found


def pulled(world: "SimWorld", hub: Hub) -> list[str]:
    """What the civil-status service handed out and heard acknowledged is known to the hub."""
    waiting = world.parties.stage.simulators["civil_status"].waiting()
    handed = [code for code in world.parties.enqueued if code not in waiting]
    return [f"promise: pulled {code} is lost" for code in handed if not hub.views.find(code)]


def order(world: "SimWorld", hub: Hub) -> list[str]:
    """Rows of one dossier reach a target in the order of the log: a late one may come later, none sooner."""
    found = []
    for name, members in _ROW_TIMES.items():
        for code, held in world.parties.stage.simulators[name].holdings().items():
            rows = list({msgspec.json.encode(row): row for row in held["rows"]}.values())
            times = [str(row[members]) for row in rows]
            if times != sorted(times):
                found.append(f"order: rows of {code} at {name}: {times}")
    return found


def _messages(hub: Hub) -> list[tuple[int, MessageAccepted]]:
    found = []
    after = 0
    while entries := hub.ledger.read(after, 1_000):
        after = entries[-1].position
        found += [(one.position, one.event) for one in entries if isinstance(one.event, MessageAccepted)]
    return found


def _vkeys(hub: Hub) -> list[str]:
    return [one.event.vkey for one in hub.ledger.read(0, 16) if isinstance(one.event, KeyAdded)]


def log(world: "SimWorld", hub: Hub) -> list[str]:
    """The log verifies against every checkpoint that was ever handed out, and names nobody."""
    store = hub.ledger._chain.store
    leaves: list[tuple[int, bytes]] = []
    while rows := store.events(len(leaves), 2_000):
        leaves += [(row.position, row.leaf) for row in rows]
    handed = sorted((int(note.split("\n")[1]), note) for note in world.parties.checkpoints)
    verdict = verify_log(leaves, hub.ledger.checkpoint(), _vkeys(hub), handed)
    found = [f"log: {check['code']} {check['detail']}" for check in verdict["checks"] if not check["ok"]]
    joined = b"\n".join(leaf for _, leaf in leaves)
    found += [f"personal: {word!r} in a leaf" for word in _PERSONAL if word in joined]
    return found


def receipts(world: "SimWorld", hub: Hub) -> list[str]:
    """Receipts handed out prove what they say with nothing but the trusted key; one of a world is judged whole."""
    vkeys = _vkeys(hub)
    found = []
    every = [one for noting in world.parties.notings for one in noting.receipts.items()]
    for key, (body, told) in every[-2:]:
        leaf = base64.b64decode(told["leaf"])
        if not verify_proof(told["proof"], leaf, vkeys)["ok"]:
            found.append(f"receipt: the proof of {key} does not hold")
        if not verify_message(leaf, told["opening"], body)["ok"]:
            found.append(f"receipt: the message of {key} is another")
    return found


async def views(hub: Hub) -> list[str]:
    """The read models are what a rebuild from the log gives."""
    again = Views(
        ViewsStore(":memory:", schema=SCHEMA, version=VERSION),
        ledger=hub.ledger,
        dossiers=hub.dossiers,
        origin=hub.settings.ledger.origin,
    )
    await again.catch_up()
    found = [
        f"views: table {table} is not what a rebuild gives"
        for table, rows in again.content().items()
        if rows != hub.views.content()[table]
    ]
    again.close()
    return found


async def first_receipts(world: "SimWorld") -> list[str]:
    """A message sent once more in the last life is answered with its first receipt."""
    for noting in world.parties.notings:
        for key, (body, _) in list(noting.receipts.items())[:1]:
            told = await world.parties.keyed(noting, key, body)
            if not told.get("duplicate"):
                return [f"promise: {key} was taken a second time"]
    return []


def leaks(world: "SimWorld") -> list[str]:
    """After an orderly stop nothing of the hub is left: no connection, no lock, no task."""
    found = []
    mine = [
        one
        for one in world.loop.network.transports
        if one.node is not None and one.node.name == "hub" and one.node.alive
    ]
    if mine:
        found.append(f"leak: {len(mine)} connections")
    if world.disk.locked:
        found.append(f"leak: locks {sorted(world.disk.locked)}")
    found += [
        f"loop: {context.get('message')} {context.get('exception')!r}"
        for context in world.loop.errors
        if not isinstance(context.get("exception"), apsw.Error | OSError | IntegrityViolation)
    ]
    return found


def root_of(world: "SimWorld") -> str:
    """The Merkle root at the end, "" when there is none."""
    return world.final[0]


def size_of(world: "SimWorld") -> int:
    """The log's size at the end."""
    return world.final[1]
