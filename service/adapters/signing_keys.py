"""What signs packages: Ed25519 keys in `<data_dir>/keys/`.

    <id>.key       a private Ed25519 key (PKCS8, PEM), readable by the service's user alone
    <id>.pub       its public key (PEM); it stays after a rotation, so that older sets verify
    current        the id of the key that signs

Several processes share the folder. Each file is written aside and appears whole; the first to
name a current key wins, and the others use it.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from typing_extensions import override

from service.adapters.durable_files import create_file, replace_file
from service.domain.errors import SigningKeyLost
from service.domain.ports import PublicKey, SigningKeys


class SigningKey:
    """A key that signs.

    Args:
        private: The key.
    """

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        public = private.public_key()
        self.public_pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.id = hashlib.sha256(der).hexdigest()

    @property
    def private_pem(self) -> bytes:
        """The private key as it is stored."""
        return self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def sign(self, message: bytes) -> bytes:
        """Return the signature, 64 bytes (RFC 8032)."""
        return self._private.sign(message)


class KeyRing(SigningKeys):
    """The keys of one data directory; the first that asks makes them.

    Args:
        data_dir: The service's data directory.
    """

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir.resolve() / "keys"

    def current(self) -> SigningKey:
        """Return the key that signs now.

        Raises:
            SigningKeyLost: Its file is gone or cannot be read.
            StorageFull: The first key could not be written.
        """
        key_id = self._current_id()
        while True:
            try:
                private = load_pem_private_key(self._private(key_id).read_bytes(), password=None)
            except (OSError, ValueError) as error:
                newer = self._current_id()
                if newer == key_id:
                    raise SigningKeyLost.named(key_id) from error
                key_id = newer  # it was rotated between the two reads
                continue
            if not isinstance(private, Ed25519PrivateKey):
                raise SigningKeyLost.named(key_id)
            return SigningKey(private)

    @override
    def public_keys(self) -> list[PublicKey]:
        current = self._current_id()
        keys = [
            PublicKey(path.stem, path.read_text(), is_current=path.stem == current)
            for path in sorted(self._folder.glob("*.pub"))
        ]
        return sorted(keys, key=lambda key: not key.is_current)

    @override
    def envelope(self, payload_type: str, content: Mapping[str, Any]) -> dict[str, Any]:
        kind, key = payload_type.encode(), self.current()
        payload = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
        # DSSE 1.0, "PAE"
        signature = key.sign(b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload))
        return {
            "payloadType": payload_type,
            "payload": base64.b64encode(payload).decode(),
            "signatures": [{"keyid": key.id, "sig": base64.b64encode(signature).decode()}],
        }

    def rotate(self) -> str:
        """Sign with a new key from now on and destroy the private half of the one before.

        Returns:
            The new key's id.
        """
        before = self._current_id()
        key = self._make_key()
        replace_file(self._folder / "current", key.id.encode())
        self._private(before).unlink(missing_ok=True)
        return key.id

    def _current_id(self) -> str:
        path = self._folder / "current"
        if not path.exists():
            key = self._make_key()
            if not create_file(path, key.id.encode()):
                self._private(key.id).unlink()
                self._public(key.id).unlink()
        return path.read_text()

    def _make_key(self) -> SigningKey:
        key = SigningKey(Ed25519PrivateKey.generate())
        replace_file(self._private(key.id), key.private_pem)
        replace_file(self._public(key.id), key.public_pem)
        return key

    def _private(self, key_id: str) -> Path:
        return self._folder / f"{key_id}.key"

    def _public(self, key_id: str) -> Path:
        return self._folder / f"{key_id}.pub"
