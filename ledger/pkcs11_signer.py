"""A signing key that never leaves a PKCS#11 token (PKCS#11 3.0, mechanism CKM_EDDSA).

The token's driver lives in a child process: it may block, crash or start threads of its own. A commit is synchronous,
so asking the child is too, over a pipe and with a deadline for every wait; a child that is gone or silent stops the
ledger.
"""

import json
import os
import select
import subprocess
import sys
from pathlib import Path
from typing import Final

import msgspec

from contracts.errors import IntegrityViolation, Misconfigured

_CHILD: Final = "pkcs11_child.py"
_LENGTH: Final = 4
_PUBLIC_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64
_LONGEST: Final = 4_096


class TokenKey(msgspec.Struct, frozen=True, kw_only=True):
    """Where a key lies: the driver's file, the token's label, the key's label, and the file that holds the PIN."""

    module: str
    token: str
    label: str
    pin_file: str


class Pkcs11Signer:
    """The port ``Signer`` over a token. ``close`` ends the child."""

    def __init__(self, name: str, key: TokenKey, *, deadline_s: float = 5.0) -> None:
        """Raises ``Misconfigured`` (``config.invalid``) when token, key or PIN are not as said; names no secret."""
        self._name = name
        self._deadline_s = deadline_s
        # isolated: neither the environment nor this folder decides what the child imports; nothing secret in argv
        command = [sys.executable, "-I", str(Path(__file__).with_name(_CHILD))]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)  # noqa: S603  # our own file
        try:
            self._public = self._ask(json.dumps(msgspec.to_builtins(key)).encode(), _PUBLIC_BYTES)
        except IntegrityViolation as error:
            self.close()
            raise Misconfigured("config.invalid", f"token {key.token}: {error.detail}", name="ledger.signer") from error

    @property
    def name(self) -> str:
        """The origin this key signs for."""
        return self._name

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._child.pid

    def public_key(self) -> bytes:
        """The 32 raw bytes of the public key."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """Ed25519 signature over ``message``, 64 bytes.

        Raises:
            IntegrityViolation: ``ledger.unavailable`` when the token does not answer rightly in time.
        """
        return self._ask(message, _SIGNATURE_BYTES)

    def close(self) -> None:
        """End the child."""
        self._child.kill()
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()

    def _ask(self, content: bytes, expected: int) -> bytes:
        try:
            os.write(self._descriptor(self._child.stdin), len(content).to_bytes(_LENGTH, "big") + content)
            answer = self._take(int.from_bytes(self._take(_LENGTH), "big"))
        except (OSError, ValueError) as error:
            raise IntegrityViolation("ledger.unavailable", f"the signing token is gone: {error}") from error
        if answer[:1] != b"\x00" or len(answer) != expected + 1:
            why = answer[1:200].decode("ascii", "replace") if answer[:1] == b"\x01" else "not an Ed25519 answer"
            raise IntegrityViolation("ledger.unavailable", f"the signing token refused: {why}")
        return answer[1:]

    @staticmethod
    def _descriptor(pipe: object) -> int:
        return int(pipe.fileno())  # type: ignore[attr-defined]

    def _take(self, length: int) -> bytes:
        if not 0 < length <= _LONGEST:
            raise ValueError("an answer without end")
        source = self._descriptor(self._child.stdout)
        taken = b""
        while len(taken) < length:
            ready, _, _ = select.select([source], [], [], self._deadline_s)
            if not ready:
                self._child.kill()  # a late answer must never be taken for the answer to a later question
                raise ValueError("no answer in time")
            more = os.read(source, length - len(taken))
            if not more:
                raise ValueError("the child ended")
            taken += more
        return taken
