"""Secrets of webhooks, sealed with AES-256-GCM under a key of 32 random bytes.

The key is a file beside the other keys, so the database alone, or a copy of it, shows no secret.
"""

import base64
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from typing_extensions import override

from service.adapters.durable_files import create_file
from service.domain.errors import WebhookKeyLost
from service.domain.webhook_ports import SecretBox

_KEY_BYTES = 32
_NONCE_BYTES = 12


class FileSecretBox(SecretBox):
    """The box of one data directory; the first that seals makes the key.

    Args:
        data_dir: The key lies in `keys/webhooks.key`.
    """

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir.resolve() / "keys" / "webhooks.key"

    @override
    def seal(self, secret: str, name: str) -> str:
        if not self._path.exists():
            create_file(self._path, secrets.token_bytes(_KEY_BYTES))
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher().encrypt(nonce, secret.encode(), name.encode())
        return base64.b64encode(nonce + sealed).decode()

    @override
    def open(self, sealed: str, name: str) -> str:
        content = base64.b64decode(sealed)
        nonce, text = content[:_NONCE_BYTES], content[_NONCE_BYTES:]
        try:
            return self._cipher().decrypt(nonce, text, name.encode()).decode()
        except InvalidTag as error:
            raise WebhookKeyLost(
                f"The secret of {name} was sealed under another key than keys/webhooks.key. "
                "Restore that file, or give the webhook a new secret."
            ) from error

    def _cipher(self) -> AESGCM:
        try:
            key = self._path.read_bytes()
        except OSError as error:
            raise WebhookKeyLost(
                "keys/webhooks.key in the data directory cannot be read. Restore it from a "
                "backup, or give each webhook a new secret."
            ) from error
        if len(key) != _KEY_BYTES:
            raise WebhookKeyLost(f"keys/webhooks.key must hold {_KEY_BYTES} bytes. Restore it.")
        return AESGCM(key)
