"""A drawn miniature of each public set as it is downloaded."""

from __future__ import annotations

import gzip
import io

import numpy as np
import openpyxl
import pytest

from radiographs.errors import IngestRefused
from radiographs.ingest import FolderSource, IngestOptions, run
from radiographs.phantom import draw
from radiographs.reading.file_tree import FolderTree
from radiographs.reading.layouts import find_images

OBSERVATIONS = (
    "No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,Lung Lesion,Edema,"
    "Consolidation,Pneumonia,Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,Fracture,"
    "Support Devices"
)


def observations(**values):
    return ",".join(values.get(name.replace(" ", "_"), "") for name in OBSERVATIONS.split(","))


def csv(*lines):
    return ("\n".join(lines) + "\n").encode()


def twice(count=8):
    """Return (k, is sick) for some patients of each class."""
    return [(k, sick) for k in range(count) for sick in (0, 1)]


def nih():
    rows, files = [], {}
    for k, sick in twice():
        name = f"{k:04d}{sick}_000.png"
        files[f"images_{1 + k % 2:03d}/images/{name}"] = b"x"
        finding = ("No Finding", ("Mass|Effusion", "Effusion|Mass")[k % 2])[sick]
        rows.append(f"{name},{finding},0,{k:04d}{sick},58,M,PA,2682,2749,0.143,0.143")
    files["images_001/images/rare_000.png"] = b"x"
    rows += ["rare_000.png,Hernia|Nodule,0,99,58,M,PA,1,1,1,1", "not_here_000.png,Mass,0,1,,,,,,,"]
    head = (
        "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,"
        "View Position,OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
    )
    files["Data_Entry_2017_v2020.csv"] = csv(head, *rows)
    files["BBox_List_2017.csv"] = csv(
        "Image Index,Finding Label,Bbox [x,y,w,h],,,", "a,b,1,2,3,4,,,"
    )
    return files, {"Effusion|Mass": 8, "No Finding": 8}, "0000", {"rare_findings": 1}


def chexpert():
    files = {}
    for split, some in (("train", range(8)), ("valid", range(8, 10))):
        rows = []
        for k in some:
            for sick in (0, 1):
                path = f"{split}/patient{k:05d}/study{1 + sick}/view1_frontal.jpg"
                files[f"CheXpert-v1.0-small/{path}"] = b"x"
                said = (
                    observations(Edema="1.0", Pneumonia="-1.0")
                    if sick
                    else observations(No_Finding="1.0")
                )
                rows.append(f"CheXpert-v1.0-small/{path},Male,60,Frontal,AP,{said}")
            lateral = f"{split}/patient{k:05d}/study1/view2_lateral.jpg"
            files[f"CheXpert-v1.0-small/{lateral}"] = b"x"
            rows.append(f"CheXpert-v1.0-small/{lateral},Male,60,Lateral,,{observations()}")
        head = f"Path,Sex,Age,Frontal/Lateral,AP/PA,{OBSERVATIONS}"
        files[f"CheXpert-v1.0-small/{split}.csv"] = csv(head, *rows)
    return files, {"Edema": 10, "No Finding": 10}, "patient00000", {"other_view": 10}


def mimic():
    files, metadata, labels, other = {}, [], [], []
    for k, sick in twice():
        patient, study, image = f"1000{k:04d}", f"5{k:03d}{sick}", f"{k:08x}-{sick}"
        path = f"files/p{patient[:2]}/p{patient}/s{study}/{image}.jpg"
        files[path] = b"x"
        metadata.append(f"{image},{patient},{study},CHEST,PA,2000,2000,21800506,1,CHEST")
        labels.append(
            f"{patient},{study},"
            + observations(**{"Pleural_Effusion" if sick else "No_Finding": "1.0"})
        )
        other.append(f"{patient},{study},{observations(Fracture='1.0')}")
    head = (
        "dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows,Columns,"
        "StudyDate,StudyTime,ProcedureCodeSequence_CodeMeaning"
    )
    files["mimic-cxr-2.0.0-metadata.csv.gz"] = gzip.compress(csv(head, *metadata))
    head = f"subject_id,study_id,{OBSERVATIONS}"
    files["mimic-cxr-2.0.0-chexpert.csv.gz"] = gzip.compress(csv(head, *labels))
    files["mimic-cxr-2.0.0-negbio.csv.gz"] = gzip.compress(csv(head, *other))
    files["mimic-cxr-2.0.0-split.csv.gz"] = gzip.compress(csv("dicom_id,study_id,subject_id,split"))
    return files, {"No Finding": 8, "Pleural Effusion": 8}, "10000000", {}


