"""What signs packages: Ed25519 keys in `<data_dir>/keys/`.

    <id>.key       a private Ed25519 key (PKCS8, PEM), readable by the service's user alone
    <id>.pub       its public key (PEM); it stays after a rotation, so that older sets verify
    current        the id of the key that signs

Several processes share the folder. Each file is written aside and appears whole; the first to
name a current key wins, and the others use it.
"""

import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from service.adapters.local_artifacts import storage_full_by_name
from service.domain.errors import SigningKeyLost
from service.domain.ports import PublicKey


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


class KeyRing:
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

    def public_keys(self) -> list[PublicKey]:
        """Return the public keys of this service, the current one first."""
        current = self._current_id()
        keys = [
            PublicKey(path.stem, path.read_text(), is_current=path.stem == current)
            for path in sorted(self._folder.glob("*.pub"))
        ]
        return sorted(keys, key=lambda key: not key.is_current)

    def rotate(self) -> str:
        """Sign with a new key from now on and destroy the private half of the one before.

        Returns:
            The new key's id.
        """
        before = self._current_id()
        key = self._make_key()
        with storage_full_by_name():
            self._written_aside(key.id.encode()).replace(self._folder / "current")
        self._private(before).unlink(missing_ok=True)
        return key.id

    def _current_id(self) -> str:
        path = self._folder / "current"
        if not path.exists():
            key = self._make_key()
            if not self._publish_first(key.id.encode(), path):
                self._private(key.id).unlink()
                self._public(key.id).unlink()
        return path.read_text()

    def _make_key(self) -> SigningKey:
        key = SigningKey(Ed25519PrivateKey.generate())
        with storage_full_by_name():
            self._written_aside(key.private_pem).replace(self._private(key.id))
            self._written_aside(key.public_pem).replace(self._public(key.id))
        return key

    def _publish_first(self, content: bytes, path: Path) -> bool:
        """Put a file in its place unless another process did; say whether it is ours."""
        with storage_full_by_name():
            aside = self._written_aside(content)
            try:
                os.link(aside, path)
            except FileExistsError:
                return False
            finally:
                aside.unlink()
        return True

    def _written_aside(self, content: bytes) -> Path:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / f".{secrets.token_hex(8)}"
        try:
            with open(path, "xb", opener=_for_owner_alone) as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            with suppress(OSError):
                path.unlink()
            raise
        return path

    def _private(self, key_id: str) -> Path:
        return self._folder / f"{key_id}.key"

    def _public(self, key_id: str) -> Path:
        return self._folder / f"{key_id}.pub"


def _for_owner_alone(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
