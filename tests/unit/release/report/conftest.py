"""A made-up report, a fixture: no number in it was measured, and its images are phantoms."""

from __future__ import annotations

from itertools import pairwise
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

from radiographs.phantom import FINDINGS, draw
from release.report.documents import documents
from release.report.schema import Report

DIGEST = "5f" * 32
NORMAL = NormalDist()
REASONS = {
    "memorises": "too many of the images drawn are copies of training images",
    "power": "too few patients are held out to find copies as rare as policy asks",
}
REMEDIES = {
    "memorises": ("release from an earlier checkpoint", "train with differential privacy"),
    "power": ("ingest more patients, so that more are held out",),
}


def measured(value: float, half_width: float) -> dict[str, float]:
    low, high = round(value - half_width, 6), round(value + half_width, 6)
    return {"value": round(value, 6), "low": low, "high": high}


def roc(shift: float) -> dict[str, list[float]]:
    fpr = [i / 50 for i in range(51)]
    tpr = [NORMAL.cdf(NORMAL.inv_cdf(x) + shift) if 0 < x < 1 else x for x in fpr]
    band = [0.12 * (x * (1 - x)) ** 0.5 for x in tpr]
    low = [max(0.0, t - b) for t, b in zip(tpr, band, strict=True)]
    high = [min(1.0, t + b) for t, b in zip(tpr, band, strict=True)]
    return {"fpr": fpr, "tpr": tpr, "low": low, "high": high}


def bell(center: float, width: float, images: int) -> list[int]:
    bins = [NORMAL.cdf((i / 10 - center) / width) for i in range(21)]
    return [round(images * (b - a)) for a, b in pairwise(bins)]


def finding(id_: str, name: str, decision: str, p_value: float | None, text: str) -> dict[str, Any]:
    return {
        "id": id_,
        "name": name,
        "decision": decision,
        "statistic": None,
        "threshold": None,
        "p_value": p_value,
        "text": text,
    }


def control(name: str, found: int, *, required: bool = True) -> dict[str, Any]:
    share = found / 200
    low, high = round(max(0.0, share - 0.04), 6), round(min(1.0, share + 0.02), 6)
    recall = {"value": share, "low": low, "high": high}
    return {
        "name": name,
        "planted": 200,
        "found": found,
        "recall": recall,
        "required": required,
        "claimed": share >= 0.95,
    }


def fidelity_row(label: str, images: int) -> dict[str, Any]:
    synthetic = {
        "kid": measured(0.0123, 0.0017),
        "fd": measured(31.4, 2.2),
        "precision": measured(0.71, 0.03),
        "recall": measured(0.44, 0.04),
        "density": measured(0.83, 0.05),
        "coverage": measured(0.69, 0.04),
        "ms_ssim": measured(0.31, 0.02),
        "agreement": measured(0.94, 0.02) if label != "all" else None,
    }
    floor = {
        "kid": measured(0.0002, 0.0006),
        "fd": measured(9.8, 0.9),
        "precision": measured(0.78, 0.03),
        "recall": measured(0.77, 0.03),
        "density": measured(1.0, 0.04),
        "coverage": measured(0.96, 0.01),
        "ms_ssim": measured(0.28, 0.02),
        "agreement": measured(0.97, 0.02),
    }
    return {
        "label": label,
        "num_images": images,
        "num_compared": min(images, 900),
        "synthetic": synthetic,
        "floor": floor,
    }


def validity() -> dict[str, Any]:
    return {
        "kid": measured(0.0123, 0.0017),
        "kid_floor": measured(0.0002, 0.0006),
        "kid_ceiling": measured(0.31, 0.01),
        "agreement": measured(0.94, 0.02),
        "real_accuracy": measured(0.97, 0.02),
        "chance": measured(0.25, 0.0),
    }