def padchest():
    files, rows = {}, []
    for k, sick in twice():
        name = f"{k}{sick}_2014.png"
        files[f"{k % 3}/{name}"] = b"x"
        labels = ("\"['normal']\"", "\"['pleural effusion', 'COPD signs', 'unchanged']\"")[sick]
        rows.append(f"{k},{name},{k % 3},20140915,S{k},P{k},PA,{labels}")
    files["0/side_2014.png"] = b"x"
    rows.append("99,side_2014.png,0,20140915,S,P0,L,\"['normal']\"")
    head = ",ImageID,ImageDir,StudyDate_DICOM,StudyID,PatientID,Projection,Labels"
    files["PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"] = csv(head, *rows)
    return files, {"COPD signs|pleural effusion": 8, "normal": 8}, "p0", {"other_view": 1}


def vindr():
    files, train, test = {}, [], []
    for k, sick in twice():
        files[f"train/{k}{sick}.png"] = files[f"test/t{k}{sick}.png"] = b"x"
        for reader in range(3):
            says = (sick and reader < 2) or (not sick and reader == 2)
            train.append(f"{k}{sick},R{reader},{int(says)},0,{int(not says)}")
        test.append(f"t{k}{sick},{sick},0,{1 - sick}")
    names = "Cardiomegaly,Pleural effusion,No finding"
    files["annotations/image_labels_train.csv"] = csv(f"image_id,rad_id,{names}", *train)
    files["annotations/image_labels_test.csv"] = csv(f"image_id,{names}", *test)
    files["annotations/annotations_train.csv"] = csv("image_id,rad_id,class_name,x_min", "1,R1,a,2")
    return files, {"Cardiomegaly": 16, "No Finding": 16}, None, {}


def rsna():
    files, boxes, detailed = {}, [], []
    for k, sick in twice():
        files[f"stage_2_train_images/p{k}-{sick}.dcm"] = b"x"
        box = ["10,10,20,20,1", "30,30,5,5,1"] if sick else [",,,,0"]
        boxes += [f"p{k}-{sick},{each}" for each in box]
        detailed += [f"p{k}-{sick},{('Normal', 'Lung Opacity')[sick]}" for _ in box]
    files["stage_2_train_labels.csv"] = csv("patientId,x,y,width,height,Target", *boxes)
    files["stage_2_detailed_class_info.csv"] = csv("patientId,class", *detailed)
    files["stage_2_sample_submission.csv"] = csv("patientId,PredictionString", "p0-0,0.5 0 0 1 1")
    return files, {"Lung Opacity": 8, "Normal": 8}, "p0-0", {}


def shenzhen():
    files = {f"CXR_png/CHNCXR_{k:04d}_{sick}.png": b"x" for k, sick in twice()}
    files |= {f"mask/CHNCXR_{k:04d}_{sick}_mask.png": b"x" for k, sick in twice()}
    files |= {f"ClinicalReadings/CHNCXR_{k:04d}_{sick}.txt": b"male 45yrs" for k, sick in twice()}
    return files, {"normal": 8, "tuberculosis": 8}, None, {}


def covid_radiography():
    files = {}
    for label in ("COVID", "Viral Pneumonia"):
        book = openpyxl.Workbook()
        book.active.append(("FILE NAME", "FORMAT", "SIZE", "URL"))
        for k in range(8):
            files[f"COVID-19_Radiography_Dataset/{label}/images/{label}-{k}.png"] = b"x"
            files[f"COVID-19_Radiography_Dataset/{label}/masks/{label}-{k}.png"] = b"x"
            book.active.append((f"{label.upper()}-{k}", "PNG", "256*256", "https://sirm.org"))
        data = io.BytesIO()
        book.save(data)
        files[f"COVID-19_Radiography_Dataset/{label}.metadata.xlsx"] = data.getvalue()
    files["COVID-19_Radiography_Dataset/README.md.txt"] = b"about"
    return files, {"COVID": 8, "Viral Pneumonia": 8}, None, {}


