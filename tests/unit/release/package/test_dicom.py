"""DICOM that says in every way that it is synthetic, and that others can read."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import uuid
import zipfile

import numpy as np
import pydicom
import pytest
from PIL import Image, ImageDraw

from radiographs.phantom import draw
from release.package.archive import Member
from release.package.formats.dicom import dicom
from release.package.manifest import PackagedImage
from release.sample_spec import ClassSample

WRITTEN = frozenset({"dicom"})


@pytest.fixture
def datasets(write) -> list[pydicom.FileDataset]:
    with zipfile.ZipFile(write(formats=WRITTEN)) as archive:
        names = [name for name in archive.namelist() if name.endswith(".dcm")]
        return [pydicom.dcmread(io.BytesIO(archive.read(name))) for name in names]


def test_every_tag_says_what_it_is(datasets) -> None:
    dataset = datasets[3]
    name = "syn_00000000000000000000000001-000003"
    assert dataset[0x0008, 0x001C].value == "YES"  # SyntheticData
    assert dataset.file_meta.TransferSyntaxUID == pydicom.uid.ExplicitVRLittleEndian
    assert dataset.SOPClassUID == "1.2.840.10008.5.1.4.1.1.7"
    assert list(dataset.ImageType) == ["DERIVED", "SECONDARY"]
    assert dataset[0x0008, 0x0064].value == "SYN"  # ConversionType
    assert (str(dataset.PatientName), dataset.PatientID) == (f"SYNTHETIC^{name}", f"SYN-{name}")
    assert (dataset.PatientIdentityRemoved, dataset.BurnedInAnnotation) == ("YES", "NO")
    assert (dataset.Modality, dataset.BodyPartExamined) == ("OT", "CHEST")
    assert dataset.ImageComments == "SYNTHETIC - NOT FOR DIAGNOSIS"
    assert dataset.SeriesDescription == "SYNTHETIC Viral Pneumonia"
    [equipment] = dataset[0x0018, 0xA001].value
    [purpose] = equipment.PurposeOfReferenceCodeSequence
    assert (purpose.CodeValue, purpose.CodingSchemeDesignator) == ("109100", "DCM")
    assert purpose.CodeMeaning == "Synthesizing Equipment"
    assert equipment.Manufacturer == "SynthCXR"
    assert equipment.ManufacturerModelName == "vae mdl_1"
    assert equipment.SoftwareVersions == "0.1.0"
    assert equipment.ContributionDescription == "Synthetic set syn_00000000000000000000000001"


def test_no_scanner_is_simulated_and_nothing_is_dated(datasets) -> None:
    for dataset in datasets:
        for tag in ("Manufacturer", "StationName", "KVP", "InstitutionName", "ContentDate"):
            assert tag not in dataset
        assert dataset.StudyDate == dataset.StudyTime == dataset.PatientBirthDate == ""


def test_the_pixels_are_the_images(datasets, images) -> None:
    for dataset, (pixels, _) in zip(datasets, images, strict=True):
        assert np.array_equal(dataset.pixel_array, pixels)


def test_an_odd_number_of_pixels_is_filled_up_to_an_even_number_of_bytes(description) -> None:
    pixels = np.arange(25, dtype=np.uint8).reshape(5, 5)
    member = Member("images/COVID/000000.png", 1, "0" * 64)
    image = PackagedImage(0, ClassSample("COVID", 1), member)
    dataset = pydicom.dcmread(io.BytesIO(dicom(image, pixels, description)))
    assert len(dataset.PixelData) == 26
    assert np.array_equal(dataset.pixel_array, pixels)


def test_every_image_has_a_patient_study_and_series_of_its_own(datasets) -> None:
    for tag in ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        assert len({dataset[tag].value for dataset in datasets}) == len(datasets)


def test_uids_are_version_5_uuids_under_2_25(datasets) -> None:
    for uid in (datasets[0].SOPInstanceUID, datasets[0].StudyInstanceUID):
        assert uid.is_valid
        assert uuid.UUID(int=int(uid.removeprefix("2.25."))).version == 5


def test_a_label_of_any_length_and_alphabet_fits(description) -> None:
    label = "Ödem\\" + "x" * 80
    image = PackagedImage(0, ClassSample(label, 1), Member("images/x.png", 1, "0" * 64))
    data = dicom(image, np.zeros((4, 4), np.uint8), description)
    read = pydicom.dcmread(io.BytesIO(data)).SeriesDescription
    assert read.startswith("SYNTHETIC Ödem/xxx")
    assert len(read.encode()) == 64


def test_the_validator_finds_nothing_but_the_tag_it_is_too_old_for(write, tmp_path) -> None:
    """(0008,001C) came to the standard in 2023; the validator's dictionary may be older."""
    if (validator := shutil.which("dciodvfy")) is None:
        pytest.skip("dciodvfy (dicom3tools) is not installed")
    with zipfile.ZipFile(write(formats=WRITTEN)) as archive:
        archive.extract("dicom/COVID/000000.dcm", tmp_path)
        archive.extract("dicom/unlabelled/mixtures/000006.dcm", tmp_path)
    for path in sorted(tmp_path.rglob("*.dcm")):
        said = subprocess.run([validator, str(path)], capture_output=True, text=True, check=False)
        errors = re.findall(r"^Error - (.*)$", said.stderr + said.stdout, re.MULTILINE)
        assert [error for error in errors if "(0x0008,0x001c)" not in error] == []


def test_dcmtk_reads_it(write, tmp_path) -> None:
    if (dcmdump := shutil.which("dcmdump")) is None:
        pytest.skip("dcmdump (dcmtk) is not installed")
    with zipfile.ZipFile(write(formats=WRITTEN)) as archive:
        path = archive.extract("dicom/COVID/000000.dcm", tmp_path)
    said = subprocess.run([dcmdump, path], capture_output=True, text=True, check=True)
    assert "SecondaryCaptureImageStorage" in said.stdout
    assert said.stderr == ""


@pytest.mark.parametrize(("text", "said"), [("DOE^JANE 1948", "YES"), ("L", "NO"), ("", "NO")])
def test_burnt_in_annotation_is_what_the_detector_of_text_says(description, text, said) -> None:
    image = Image.fromarray(draw("normal", seed=41, index=0, size=128).pixels)
    ImageDraw.Draw(image).text((8, 4), text, fill=255, font_size=12)
    origin = PackagedImage(0, ClassSample("COVID", 1), Member("images/COVID/000000.png", 1, ""))
    data = dicom(origin, np.asarray(image), description)
    assert pydicom.dcmread(io.BytesIO(data)).BurnedInAnnotation == said
