"""What the service packs, the client verifies; and what anybody changes on the way, it finds."""

from __future__ import annotations

import hashlib
import json
import random
import zipfile
from collections.abc import Callable
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from release.gate.public_result import PublishedVerdict
from release.gate.verdict import Verdict
from release.package.archive import Archive
from release.package.manifest import Description
from release.package.writer import Contents, write_package
from release.sample_spec import ClassSample, InterpolatedSample, MixtureSample
from service.adapters.signing_keys import KeyRing, SigningKey
from synthcxr.cli import verify
from synthcxr.contact_sheet import write_contact_sheet
from synthcxr.errors import SetNotVerified, SetProblem
from synthcxr.verification import verify_set

IMAGE = "images/COVID/000001.png"
DESCRIPTION = Description.model_validate(
    {
        "synthetic_set_id": "syn_00000000000000000000000001",
        "notice": "Synthetic images, not for diagnosis.",
        "service_version": "0.1.0",
        "versions": {},
        "request": {},
        "dataset": {"version": "d" * 64, "class_counts": {}},
        "model": {
            "id": "mdl_1",
            "family": "vae",
            "image_size": 16,
            "config_sha256": "c" * 64,
            "snapshot_sha256": "a" * 64,
            "differential_privacy": None,
        },
        "sampler": {},
        "classes": {},
        "unlabelled": {},
        "gate": {},
        "earlier_releases": [],
        "examination": {"number": 1, "at_most": 50},
        "utility": None,
        "limitations": [],
    }
)


def key_in(folder: Path) -> SigningKey:
    return KeyRing(folder).current()


def pack(path: Path, signer: SigningKey, label: str = "COVID", **changes: Any) -> Path:
    rng = np.random.default_rng(0)
    origins = [
        *(ClassSample(label, index) for index in range(3)),
        *(ClassSample("Normal", index) for index in range(3, 6)),
        MixtureSample({"COVID": 0.6, "Normal": 0.4}, 6),
        InterpolatedSample({"COVID": 1.0}, 0, 1, 0.5),
    ]
    images = [(rng.integers(0, 256, (16, 16), np.uint8), origin) for origin in origins]
    given = {
        "description": DESCRIPTION,
        "classes": ("COVID", "Normal"),
        "hashing_key": b"k" * 32,
        "signer": signer,
        "documents": {"report.html": b"<html></html>"},
    }
    contents = Contents(**(given | changes))
    write_package(path, images, contents)
    return path


@pytest.fixture
def signer(tmp_path: Path) -> SigningKey:
    return key_in(tmp_path / "ours")


@pytest.fixture
def path(tmp_path: Path, signer: SigningKey) -> Path:
    return pack(tmp_path / "set.zip", signer)