def hugging_face():
    files = {}
    for split in ("train", "test"):
        rows = []
        for k, sick in twice(4):
            files[f"{split}/{k}_{sick}.png"] = b"x"
            rows.append(f'{{"file_name": "{k}_{sick}.png", "label": "{("normal", "sick")[sick]}"}}')
        files[f"{split}/metadata.jsonl"] = csv(*rows)
    return files, {"normal": 8, "sick": 8}, None, {}


def kaggle():
    files = {
        f"chest_xray/{wrap}{split}/{label}/{k}.jpeg": b"x"
        for wrap in ("", "chest_xray/")
        for split in ("train", "val", "test")
        for label in ("NORMAL", "PNEUMONIA")
        for k in range(8)
    }
    return files, {"NORMAL": 48, "PNEUMONIA": 48}, None, {}


SETS = (
    *(nih, chexpert, mimic, padchest, vindr, rsna, shenzhen, covid_radiography),
    *(hugging_face, kaggle),
)


@pytest.mark.parametrize("made", SETS, ids=lambda made: made.__name__)
@pytest.mark.parametrize("wrapped", ["", "download/"])
def test_a_public_set_is_read_as_it_is_downloaded(made, wrapped, folder_of):
    files, classes, patient, left_out = made()
    listing = find_images(FolderTree(folder_of({wrapped + n: data for n, data in files.items()})))
    counts = {}
    for image in listing.images:
        counts[image.label] = counts.get(image.label, 0) + 1
    assert counts == classes
    assert {code: sum(f.code == code for f in listing.dropped) for code in left_out} == left_out
    assert len(listing.dropped) == sum(left_out.values())
    patients = {image.patient_id for image in listing.images}
    if patient is None:
        assert patients == {None}
    else:
        assert None not in patients
        assert patient in patients or patient.lstrip("0") in patients or "0" in patients


def test_a_part_of_a_public_set_is_read_and_what_is_not_there_is_counted(folder_of):
    files, *_ = nih()
    listing = find_images(FolderTree(folder_of(files)))
    warned = {warning.code: warning.num_images for warning in listing.warnings}
    assert warned["rows_without_image"] == 1
    assert not any(file.code == "missing" for file in listing.dropped)


def test_mimic_without_labels_says_which_table_is_needed(folder_of):
    files, *_ = mimic()
    part = {
        name: data
        for name, data in files.items()
        if not name.endswith(("xpert.csv.gz", "bio.csv.gz"))
    }
    with pytest.raises(IngestRefused, match=r"mimic-cxr-2\.0\.0-chexpert\.csv"):
        find_images(FolderTree(folder_of(part)))


@pytest.mark.parametrize("packed", ["alone", "in a folder"])
def test_medmnist_is_read_from_its_arrays(packed, tmp_path, destination):
    arrays = {}
    for start, (split, count) in enumerate((("train", 20), ("val", 8), ("test", 8))):
        arrays[f"{split}_images"] = np.stack(
            [draw("normal", seed=start, index=k, size=64).pixels for k in range(count)]
        )
        arrays[f"{split}_labels"] = (np.arange(count) % 2)[:, None].astype(np.uint8)
    (tmp_path / "set").mkdir()
    np.savez_compressed(tmp_path / "set/pneumoniamnist_64.npz", **arrays)
    if packed == "in a folder":
        source, labels = FolderSource(tmp_path / "set"), ["normal", "pneumonia"]
    else:
        from radiographs.ingest import ArchiveSource

        source, labels = ArchiveSource(tmp_path / "set/pneumoniamnist_64.npz"), ["0", "1"]
    summary = run(source, destination, IngestOptions(bytes(32)))
    assert {label: count["images"] for label, count in summary.classes.items()} == dict.fromkeys(
        labels, 18
    )
    assert summary.layout == "MedMNIST"


def test_an_npz_that_is_no_set_of_images_is_refused(tmp_path):
    np.savez(tmp_path / "x.npz", train_images=np.zeros((3, 9)), train_labels=np.zeros(3))
    with pytest.raises(IngestRefused) as caught:
        find_images(FolderTree(tmp_path))
    assert caught.value.code == "labels_invalid"
