"""The process that talks to a PKCS#11 token: reads statements from its input, answers with Ed25519 signatures.

Run as a file of its own by ``pkcs11_signer``, so that a driver that hangs or crashes takes nothing else with it. Frames
are a length (u32, big-endian) and that many bytes. The first names module, token, key label and PIN file as JSON and
is answered with the public key; each later one is signed as it is. An answer begins with 0 for good, 1 for an error.
"""

import json
import sys
from pathlib import Path
from typing import Any, BinaryIO

_LENGTH = 4
_PUBLIC_BYTES = 32


def frame(content: bytes) -> bytes:
    """One frame."""
    return len(content).to_bytes(_LENGTH, "big") + content


def _read(source: BinaryIO) -> bytes | None:
    head = source.read(_LENGTH)
    return source.read(int.from_bytes(head, "big")) if len(head) == _LENGTH else None


def _open(asked: dict[str, str]) -> tuple[Any, bytes]:
    """(private key, 32 bytes of its public key) of the token."""
    import pkcs11  # noqa: PLC0415  # optional, and only in this process

    token = pkcs11.lib(asked["module"]).get_token(token_label=asked["token"])
    session = token.open(user_pin=Path(asked["pin_file"]).read_text("utf-8").strip())
    private = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=asked["label"])
    public = session.get_key(object_class=pkcs11.ObjectClass.PUBLIC_KEY, label=asked["label"])
    return private, bytes(public[pkcs11.Attribute.EC_POINT])[-_PUBLIC_BYTES:]


def main() -> int:
    """Serve until the input ends."""
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    first = _read(source)
    if first is None:
        return 1
    try:
        private, public = _open(json.loads(first))
        import pkcs11  # noqa: PLC0415  # optional, and only in this process
    except Exception as error:  # noqa: BLE001  # whatever the driver says, the parent must hear it; never the PIN
        sink.write(frame(b"\x01" + type(error).__name__.encode()))
        sink.flush()
        return 1
    sink.write(frame(b"\x00" + public))
    sink.flush()
    while (message := _read(source)) is not None:
        try:
            answer = b"\x00" + bytes(private.sign(message, mechanism=pkcs11.Mechanism.EDDSA))
        except Exception as error:  # noqa: BLE001  # see above
            answer = b"\x01" + type(error).__name__.encode()
        sink.write(frame(answer))
        sink.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
