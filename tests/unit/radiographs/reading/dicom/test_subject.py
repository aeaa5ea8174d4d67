"""What a DICOM file says it shows decides whether it is read; little of the rest is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import uid
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from radiographs.acquisition import Acquisition
from radiographs.errors import UnreadableImage
from radiographs.reading.decoding import decode, read_header
from tests.unit.radiographs.made_dicom import GREY, TWELVE_BITS, dataset, dicom, encoded


def refusal(data):
    with pytest.raises(UnreadableImage) as caught:
        read_header(data)
    return caught.value


def facts(**elements):
    return read_header(dicom(**elements)).dicom


def region(meaning):
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "1", "SCT", meaning
    return Sequence([item])


@pytest.mark.parametrize("modality", ["CT", "MR", "US", "MG", "RF", "XA", "PT", "SEG"])
def test_another_modality_is_refused_by_its_name(modality):
    refused = refusal(dicom(Modality=modality))
    assert refused.code == "other_modality"
    assert modality in refused.reason


@pytest.mark.parametrize("modality", ["CR", "DX", "DR", "RG", "dx "])
def test_radiographs_are_read(modality):
    assert "modality_unknown" not in facts(Modality=modality).remarks


@pytest.mark.parametrize("modality", ["OT", "SC", "", None])
def test_a_capture_or_a_file_without_modality_is_read_with_a_remark(modality):
    assert "modality_unknown" in facts(Modality=modality).remarks


@pytest.mark.parametrize("part", ["KNEE", "ABDOMEN", "TSPINE", "thoracic spine", "SKULL"])
def test_another_body_part_is_refused_by_its_name(part):
    refused = refusal(dicom(BodyPartExamined=part))
    assert refused.code == "other_body_part"
    assert part.replace(" ", "").upper() in refused.reason


@pytest.mark.parametrize(
    "part", ["CHEST", "chest pa", "THORAX", "Tórax", "LUNG", "CHESTABDOMEN", "", "UNKNOWN", None]
)
def test_a_chest_under_its_usual_names_or_under_none_is_read(part):
    assert facts(BodyPartExamined=part, SpecificCharacterSet="ISO_IR 192").patient_id == "4711"


def test_the_code_of_a_region_counts_where_there_is_no_body_part():
    assert facts(BodyPartExamined=None, AnatomicRegionSequence=region("Chest")).patient_id
    knee = dicom(BodyPartExamined=None, AnatomicRegionSequence=region("Knee"))
    assert refusal(knee).code == "other_body_part"


@pytest.mark.parametrize("keyword", ["Modality", "BodyPartExamined", "PhotometricInterpretation"])
def test_a_refusal_quotes_no_value_that_could_name_somebody(keyword):
    assert "MUSTERMANN" not in refusal(dicom(**{keyword: "MUSTERMANN"})).reason.upper()


def test_several_frames_are_refused():
    refused = refusal(dicom(TWELVE_BITS, NumberOfFrames=2))
    assert refused.code == "multi_frame"
    assert "2 frames" in refused.reason
    assert facts(NumberOfFrames=1).patient_id


def test_colour_is_refused():
    refused = refusal(dicom(PhotometricInterpretation="RGB", SamplesPerPixel=3))
    assert refused.code == "unsupported_mode"
    assert "RGB" in refused.reason


@pytest.mark.parametrize("bits", [(32, 32), (1, 1), (64, 64)])
def test_other_numbers_of_bits_are_refused(bits):
    assert refusal(dicom(BitsAllocated=bits[0], BitsStored=bits[1])).code == "unsupported_mode"


def test_a_file_without_pixels_is_named():
    made = dataset()
    del made.PixelData
    file = encoded_without_pixels(made)
    assert refusal(file).code == "no_pixels"
    report = Path(get_testdata_file("reportsi.dcm", download=False))
    assert refusal(report.read_bytes()).code == "other_modality"


def encoded_without_pixels(made):
    made.PixelData = b""
    whole = encoded(made)
    return whole[: whole.index(b"\xe0\x7f\x10\x00")]


def test_what_is_kept_of_an_acquisition():
    found = facts(
        PatientAge="045Y",
        PatientSex="F",
        ViewPosition="PA",
        ImageLaterality="U",
        ImagerPixelSpacing=[0.139, 0.14],
        Manufacturer="ACME",
    )
    assert found.acquisition == Acquisition(45.0, "F", "PA", "U", 0.139, 0.14, "ACME")


def test_a_calibrated_spacing_goes_before_that_of_the_detector():
    found = facts(PixelSpacing=[0.1, 0.1], ImagerPixelSpacing=[0.139, 0.139]).acquisition
    assert (found.row_spacing_mm, found.column_spacing_mm) == (0.1, 0.1)


@pytest.mark.parametrize(
    ("age", "years"),
    [("045Y", 45), ("018M", 1.5), ("007D", 7 / 365.25), ("099Y", 90), ("45", 45), ("old", None)],
)
def test_ages_are_in_years_and_the_oldest_are_ninety(age, years):
    assert facts(PatientAge=age).acquisition.age_years == years


@pytest.mark.parametrize(
    "elements",
    [
        {"PatientSex": "?"},
        {"PatientAge": ""},
        {"ViewPosition": "<script>"},
        {"ImagerPixelSpacing": [0, 0]},
        {"PixelSpacing": [0.1, -1]},
        {"Laterality": "Mustermann"},
    ],
)
def test_what_makes_no_sense_of_an_acquisition_is_unknown(elements):
    assert facts(**elements).acquisition == Acquisition()


def test_nothing_else_is_taken_from_a_file():
    canary = "Mustermann"
    keywords = ("PatientName", "ReferringPhysicianName", "InstitutionName", "StudyID")
    elements = dict.fromkeys(keywords, canary)
    data = dicom(**elements, PatientBirthDate="19700101", AccessionNumber=canary)
    assert canary.encode() in data
    assert canary not in str(read_header(data))
    assert "1970" not in str(read_header(data))


@pytest.mark.parametrize(
    "placeholder", ["", "ANONYMOUS", "anonymized", "Unknown", "000000", "--", "N/A", "xxx", "NONE"]
)
def test_a_placeholder_is_no_patient(placeholder):
    assert facts(PatientID=placeholder).patient_id is None


@pytest.mark.parametrize("patient", ["4711", "0042", "XA-7", "test7", "P0001", "patient 3"])
def test_an_issuer_does_not_change_who_a_patient_is(patient):
    issued = facts(PatientID=f" {patient} ", IssuerOfPatientID="CLINIC")
    assert issued.patient_id == facts(PatientID=patient).patient_id == patient


def test_remarks_on_raw_images_and_burned_in_text():
    assert "not_for_presentation" in facts(PresentationIntentType="FOR PROCESSING").remarks
    assert facts(BurnedInAnnotation="YES").has_burned_in_text
    assert not facts(BurnedInAnnotation="NO").has_burned_in_text


def test_a_directory_of_files_is_no_image():
    directory = dataset(SOPClassUID=uid.MediaStorageDirectoryStorage)
    assert "DICOMDIR" in refusal(encoded(directory)).reason


@pytest.mark.parametrize("syntax", [uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian])
def test_a_file_without_preamble_is_known_by_its_first_element(syntax):
    made = dataset(GREY, 8)
    made.file_meta.TransferSyntaxUID = syntax
    whole = encoded(made)
    bare = whole[whole.index(b"\x08\x00\x16\x00") :]  # nor file meta information
    assert (decode(bare) == GREY).all()


def test_a_preamble_that_poses_as_another_format_does_not_hide_a_dicom_file():
    whole = bytearray(dicom(GREY, 8))
    whole[:4] = b"II*\0"
    assert (decode(bytes(whole)) == GREY).all()
