"""Real timestamping authorities: certificates and tokens made by the openssl command line, in a folder of their own."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography import x509

from ledger.timestamp import load_roots

_CONFIG = """\
[req]
distinguished_name = name
prompt = no
[name]
CN = Cơ quan Mẫu
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[tsa_certificate]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[tsa]
default_tsa = authority
[authority]
serial = {folder}/serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.3.6.1.4.1.99999.1
digests = sha256, sha384, sha512
accuracy = secs:1
ordering = yes
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = {ess}
"""


def openssl(*arguments: str) -> None:
    """Run openssl; it is part of what the build machine has."""
    if shutil.which("openssl") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("openssl is expected on the build machine")
        pytest.skip("openssl is not installed")
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


class Authority:
    """One authority with its own root. ``start`` and ``end`` bound its timestamping certificate (YYMMDDHHMMSSZ)."""

    def __init__(self, folder: Path, *, ess: str = "sha256", start: str = "", end: str = "", key: str = "rsa") -> None:
        folder.mkdir()
        self.folder = folder
        self._config = folder / "openssl.cnf"
        self._config.write_text(_CONFIG.format(folder=folder, ess=ess), "utf-8")
        (folder / "serial").write_text("01\n", "ascii")
        self.ca_file = folder / "ca.pem"
        self._make_root(key)
        self._make_certificate(key, start, end)

    @property
    def roots(self) -> tuple[x509.Certificate, ...]:
        return load_roots(self.ca_file.read_bytes())

    @property
    def certificate(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate((self.folder / "tsa.pem").read_bytes())

    def _key(self, name: str, key: str) -> list[str]:
        if key == "rsa":
            return ["-newkey", "rsa:2048", "-nodes", "-keyout", str(self.folder / name)]
        return ["-newkey", "ec", "-pkeyopt", f"ec_paramgen_curve:{key}", "-nodes", "-keyout", str(self.folder / name)]

    def _make_root(self, key: str) -> None:
        config = ["-config", str(self._config), "-utf8", "-extensions", "ca"]
        openssl(
            *("req", "-x509", *config, *self._key("ca.key", key), "-subj", "/CN=Gốc Mẫu", "-days", "3650"),
            *("-out", str(self.ca_file)),
        )

    def _make_certificate(self, key: str, start: str, end: str) -> None:
        folder = self.folder
        openssl(
            *("req", "-new", "-config", str(self._config), "-utf8", *self._key("tsa.key", key)),
            *("-subj", "/CN=Cấp dấu thời gian Mẫu", "-out", str(folder / "tsa.csr")),
        )
        if not start:
            openssl(
                *("x509", "-req", "-in", str(folder / "tsa.csr"), "-CA", str(self.ca_file)),
                *("-CAkey", str(folder / "ca.key"), "-CAcreateserial", "-days", "365"),
                *("-extfile", str(self._config), "-extensions", "tsa_certificate", "-out", str(folder / "tsa.pem")),
            )
            return
        database = folder / "ca.cnf"
        (folder / "index.txt").touch()
        database.write_text(
            f"[ca]\ndefault_ca = d\n[d]\ndatabase = {folder}/index.txt\nnew_certs_dir = {folder}\n"
            f"rand_serial = yes\ndefault_md = sha256\npolicy = p\n[p]\ncommonName = supplied\n",
            "utf-8",
        )
        openssl(
            *("ca", "-batch", "-notext", "-config", str(database), "-utf8", "-in", str(folder / "tsa.csr")),
            *("-cert", str(self.ca_file), "-keyfile", str(folder / "ca.key"), "-startdate", start, "-enddate", end),
            *("-extfile", str(self._config), "-extensions", "tsa_certificate", "-out", str(folder / "tsa.pem")),
        )

    def reply(self, query: bytes, *, chain: bool = False) -> bytes:
        """What the authority answers to a TimeStampReq, its root's certificate enclosed with ``chain``."""
        enclosed = ("-chain", str(self.ca_file)) if chain else ()
        asked, answered = self.folder / "query.tsq", self.folder / "reply.tsr"
        asked.write_bytes(query)
        openssl(
            *("ts", "-reply", "-config", str(self._config), "-section", "authority", "-queryfile", str(asked)),
            *("-signer", str(self.folder / "tsa.pem"), "-inkey", str(self.folder / "tsa.key")),
            *(*enclosed, "-out", str(answered)),
        )
        return answered.read_bytes()

    def accepts(self, response: bytes, covered: bytes) -> bool:
        """What ``openssl ts -verify`` says of a response."""
        token, text = self.folder / "verify.tsr", self.folder / "verify.txt"
        token.write_bytes(response)
        text.write_bytes(covered)
        done = subprocess.run(
            ["openssl", "ts", "-verify", "-in", token, "-data", text, "-CAfile", self.ca_file],
            capture_output=True,
            check=False,
        )
        return done.returncode == 0
