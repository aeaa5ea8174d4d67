"""What a training may start from, and what it is refused."""

from typing import Any

import pytest

from models import bases
from release.gate.verdict import Verdict
from service.domain.identifiers import new_id
from service.domain.records import ArtifactRef, Model, SyntheticSet
from service.domain.requests import PHANTOMS, DatasetSource, PublicData
from tests.unit.service.api.routers.test_training import body, private

ZIP = b"PK\x05\x06" + bytes(18)
PUBLIC = PublicData("CC0-1.0", "an open archive")


@pytest.fixture(autouse=True)
def shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        bases,
        "base_names",
        lambda family=None: {
            None: ["base:ldm-64", "base:vae-64"],
            "ldm": ["base:ldm-64"],
            "vae": ["base:vae-64"],
        }.get(family, []),
    )


def asked(scene: Any, dataset_id: str, init_from: str, **changes: Any) -> Any:
    return scene.client.post("/train", json=body(dataset_id, init_from=init_from, **changes))


def refused(scene: Any, answer: Any, status: int, code: str) -> None:
    pointer = "/init_from" if status == 422 else None
    scene.refused(answer, status, code, pointer)


def test_a_training_starts_from_a_model_and_its_request_says_so(scene: Any) -> None:
    dataset, model = scene.dataset(), scene.model()
    job = asked(scene, dataset.id, model.id).json()
    assert job["request"]["init_from"] == model.id


def test_a_base_is_chosen_for_the_family_and_named_in_the_request(scene: Any) -> None:
    dataset_id = scene.dataset().id
    for wanted in ("base", "base:vae-64"):
        answer = asked(scene, dataset_id, wanted)
        assert answer.status_code == 202
        assert answer.json()["request"]["init_from"] == "base:vae-64"


def test_the_same_key_with_another_start_is_another_request(scene: Any) -> None:
    dataset_id, headers = scene.dataset().id, {"Idempotency-Key": "k"}
    cold = scene.client.post("/train", json=body(dataset_id), headers=headers)
    assert cold.status_code == 202
    warm = scene.client.post("/train", json=body(dataset_id, init_from="base"), headers=headers)
    scene.refused(warm, 422, "idempotency_key_reused")


@pytest.mark.parametrize(
    "wanted", ["", "mdl_", "ds_1", "base:", "base:vae", "base:vae-064", "../x"]
)
def test_what_names_neither_a_model_nor_a_base_is_refused(scene: Any, wanted: str) -> None:
    refused(scene, asked(scene, scene.dataset().id, wanted), 422, "invalid_request")


@pytest.mark.parametrize(
    ("wanted", "family"), [("base:vae-128", "vae"), ("base:ldm-64", "vae"), ("base", "gan")]
)
def test_a_base_that_there_is_not_is_refused_with_those_that_there_are(
    scene: Any, wanted: str, family: str
) -> None:
    answer = asked(scene, scene.dataset().id, wanted, family=family)
    refused(scene, answer, 422, "init_from_unavailable")
    assert ("base:vae-64" if family == "vae" else "has no base") in answer.json()["detail"]


def test_an_unknown_a_deleted_and_another_tenant_s_model_are_not_found(scene: Any) -> None:
    dataset = scene.dataset()
    refused(scene, asked(scene, dataset.id, new_id("mdl")), 404, "model_not_found")
    model = scene.model()
    assert scene.client.delete(f"/models/{model.id}").status_code == 200
    refused(scene, asked(scene, dataset.id, model.id), 404, "model_not_found")
    other = scene.model()
    scene.store.tenants[other.id] = "elsewhere"
    refused(scene, asked(scene, dataset.id, other.id), 404, "model_not_found")


def test_a_model_of_another_family_is_refused(scene: Any) -> None:
    answer = asked(scene, scene.dataset().id, scene.model("ldm").id)
    refused(scene, answer, 422, "init_from_unavailable")
    assert "family ldm" in answer.json()["detail"]


def test_a_model_of_which_a_set_was_refused_hands_nothing_on(scene: Any) -> None:
    model = scene.model()
    page = ArtifactRef("synthetic-sets/syn_1-0/report.html", "0" * 64, 1)
    moment, verdict = scene.context.clock.now(), Verdict("refused", "copies")
    made = SyntheticSet(
        "syn_1", model.id, "job_1", 0, {}, None, None, moment, model.dataset_id, verdict, page, page
    )
    scene.synthetic_set(made)
    refused(scene, asked(scene, scene.dataset().id, model.id), 422, "init_from_unavailable")


def public_model(scene: Any, **changes: Any) -> Model:
    dataset = scene.dataset(public=PUBLIC, source=DatasetSource(path="/public"))
    model: Model = scene.model(public_data=(PUBLIC,), dataset_id=dataset.id, **changes)
    return model


def test_privately_a_training_starts_from_what_is_public_alone(scene: Any) -> None:
    dataset_id = scene.dataset().id
    for wanted in ("base", public_model(scene).id):
        assert asked(scene, dataset_id, wanted, **private()).status_code == 202
    answer = asked(scene, dataset_id, scene.model().id, **private())
    refused(scene, answer, 422, "privacy_unavailable")
    assert "learned from private images" in answer.json()["detail"]