def arm(name: str, trained_on: str, images: int, auroc: float) -> dict[str, Any]:
    return {
        "name": name,
        "trained_on": trained_on,
        "num_images": images,
        "scores": {
            "auroc": measured(auroc, 0.013),
            "auprc": measured(auroc - 0.06, 0.02),
            "f1": measured(auroc - 0.1, 0.021),
            "sensitivity": measured(auroc - 0.08, 0.03),
            "specificity": measured(auroc - 0.02, 0.015),
            "calibration_error": measured(0.046, 0.009),
        },
        "by_class": {label: {"auroc": measured(auroc, 0.01)} for label in FINDINGS},
        "by_subgroup": {"portable": measured(auroc - 0.03, 0.02)},
    }


def values(outcome: str = "passed", code: str | None = None) -> dict[str, Any]:
    """Return the JSON of a made-up report."""
    refused, undecided = outcome == "refused", outcome == "inconclusive"
    released = not refused and not undecided
    dropped = 3 if outcome == "passed_filtered" else 41 if refused else 0
    per_class = 1_000
    generated = per_class * len(FINDINGS) + (dropped if released else 0)
    held_out = 180 if undecided else 655
    classes = dict.fromkeys(FINDINGS, 0)
    report: dict[str, Any] = {
        "format": "synthcxr-report/1",
        "set": {
            "id": "syn_018f9a6e5d5c7a31b6c8",
            "class_counts": dict.fromkeys(FINDINGS, 0 if refused else per_class),
            "unlabelled_counts": {} if refused else {"mixture": 12},
            "generated": generated,
            "rejected": dropped,
            "released": 0 if refused else generated - dropped,
            "examination": {"number": 2, "at_most": 50},
        },
        "model": {
            "id": "mdl_018f9a6e",
            "family": "ldm",
            "image_size": 64,
            "config_sha256": DIGEST,
            "snapshot_sha256": "a0" * 32,
        },
        "dataset": {
            "version": "dv_7c1e5b0a9d3f",
            "class_counts": {label: 1_100 - 200 * i for i, label in enumerate(classes)},
            "patient_ids": True,
        },
        "verdict": {
            "outcome": outcome,
            "code": code,
            "text": f"{outcome}({code or dropped})" if dropped or code else outcome,
            "reasons": [REASONS[code]] if code else [],
            "remedies": REMEDIES[code] if code else [],
        },
        "gate": {
            "version": "1",
            "policy": {
                "alpha": 0.01,
                "max_mdcr": 0.015,
                "min_control_recall": 0.95,
                "max_advantage": 0.09,
                "scan_depths": [10, 30, 100, 300],
            },
            "policy_sha256": "b1" * 32,
            "power": {
                "num_held_out": held_out,
                "num_patients": held_out - 15,
                "num_calibrating": 7 * held_out,
                "num_examined": generated,
                "recall": 0.955,
                "mdcr": 0.0374 if undecided else 0.0124,
                "max_mdcr": 0.015,
                "by_class": dict(zip(FINDINGS, (0.0287, 0.0513, 0.1205, 1.0), strict=True)),
                "membership": 0.0613 if undecided else 0.0205,
                "max_membership": 0.05,
            },
            "findings": [
                finding(
                    "G0",
                    "validity",
                    "passed",
                    None,
                    "The images are as near to real ones as real images are.",
                ),
                finding(
                    "G1",
                    "copies",
                    "refused" if refused else "passed",
                    0.001 if refused else 0.5,
                    f"{dropped} of {generated} images came nearer to a training image than "
                    "unseen images do.",
                ),
                finding(
                    "G2",
                    "scan",
                    "refused" if refused else "passed",
                    0.01 if refused else 0.5,
                    "The patients nearest to the most suspicious images are spread over "
                    "training and held-out images as chance would have it.",
                ),
                finding(
                    "G3",
                    "membership",
                    "passed",
                    0.1,
                    "The attack distinguishes training images no better than chance.",
                ),
                finding(
                    "G4",
                    "exposure",
                    "reported",
                    None,
                    "No patient is the nearest to unusually many images.",
                ),
                finding(
                    "G5",
                    "epsilon lower bound",
                    "reported",
                    None,
                    "The audit shows no epsilon above zero.",
                ),
                finding(
                    "G7",
                    "controls",
                    "passed",
                    None,
                    "The planted near-duplicates were found.",
                ),
                finding(
                    "G8",
                    "attack advantage",
                    "passed",
                    None,
                    "The upper bound of the advantage is below what policy allows.",
                ),
                finding(
                    "G9",
                    "burnt-in text",
                    "passed",
                    None,
                    "Text was found in 0 of 500 images, beyond doubt in none of them; up to 8 are "
                    "put down to chance.",
                ),
            ],
            "controls": [
                control("exact copy", 200),
                control("noise", 199),
                control("shift by 3 pixels", 196),
                control("mirror image", 200),
                control("crop of 10 %", 191),
                control("round trip through the autoencoder", 197),
                control("zoom to 0.8", 200, required=False),
                control("SDEdit at t = 0.2", 176, required=False),
                control("SDEdit at t = 0.4", 38, required=False),
            ],
            "membership": {
                "auc": measured(0.68, 0.03) if refused else measured(0.512, 0.033),
                "tpr_at_1_percent_fpr": measured(0.062, 0.02)
                if refused
                else {"value": 0.0132, "low": 0.004, "high": 0.025},
                "roc": roc(0.66 if refused else 0.04),
            },
            "histograms": {
                "edges": [i / 10 for i in range(21)],
                "real_to_real": bell(1.0, 0.2, held_out),
                "synthetic_to_real": bell(0.7 if refused else 0.96, 0.2, generated),
            },
            "metrics": [
                {"name": "pixels", "digest": "c2" * 32},
                {"name": "copy", "digest": "d3" * 32},
            ],
            "epsilon_lower_bound": 0.21,
        },
        "fidelity": {
            "extractor": {"name": "own encoder", "sha256": "e4" * 32, "preparation": "as they are"},
            "rows": [fidelity_row("all", 4_000), *(fidelity_row(x, 1_000) for x in FINDINGS)],
            "validity": validity(),
        },
        "utility": {
            "num_seeds": 5,
            "images_to_see": 4_000,
            "arms": [
                arm("real", "all real training images", 3_200, 0.946),
                arm("synthetic", "this set alone", 4_000, 0.897),
                arm("real and synthetic", "both together", 7_200, 0.951),
                arm("real, classes weighted", "rare classes count more", 3_200, 0.948),
            ],
            "equivalent_size": {
                "num_images": {"value": 870.0, "low": 610.0, "high": 1_240.0},
                "bound": None,
            },
            "gains": [
                {
                    "arm": "real and synthetic",
                    "over": "real",
                    "auroc": measured(0.005, 0.007),
                    "over_seeds": None,
                    "helps": False,
                }
            ],
            "rebalancing_helps": False,
            "learning_curve": [
                {"num_images": 200, "auroc": measured(0.837, 0.02)},
                {"num_images": 3_200, "auroc": measured(0.946, 0.013)},
            ],
        },
        "limits": [
            "The images were drawn at 64 x 64 pixels: fine detail is not there.",
            "One dataset of one place was learned from.",
        ],
    }
    if refused:
        report["utility"] = None
    return report


OUTCOMES = {
    "passed": ("passed", None),
    "passed_filtered(3)": ("passed_filtered", None),
    "refused(memorises)": ("refused", "memorises"),
    "inconclusive(power)": ("inconclusive", "power"),
}


@pytest.fixture
def made_up() -> dict[str, Any]:
    """A made-up report of a set that passed, as JSON values to change."""
    return values()


@pytest.fixture(scope="session")
def made_up_reports() -> dict[str, Report]:
    """A made-up report for each kind of verdict, by the verdict's name."""
    return {
        name: Report.model_validate(values(outcome, code))
        for name, (outcome, code) in OUTCOMES.items()
    }


@pytest.fixture(scope="session")
def phantoms() -> dict[str, np.ndarray]:
    """Eight phantoms of each finding."""
    return {
        label: np.stack([draw(label, seed=4, index=i, size=48).pixels for i in range(8)])
        for label in FINDINGS
    }


@pytest.fixture(scope="session")
def written(made_up_reports, phantoms) -> dict[str, dict[str, bytes]]:
    """The documents of each made-up report, by the verdict's name."""
    return {name: documents(report, phantoms) for name, report in made_up_reports.items()}
