"""How fast a stranger judges: a whole published log in events per second and core, one bundle in milliseconds.

A hub inside this process takes packets and publishes; the verifier then reads its files. Processor time of one core;
the files are in memory, so that the disk is not measured.
"""

import base64
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import uvloop

from bench import machine
from bench.growth import PER_PACKET, packets
from bench.inside import InsideHub, push
from contracts.ports import Principal
from ledger.publication import Publication
from ledger.verifier import verify_bundle, verify_tiles

AIM_EVENTS_PER_S: Final = 100_000
AIM_BUNDLE_MS: Final = 50
_LOCAL: Final = Principal(party="bench", role="admin")
_TURNS: Final = 5


def run(*, quick: bool) -> list[dict[str, Any]]:
    """Judge one log and one bundle."""
    machine.pin(0)
    return uvloop.run(_judge(20_000 if quick else 200_000))


async def _judge(events: int) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as place:
        root = Path(place)
        async with InsideHub(root, deliver=False) as inside:
            hub = inside.hub
            await push(inside, tuple(packets(0, events // PER_PACKET * PER_PACKET)), at_once=4)
            await hub.views.catch_up()
            heads = hub.heads
            vkeys = [hub.ledger.vkey, *([heads.heads.vkey] if heads is not None else [])]
            trust = "".join(f"log {vkey}\n" for vkey in vkeys) + "quorum none\n"
            published = Publication(hub.world.files, hub.ledger.tree())
            published.open()
            for _ in published.steps():
                pass
            page = await hub.views.search("", limit=1)
            answer = await hub.admin.run(_LOCAL, "bundle.create", {"code": page.dossiers[0].code})
            size = published.size
        log = root / "log"
        files = {str(path.relative_to(log)): path.read_bytes() for path in log.rglob("*") if path.is_file()}
    content = base64.b64decode(answer["bundle"])
    audits = [_timed(lambda: verify_tiles(files.get, trust)) for _ in range(_TURNS)]
    bundles = [_timed(lambda: verify_bundle(content, trust)) for _ in range(_TURNS * 4)]
    rate, ms = size / statistics.median(audits), 1_000 * statistics.median(bundles)
    return [
        {
            "case": "audit",
            "events": size,
            "events_per_s": round(rate),
            "aim": AIM_EVENTS_PER_S,
            "met": rate >= AIM_EVENTS_PER_S,
        },
        {"case": "bundle", "bytes": len(content), "ms": round(ms, 2), "aim": AIM_BUNDLE_MS, "met": ms < AIM_BUNDLE_MS},
    ]


def _timed(judge: Any) -> float:
    start = time.process_time()
    result = judge()
    took = time.process_time() - start
    if not result["ok"]:
        raise RuntimeError(f"not believed: {[check for check in result['checks'] if not check['ok']]}")
    return took
