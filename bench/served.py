"""A real hub in a process of its own: ``lienthong serve`` on one core, with one sending party and two targets.

The sender speaks the National Portal's dialect. Both targets are told everything: one in the portal's dialect, one in
OpenCPS's with arrays agreed. Nothing of the hub is configured otherwise than by default, except what names the parties
and the quota of the sender.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from bench import machine
from hub.api.access import issue, write_grants
from hub.world import DiskFiles, SystemEntropy

ORIGIN: Final = "lienthong.example/bench"
SENDER: Final = "cong-dvcqg"
PORTAL_TARGET: Final = "kho-du-lieu"
LGSP_TARGET: Final = "tinh-mau"
_CONFIG: Final = """\
[hub]
directory = "."
port = 0
ops_port = 0
[ledger]
origin = "{origin}"
[log]
level = "warning"
format = "json"
[[party]]
id = "{sender}"
adapter = "portal"
role = "portal"
national = true
quota_per_s = 1000000
quota_burst = 10000000
[[party]]
id = "{portal}"
adapter = "portal"
national = true
base_url = "http://127.0.0.1:{portal_port}"
username = "bench"
secret_file = "secrets/target"
agency = "000.00.00.H99"
[[party]]
id = "{lgsp}"
adapter = "opencps"
agencies = ["H99"]
base_url = "http://127.0.0.1:{lgsp_port}"
username = "bench"
secret_file = "secrets/target"
[party.profile.options]
sync_arrays = "true"
trace_arrays = "true"
[[route]]
from = "{sender}"
to = [{targets}]
"""
_PROFILED: Final = """\
import cProfile, sys
from lienthong import main
profile = cProfile.Profile()
try:
    profile.runcall(main)
finally:
    profile.dump_stats({path!r})
"""


def set_up(root: Path, *, portal_port: int, lgsp_port: int, deliver: bool = True) -> str:
    """Write configuration, secret and one bearer credential below ``root``; returns the sender's token."""
    root.mkdir(parents=True, exist_ok=True)
    config = _CONFIG.format(
        origin=ORIGIN,
        sender=SENDER,
        portal=PORTAL_TARGET,
        lgsp=LGSP_TARGET,
        portal_port=portal_port,
        lgsp_port=lgsp_port,
        targets=f'"{PORTAL_TARGET}", "{LGSP_TARGET}"',
    )
    if not deliver:
        config = config[: config.index("[[route]]")]
    (root / "lienthong.toml").write_text(config, "utf-8")
    files = DiskFiles(root)
    files.write_durable("secrets/target", b"bench", mode=0o600)
    issued = issue(SystemEntropy(), party=SENDER, role="party", kind="bearer", adapter="portal", agencies=("*",))
    write_grants(files, (issued.grant,))
    return issued.secret


class ServedHub:
    """One run of ``lienthong serve`` below ``root``, pinned to ``core``. Use as an asynchronous context manager.

    ``profile`` is the file that a run under cProfile leaves its statistics in ("": not profiled).
    """

    def __init__(self, root: Path, *, core: int = 0, profile: str = "") -> None:
        self._root = root
        self._core = core
        self._profile = profile
        self.start_s = 0.0
        """From starting the process to its readiness, interpreter and imports included."""

    async def __aenter__(self) -> Self:
        endpoints = self._root / "endpoints.json"
        endpoints.unlink(missing_ok=True)
        program = _PROFILED.format(path=self._profile) if self._profile else "from lienthong import main; main()"
        started = time.perf_counter()
        self._process = self._launch(program)
        while not endpoints.exists():
            if self._process.poll() is not None:
                raise RuntimeError((self._root / "hub.log").read_text("utf-8", "replace")[-4_000:])
            await asyncio.sleep(0.005)
        self.start_s = time.perf_counter() - started
        found = msgspec.json.decode(endpoints.read_bytes())
        self.base_url: str = found["base_url"]
        self.ops_url: str = found["ops_url"]
        self.port = int(self.base_url.rpartition(":")[2])
        return self

    def _launch(self, program: str) -> subprocess.Popen[bytes]:
        config = str(self._root / "lienthong.toml")
        with (self._root / "hub.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", program, "serve", "--config", config], stdout=subprocess.DEVNULL, stderr=log
            )
        machine.pin(self._core, process.pid)
        return process

    async def __aexit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        code = await asyncio.get_running_loop().run_in_executor(None, self._process.wait, 60)
        if code:
            raise RuntimeError((self._root / "hub.log").read_text("utf-8", "replace")[-4_000:])

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    async def metrics(self) -> "Scrape":
        """What the hub shows of itself now."""
        url = f"{self.ops_url}/metrics"

        def fetch() -> bytes:
            with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310  # our own loopback address
                return bytes(answer.read())

        return Scrape(await asyncio.get_running_loop().run_in_executor(None, fetch))


class Scrape:
    """One scrape of ``/metrics``: samples by name with labels."""

    def __init__(self, text: bytes) -> None:
        self.samples: dict[str, float] = {}
        for line in text.decode().splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                self.samples[name] = float(value)

    def total(self, name: str, *having: str) -> float:
        """The sum of a metric over all its labels that hold every text of ``having``."""
        return sum(
            value
            for key, value in self.samples.items()
            if key.partition("{")[0] == name and all(text in key for text in having)
        )

    def quantile(self, histogram: str, share: float, before: "Scrape | None" = None) -> float:
        """A quantile of a histogram over all its labels, by linear interpolation inside the bucket."""
        counts: dict[float, float] = {}
        for sign, scrape in ((1, self), (-1, before)):
            for key, value in scrape.samples.items() if scrape is not None else ():
                if key.startswith(histogram + "_bucket"):
                    bound = float(key.partition('le="')[2].partition('"')[0])
                    counts[bound] = counts.get(bound, 0.0) + sign * value
        bounds = sorted(counts)
        if not bounds or not counts[bounds[-1]]:
            return 0.0
        wanted = share * counts[bounds[-1]]
        lower = below = 0.0
        for bound in bounds:
            if counts[bound] >= wanted:
                if bound == float("inf"):
                    return lower
                inside = counts[bound] - below
                return lower + (bound - lower) * ((wanted - below) / inside if inside else 1.0)
            lower, below = bound, counts[bound]
        return lower


def disk_bytes(root: Path) -> dict[str, int]:
    """Bytes of every file below a hub's directory, by name; the many small files of the published log as one sum."""
    found: dict[str, int] = {}
    for path in sorted(root.rglob("*")):
        if path.is_file():
            name = str(path.relative_to(root))
            if name.startswith("log/"):
                name = "log/tile/entries/" if "entries/" in name else "log/"
            found[name] = found.get(name, 0) + path.stat().st_size
    return found


def parts_of_disk(root: Path) -> dict[str, int]:
    """Bytes of ``ledger.db`` by table and index (SQLite's own dbstat), for a hub that does not run."""
    import apsw

    connection = apsw.Connection(str(root / "ledger.db"), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        rows: Any = connection.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC").fetchall()
    except apsw.SQLError:
        return {}
    finally:
        connection.close()
    return {name: int(size) for name, size in rows}


def environment() -> dict[str, str]:
    """What of the environment could change the figures."""
    return {name: value for name, value in os.environ.items() if name.startswith(("LIENTHONG_", "PYTHON"))}
