"""The demo's configuration on disk: usable as it is with ``lienthong serve --config``.

Three systems: a province's one-stop system (OpenCPS), the civil-status service of a ministry (DVCLT) and the National
Portal (QCVN 120). All people and agencies are invented: agency code H99 belongs to nobody.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from contracts.ports import Entropy, Files
from hub.api.access import Grant, Issued, Kind, Role, issue, write_grants

PROVINCE: Final = "tinh-mau"
MINISTRY: Final = "bo-tu-phap"
PORTAL: Final = "cong-dvcqg"
PARTY_OF: Final[Mapping[str, str]] = {"opencps": PROVINCE, "civil_status": MINISTRY, "portal": PORTAL}
ORIGIN: Final = "lienthong.example/demo"
CONFIG_FILE: Final = "lienthong.toml"
CREDENTIALS_FILE: Final = "credentials.json"
CIVIL_PROCEDURES: Final = ("2.002621", "2.002622")

_CONFIG: Final = """\
# Written by `lienthong demo`. Everything in it is invented.
[hub]
directory = "."
port = {port}
ops_port = {ops_port}

[ledger]
origin = "{origin}"

[delivery]
retry_first_s = 0.2
retry_longest_s = 5.0

[log]
level = "warning"

[[party]]
id = "{province}"
name = "Một cửa tỉnh Mẫu"
adapter = "opencps"
agencies = ["H99"]
base_url = "{opencps_url}"
username = "{opencps_user}"
secret_file = "secrets/opencps"
[party.profile.options]
trace_arrays = "true"
sync_arrays = "true"

[[party]]
id = "{ministry}"
name = "Dịch vụ công liên thông hộ tịch"
adapter = "civil_status"
agencies = ["G15"]
national = true
base_url = "{civil_status_url}"
username = "{civil_status_user}"
secret_file = "secrets/civil_status"
pull = true
pull_interval_s = 0.5
[party.profile.options]
arrays = "true"

[[party]]
id = "{portal}"
name = "Cổng Dịch vụ công quốc gia"
adapter = "portal"
role = "portal"
national = true
base_url = "{portal_url}"
username = "{portal_user}"
secret_file = "secrets/portal"
agency = "000.00.00.H99"

[[route]]
from = "{province}"
to = ["{portal}"]

[[route]]
from = "{ministry}"
to = ["{province}", "{portal}"]

[[route]]
from = "{portal}"
to = ["{province}"]

[[route]]
from = "{province}"
to = ["{ministry}"]
procedures = [{civil}]
"""


def set_up(
    root: Path,
    files: Files,
    entropy: Entropy,
    *,
    addresses: Mapping[str, str],
    logins: Mapping[str, Sequence[str]],
    port: int,
    ops_port: int,
) -> dict[str, dict[str, str]]:
    """Write configuration, secrets and credentials; returns what the senders log in with, by adapter."""
    text = _CONFIG.format(
        port=port,
        ops_port=ops_port,
        origin=ORIGIN,
        province=PROVINCE,
        ministry=MINISTRY,
        portal=PORTAL,
        opencps_url=addresses["opencps"],
        civil_status_url=addresses["civil_status"],
        portal_url=addresses["portal"],
        opencps_user=logins["opencps"][0],
        civil_status_user=logins["civil_status"][0],
        portal_user=logins["portal"][0],
        civil=", ".join(f'"{code}"' for code in CIVIL_PROCEDURES),
    )
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    (root / CONFIG_FILE).write_text(text, "utf-8")
    for name, (_, secret) in logins.items():
        files.write_durable(f"secrets/{name}", secret.encode(), mode=0o600)
    return _credentials(files, entropy)


def _credentials(files: Files, entropy: Entropy) -> dict[str, dict[str, str]]:
    issued = [
        _issue(entropy, PROVINCE, "party", "mapi", "opencps", ("H99",)),
        _issue(entropy, PROVINCE, "party", "bearer", "opencps", ("H99",)),
        _issue(entropy, PROVINCE, "party", "path", "opencps", ("H99",)),
        _issue(entropy, PORTAL, "party", "mapi", "portal", ("*",)),
        _issue(entropy, PORTAL, "party", "bearer", "portal", ("*",)),
        _issue(entropy, MINISTRY, "party", "bearer", "civil_status", ("*",)),
        _issue(entropy, "thanh-tra", "auditor", "bearer"),
        _issue(entropy, "van-hanh", "operator", "bearer"),
    ]
    write_grants(files, tuple(one.grant for one in issued))
    return {
        "opencps": {"username": issued[0].grant.username, "secret": issued[0].secret},
        "portal": {"username": issued[3].grant.username, "secret": issued[3].secret},
        "all": {one.grant.id: one.secret for one in issued},
    }


def _issue(
    entropy: Entropy, party: str, role: Role, kind: Kind, adapter: str = "", agencies: tuple[str, ...] = ()
) -> Issued:
    return issue(entropy, party=party, role=role, kind=kind, adapter=adapter, agencies=agencies)


def publish_credentials(files: Files, grants: tuple[Grant, ...], secrets: Mapping[str, str], base_url: str) -> None:
    """``credentials.json`` for automation: every credential in clear, readable by the owner only."""
    rows: list[dict[str, Any]] = [
        {
            "party": grant.party,
            "role": grant.role,
            "agency": grant.agencies[0] if grant.agencies else "",
            "kind": grant.kind,
            "base_url": f"{base_url}/p/{secrets[grant.id]}" if grant.kind == "path" else base_url,
            "username": grant.username,
            "secret": secrets[grant.id],
        }
        for grant in grants
        if grant.id in secrets
    ]
    files.write_durable(CREDENTIALS_FILE, msgspec.json.format(msgspec.json.encode(rows), indent=2), mode=0o600)


def clear(root: Path) -> None:
    """Start afresh: remove what an earlier demo left. Only a directory that a demo made is ever removed."""
    if (root / CONFIG_FILE).is_file() and "Written by `lienthong demo`" in (root / CONFIG_FILE).read_text("utf-8"):
        shutil.rmtree(root)
