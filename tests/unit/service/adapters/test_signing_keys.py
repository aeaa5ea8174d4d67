import hashlib
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from service.adapters.signing_keys import KeyRing
from service.domain.errors import SigningKeyLost


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing(tmp_path)


def loaded(pem: str | bytes) -> Ed25519PublicKey:
    key = load_pem_public_key(pem.encode() if isinstance(pem, str) else pem)
    assert isinstance(key, Ed25519PublicKey)
    return key


def test_the_first_who_asks_makes_a_key_and_all_others_get_the_same(ring, tmp_path) -> None:
    key = ring.current()
    assert KeyRing(tmp_path).current().id == ring.current().id == key.id
    [public] = ring.public_keys()
    assert (public.id, public.is_current) == (key.id, True)
    loaded(public.pem).verify(key.sign(b"message"), b"message")


def test_a_key_is_called_after_the_digest_of_its_public_half(ring) -> None:
    key = ring.current()
    der = loaded(key.public_pem).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert key.id == hashlib.sha256(der).hexdigest()


def test_no_one_else_may_read_the_keys(ring, tmp_path) -> None:
    ring.current()
    files = list((tmp_path / "keys").iterdir())
    assert len(files) == 3
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


def test_after_a_rotation_new_sets_have_a_new_key_and_the_old_public_key_stays(ring) -> None:
    old = ring.current()
    new_id = ring.rotate()
    assert ring.current().id == new_id != old.id
    assert [(key.id, key.is_current) for key in ring.public_keys()] == [
        (new_id, True),
        (old.id, False),
    ]
    with pytest.raises(InvalidSignature):
        loaded(ring.current().public_pem).verify(old.sign(b"message"), b"message")


def test_a_rotation_destroys_the_old_private_key(ring, tmp_path) -> None:
    old = ring.current()
    ring.rotate()
    assert not (tmp_path / "keys" / f"{old.id}.key").exists()


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"half a key")])
def test_a_lost_key_has_a_name_and_a_rotation_repairs_it(ring, tmp_path, spoil) -> None:
    lost = ring.current().id
    spoil(tmp_path / "keys" / f"{lost}.key")
    with pytest.raises(SigningKeyLost, match="synthcxr signing-keys rotate") as caught:
        ring.current()
    assert lost in str(caught.value)
    assert ring.rotate() == ring.current().id
    assert {key.id for key in ring.public_keys()} == {lost, ring.current().id}


def test_who_starts_together_agrees_on_one_key(tmp_path) -> None:
    """And what the losers made is gone. Each has a ring of its own, as each process has."""
    together = threading.Barrier(8)

    def keys_of(_: int) -> str:
        ring = KeyRing(tmp_path)
        together.wait()
        return ring.current().id

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(keys_of, range(8)))
    assert len(found) == 1
    assert len(list((tmp_path / "keys").iterdir())) == 3
