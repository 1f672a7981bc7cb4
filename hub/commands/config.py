"""``lienthong config``: check, show, init."""

from collections.abc import Iterator
from pathlib import Path

from adapters import registry
from contracts.errors import Misconfigured
from hub.commands.locate import config_path, directory_of
from hub.commands.output import emit_json, say
from hub.settings import Settings, load

TEMPLATE = """\
# Cấu hình Liên Thông / configuration of Liên Thông. Every key has its default; an unknown key is an error.

[hub]
directory = ".lienthong/hub"        # databases, keys, credentials (mode 0700)
host = "127.0.0.1"
port = 8080                         # for users; 0 = any free one
ops_host = "127.0.0.1"
ops_port = 9100                     # /metrics /livez /readyz

[ledger]
origin = "lienthong.example/log"    # C2SP name of the log; never changes once the log has begun

# One table per connected system. Credentials are issued by `lienthong party add ID --kind bearer|mapi|path`.
[[party]]
id = "mot-cua-tinh-mau"
adapter = "opencps"
name = "Một cửa tỉnh Mẫu"
agencies = ["H99"]

[[party]]
id = "cong-quoc-gia"
adapter = "portal"
name = "Cổng Dịch vụ công quốc gia"
role = "portal"                     # agency | portal | platform
national = true
base_url = "http://127.0.0.1:8181"  # what is due is sent here
username = "lienthong"
secret_file = "secrets/cong-quoc-gia"  # below the directory, mode 0600, holds the password only
agency = "000.00.00.H99"

# Who must hear of what.
[[route]]
from = "mot-cua-tinh-mau"
to = ["cong-quoc-gia"]
"""


def check(given: str) -> None:
    """Say everything that is wrong at once; silence on stdout and exit 0 when nothing is."""
    path = config_path(given)
    settings = load(path)
    faults = list(_faults(settings, Path(directory_of(settings, path.parent))))
    if faults:
        raise Misconfigured("config.invalid", "\n".join(faults), name=str(path))
    say(f"{path}: ok ({len(settings.party)} parties, {len(settings.route)} routes)")


def _faults(settings: Settings, directory: Path) -> Iterator[str]:
    """What the file alone does not show: formats that are not installed, secrets that are not there, dead ends."""
    for number, one in enumerate(settings.party):
        try:
            registry.get(one.adapter)
        except Misconfigured as error:
            yield f"party.{number}.adapter: {error.detail}"
        if one.secret_file and not (directory / one.secret_file).is_file():
            yield f"party.{number}.secret_file: there is no {directory / one.secret_file}"
    addressed = {one.id for one in settings.party if one.base_url}
    for number, route in enumerate(settings.route):
        for name in route.to:
            if name not in addressed:
                yield f"route.{number}.to: party {name} has no base_url"


def show(given: str, *, effective: bool) -> None:
    """Print the file as it counts; with ``effective`` every default too."""
    settings: Settings = load(config_path(given))
    emit_json(settings.model_dump(by_alias=True, exclude_defaults=not effective))


def init(path: str) -> None:
    """Write the commented template; an existing file is never overwritten."""
    target = Path(path)
    if target.exists():
        raise Misconfigured("config.invalid", "the file exists already", name=path)
    target.write_text(TEMPLATE, "utf-8")
    say(f"{path}: written; next `lienthong config check --config {path}`")
