from typing import Any

from service.adapters.signing_keys import KeyRing


def test_a_new_service_has_one_key(scene: Any) -> None:
    [key] = scene.client.get("/signing-keys").json()["items"]
    signer = KeyRing(scene.data_dir).current()
    assert key == {
        "id": signer.id,
        "algorithm": "Ed25519",
        "pem": signer.public_pem.decode(),
        "current": True,
    }


def test_rotated_keys_are_listed_behind_the_current_one(scene: Any) -> None:
    ring = KeyRing(scene.data_dir)
    ids = [ring.current().id, ring.rotate(), ring.rotate()]
    items = scene.client.get("/signing-keys").json()["items"]
    assert {key["id"] for key in items} == set(ids)
    assert [key["current"] for key in items] == [True, False, False]
    assert items[0]["id"] == ids[-1]


def test_no_private_key_is_served(scene: Any) -> None:
    assert "PRIVATE" not in scene.client.get("/signing-keys").text