def repacked(path: Path, change: Callable[[dict[str, bytes]], object]) -> Path:
    """Change the files of a set and pack them as the service packs."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    with Archive(path) as archive:
        for name, data in files.items():
            archive.write(name, data)
    return path


def problem_of(path: Path, *keys: bytes) -> SetProblem:
    with pytest.raises(SetNotVerified) as caught:
        verify_set(path, keys)
    assert str(caught.value).startswith(f"{path}: ")
    assert str(caught.value).endswith(f"[{caught.value.problem}]")
    return caught.value.problem


def test_a_good_set_is_verified_with_its_key_and_without(path, signer) -> None:
    verified = verify_set(path)
    assert verified.num_images == 8
    assert verified.files_by_label["COVID"][1] == IMAGE
    assert list(map(len, verified.unlabelled_files.values())) == [1, 1]
    assert verified.trust == f"signed by key {signer.id}, which nobody has confirmed"
    confirmed = verify_set(path, [signer.public_pem])
    assert confirmed.trust == f"signed by key {signer.id}, which is trusted"


def test_the_command_says_whose_key_it_was_and_that_nobody_confirmed_it(
    path, signer, tmp_path, capsys
) -> None:
    verify.verify(path, None)
    said = capsys.readouterr()
    assert f"signed by key {signer.id}, which nobody has confirmed" in said.out
    assert "--public-key" in said.err
    (tmp_path / "key.pem").write_bytes(signer.public_pem)
    verify.verify(path, [tmp_path / "key.pem"])
    said = capsys.readouterr()
    assert f"signed by key {signer.id}, which is trusted" in said.out
    assert said.err == ""


def test_what_a_set_says_of_itself_is_read_as_the_service_writes_it(tmp_path, signer) -> None:
    """`synthcxr fetch` goes by it: which set it is, of which model, and whether it is released."""
    verdict = PublishedVerdict.of(Verdict("inconclusive", code="power"))
    described = DESCRIPTION.model_copy(
        update={
            "request": {"class_counts": {"COVID": 3, "Normal": 3}},
            "gate": {"verdict": verdict.model_dump(mode="json")},
        }
    )
    found = verify_set(pack(tmp_path / "set.zip", signer, description=described)).description
    assert (found.set_id, found.model_id) == (described.synthetic_set_id, "mdl_1")
    assert found.class_counts == {"COVID": 3, "Normal": 3}
    assert (found.verdict, found.released) == ("inconclusive(power)", False)


def test_files_that_share_bytes_are_refused_before_they_are_read(path) -> None:
    """So a small ZIP would unpack to any size."""
    with zipfile.ZipFile(path, "a") as archive:
        shared = archive.infolist()[0]
        for number in range(1000):
            again = copy(shared)
            again.filename = f"again/{number}"
            archive.filelist.append(again)
        archive._didModify = True  # writes the list of files anew
    assert problem_of(path) is SetProblem.ALTERED_ARCHIVE


def test_a_set_in_every_format_is_verified(tmp_path, signer) -> None:
    formats = frozenset({"npz", "webdataset", "dicom"})
    assert verify_set(pack(tmp_path / "set.zip", signer, formats=formats)).num_images == 8


def test_a_packed_set_can_be_looked_at(path, tmp_path) -> None:
    write_contact_sheet(verify_set(path), tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").stat().st_size > 1000


def test_a_set_signed_before_a_rotation_verifies_with_one_of_the_keys_of_the_service(
    path, tmp_path, signer
) -> None:
    ring = KeyRing(tmp_path / "ours")
    ring.rotate()
    keys = [key.pem.encode() for key in ring.public_keys()]
    assert verify_set(path, keys).signature.key_id == signer.id


def test_a_foreign_signature_is_refused_only_where_the_user_gave_a_key(tmp_path, signer) -> None:
    """A forger can sign anything with a key of his own: the key inside proves nothing."""
    forged = pack(tmp_path / "forged.zip", key_in(tmp_path / "theirs"), label="Covid")
    assert not verify_set(forged).signature.confirmed
    assert problem_of(forged, signer.public_pem) is SetProblem.FOREIGN_SIGNATURE


def test_a_flipped_byte_of_an_image_is_found(path) -> None:
    with zipfile.ZipFile(path) as archive:
        found = archive.getinfo(IMAGE)
    data = bytearray(path.read_bytes())
    data[found.header_offset + 30 + len(IMAGE) + found.file_size // 2] ^= 1
    path.write_bytes(data)
    assert problem_of(path) is SetProblem.ALTERED_FILE


@pytest.mark.parametrize("name", [IMAGE, "report.html", "croissant.json", "labels.csv"])
def test_a_changed_file_is_found(path, name) -> None:
    assert problem_of(repacked(path, lambda files: files.update({name: b"other"}))) is (
        SetProblem.ALTERED_FILE
    )


@pytest.mark.parametrize("name", [IMAGE, "report.html", "SHA256SUMS", "attestation.intoto.jsonl"])
def test_a_removed_file_is_missed(path, name) -> None:
    assert problem_of(repacked(path, lambda files: files.pop(name))) is SetProblem.MISSING_FILE


@pytest.mark.parametrize("name", ["images/COVID/000009.png", "notes.txt"])
def test_an_added_file_is_found(path, name) -> None:
    assert problem_of(repacked(path, lambda files: files.update({name: b""}))) is (
        SetProblem.EXTRA_FILE
    )


def test_a_swapped_label_is_found_even_where_all_sums_were_made_anew(tmp_path, signer) -> None:
    path = pack(tmp_path / "set.zip", signer)
    original = path.read_bytes()

    def swap(files: dict[str, bytes]) -> None:
        files["labels.csv"] = files["labels.csv"].replace(b"png,COVID", b"png,Normal", 1)

    assert problem_of(repacked(path, swap)) is SetProblem.ALTERED_FILE
    path.write_bytes(original)
    assert problem_of(repacked(path, lambda files: (swap(files), resum(files)))) is (
        SetProblem.LABELS_DIFFER
    )


def test_a_manifest_with_other_labels_is_not_what_was_signed(path) -> None:
    def relabel(files: dict[str, bytes]) -> None:
        for name in ("manifest.json", "labels.csv", "metadata.csv"):
            files[name] = files[name].replace(b"COVID", b"SARS!")
        moved = [name for name in files if "/COVID/" in name]
        for name in moved:
            files[name.replace("COVID", "SARS!")] = files.pop(name)
        resum(files)

    assert problem_of(repacked(path, relabel)) is SetProblem.SIGNATURE_INVALID


def resum(files: dict[str, bytes]) -> None:
    """Make manifest and sums fit the files, as a forger without the key can."""
    unsummed = ("SHA256SUMS", "attestation.intoto.jsonl", "signing-key.pem")
    manifest = json.loads(files["manifest.json"])
    for line in manifest["files"]:
        data = files[line["path"]]
        line |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    files["manifest.json"] = json.dumps(manifest).encode()
    files["SHA256SUMS"] = "".join(
        f"{hashlib.sha256(data).hexdigest()}  {name}\n"
        for name, data in files.items()
        if name not in unsummed
    ).encode()


def test_a_key_put_in_the_place_of_the_key_inside_is_found(path, tmp_path) -> None:
    theirs = key_in(tmp_path / "theirs").public_pem
    changed = repacked(path, lambda files: files.update({"signing-key.pem": theirs}))
    assert problem_of(changed) is SetProblem.SIGNATURE_INVALID


def test_a_set_of_another_format_or_without_a_signature_is_not_verified(path, tmp_path) -> None:
    for name in ("attestation.intoto.jsonl", "signing-key.pem"):
        whole = path.read_bytes()
        assert (
            problem_of(repacked(path, lambda files, name=name: files.pop(name)))
            is SetProblem.MISSING_FILE
        )
        path.write_bytes(whole)
    other = tmp_path / "other.zip"
    with Archive(other) as archive:
        manifest = {"format": "synthcxr-manifest/0", "files": []}
        archive.write("manifest.json", json.dumps(manifest).encode())
    assert problem_of(other) is SetProblem.UNREADABLE


def test_what_lies_between_the_files_is_found(path) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"hidden"
    assert problem_of(path) is SetProblem.ALTERED_ARCHIVE


def test_whichever_byte_is_flipped_it_is_found(path) -> None:
    original = path.read_bytes()
    rng = random.Random(0)
    for position in rng.sample(range(len(original)), 300):
        data = bytearray(original)
        data[position] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        with pytest.raises(SetNotVerified):
            verify_set(path)


def test_a_cut_set_is_found(path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])
    assert problem_of(path) is SetProblem.UNREADABLE


def test_a_compressed_file_is_not_unpacked(path) -> None:
    """It may be a bomb."""
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb", b"\0" * 2**20)
    assert problem_of(path) is SetProblem.ALTERED_ARCHIVE