def test_privately_the_public_images_must_be_there_and_large_enough(scene: Any) -> None:
    dataset_id, model = scene.dataset().id, public_model(scene)
    small = scene.dataset(image_size=64, public=PUBLIC)
    of_small = scene.model(public_data=(PUBLIC,), dataset_id=small.id)
    answer = asked(scene, dataset_id, of_small.id, image_size=128, **private())
    refused(scene, answer, 422, "image_size_unavailable")
    assert scene.client.delete(f"/datasets/{model.dataset_id}").status_code == 200
    refused(scene, asked(scene, dataset_id, model.id, **private()), 409, "dataset_gone")


def test_a_model_that_a_training_starts_from_cannot_be_deleted_meanwhile(scene: Any) -> None:
    dataset, model = scene.dataset(), scene.model()
    job = asked(scene, dataset.id, model.id).json()
    scene.refused(scene.client.delete(f"/models/{model.id}"), 409, "model_in_use")
    scene.client.post(f"/jobs/{job['id']}/cancel")
    assert scene.client.delete(f"/models/{model.id}").status_code == 200
    again = scene.client.post(f"/jobs/{job['id']}/retry")
    scene.refused(again, 404, "model_not_found")


def test_no_set_is_drawn_of_a_model_whose_inherited_dataset_is_gone(scene: Any) -> None:
    """That it was learned from is not undone by deleting it."""
    parent = scene.dataset()
    model = scene.model(inherited=(parent.id,))
    asked_for = {"model_id": model.id, "class_counts": {"normal": 1}}
    assert scene.client.post("/generate", json=asked_for).status_code == 202
    assert scene.client.delete(f"/datasets/{parent.id}").status_code == 200
    answer = scene.client.post("/generate", json=asked_for | {"seed": 2})
    scene.refused(answer, 409, "dataset_gone")
    assert parent.id in answer.json()["detail"]
    assert scene.client.get(f"/models/{model.id}").json()["inherited"] == [parent.id]


def test_weights_that_inherit_private_images_are_not_handed_out(scene: Any) -> None:
    parent = scene.dataset()
    model = scene.model(inherited=(parent.id,))
    audit = scene.client.get(f"/models/{model.id}/audit").json()
    assert not audit["weights"]["cleared"]
    assert parent.id in audit["weights"]["text"]


def test_an_upload_is_declared_public_by_json_in_its_form(scene: Any) -> None:
    def upload(public: str) -> Any:
        data = {"public": public}
        return scene.client.post("/datasets", files={"file": ("a.zip", ZIP)}, data=data)

    job = upload('{"licence": "CC0-1.0", "source": "an open archive"}').json()
    assert job["request"]["public"] == {"licence": "CC0-1.0", "source": "an open archive"}
    for wrong in ("yes", "[" * 60_000, '{"licence": "CC0-1.0"}'):
        scene.refused(upload(wrong), 422, "invalid_request")
    assert scene.num_jobs() == 1


@pytest.mark.parametrize("public", [None, {"licence": "CC0-1.0", "source": "an open archive"}])
def test_a_dataset_says_whether_it_was_declared_public(scene: Any, public: Any) -> None:
    phantom = {"class_counts": {"normal": 8, "effusion": 8}}
    job = scene.client.post("/datasets", json={"phantom": phantom, "public": public}).json()
    dataset_id = job["request"]["dataset_id"]
    assert scene.client.get(f"/datasets/{dataset_id}").json()["public"] == public


def test_phantoms_are_public_without_a_word(scene: Any) -> None:
    dataset = scene.dataset()
    assert dataset.public is None
    assert dataset.public_data == PHANTOMS


@pytest.mark.parametrize(
    ("public", "pointer"),
    [
        ({"licence": "CC0-1.0"}, "/public/source"),
        ({"source": "an archive"}, "/public/licence"),
        ({"licence": "", "source": "an archive"}, "/public/licence"),
        ({"licence": "CC0-1.0", "source": "a" * 501}, "/public/source"),
        ({"licence": "CC0-1.0", "source": "a\nb"}, "/public/source"),
        (True, "/public"),
    ],
)
def test_a_declaration_that_says_too_little_is_refused(
    scene: Any, public: Any, pointer: str
) -> None:
    phantom = {"class_counts": {"normal": 8, "effusion": 8}}
    answer = scene.client.post("/datasets", json={"phantom": phantom, "public": public})
    scene.refused(answer, 422, "invalid_request", pointer)


def test_images_of_a_pacs_are_never_public(scene: Any) -> None:
    dicomweb = {"server": "pacs", "queries": [{"label": "a", "modality": ["DX"]}]}
    public = {"licence": "CC0-1.0", "source": "an archive"}
    answer = scene.client.post("/datasets", json={"dicomweb": dicomweb, "public": public})
    scene.refused(answer, 422, "invalid_request")
