from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from PIL import Image

from synthcxr.package_format import (
    ATTESTATION,
    LABELS,
    MANIFEST,
    MANIFEST_FORMAT,
    METADATA,
    PAYLOAD_TYPE,
    PUBLIC_KEY,
    SUMS,
    plain_member,
    signed_bytes,
    statement,
    write_sums,
)

MakeSet = Callable[..., Path]
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PUBLIC_PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
KEY_ID = hashlib.sha256(
    KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
).hexdigest()
CLASSES = [
    {"path": f"images/{label}/{index:06}.png", "kind": "class", "label": label}
    for label in ("COVID", "Normal")
    for index in range(3)
]

DESCRIBED = {
    "synthetic_set_id": "syn_1",
    "model": {"id": "mdl_1"},
    "request": {"class_counts": {"COVID": 3, "Normal": 3}},
    "gate": {"verdict": {"outcome": "passed", "text": "passed"}},
}  # what a manifest says of a set, as far as the client reads it


@pytest.fixture
def make_set(tmp_path: Path) -> MakeSet:
    """Write a small signed set; `added`, `altered` and `missing` name images to spoil.

    `unlabelled` adds lines to the manifest, with their images; `said` replaces what it says of the
    set as a whole.
    """

    def make(
        *,
        added: str = "",
        altered: str = "",
        missing: str = "",
        size: int = 8,
        unlabelled: Sequence[Mapping[str, Any]] = (),
        labels: str | None = None,
        said: Mapping[str, Any] | None = None,
    ) -> Path:
        lines = [*CLASSES, *unlabelled]
        files = {line["path"]: png(size, index) for index, line in enumerate(lines)}
        if labels is None:
            labels = "\n".join(["file,label", *(f"{x['path']},{x['label']}" for x in CLASSES)])
        rows = [f"{line['path']},{line.get('label', '')},{line['kind']}" for line in lines]
        files[LABELS] = labels.encode()
        files[METADATA] = "\n".join(["file_name,label,kind", *rows]).encode()
        lines += [{"path": name, "kind": "table"} for name in (LABELS, METADATA)]
        named = [
            {**line, "sha256": digest(files[line["path"]]), "bytes": len(files[line["path"]])}
            for line in lines
        ]
        manifest = {"format": MANIFEST_FORMAT, **DESCRIBED, **(said or {}), "files": named}
        files[MANIFEST] = json.dumps(manifest).encode()
        files[SUMS] = write_sums((name, digest(data)) for name, data in files.items())
        attested = statement({name: digest(files[name]) for name in (MANIFEST, SUMS)})
        files[ATTESTATION] = signed(json.dumps(attested).encode())
        files[PUBLIC_KEY] = PUBLIC_PEM
        files |= {altered: b"altered"} if altered else {}
        files |= {added: b"added"} if added else {}
        files.pop(missing, None)
        path = tmp_path / "set.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(plain_member(name, len(content)), content)
        return path

    return make


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[httpx.Request]]:
    """Let every client talk to a function instead of the network; return what it was asked."""

    def serve(answer: Callable[[httpx.Request], httpx.Response]) -> list[httpx.Request]:
        requests: list[httpx.Request] = []

        def record(request: httpx.Request) -> httpx.Response:
            request.read()
            requests.append(request)
            return answer(request)

        network = httpx.MockTransport(record)
        monkeypatch.setattr(
            httpx.HTTPTransport,
            "handle_request",
            lambda _, request: network.handle_request(request),
        )
        return requests

    return serve


@pytest.fixture(autouse=True)
def no_profiles(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let tests find none of the user's profiles."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("configuration")))


def png(size: int, index: int) -> bytes:
    content = io.BytesIO()
    Image.new("L", (size, size), 10 * (index % 3)).save(content, "PNG")
    return content.getvalue()


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def signed(payload: bytes) -> bytes:
    signature = KEY.sign(signed_bytes(PAYLOAD_TYPE, payload))
    envelope = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": KEY_ID, "sig": base64.b64encode(signature).decode()}],
    }
    return json.dumps(envelope).encode()
