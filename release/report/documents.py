"""The evidence beside the images: report, certificate, method, dataset card, terms of use.

All of it is a function of the report's JSON and of the images shown; nothing depends on the clock
or the host.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from release.gate.checks.table import table as checks_table
from release.report import text as words
from release.report.certificate import certificate
from release.report.contact_sheets import contact_sheets
from release.report.disclosure import disclosed
from release.report.figures.distances import distance_histograms
from release.report.figures.drawing import Drawing
from release.report.figures.membership import membership_curve
from release.report.figures.recalls import control_recalls
from release.report.numerals import SMALLEST_P
from release.report.pages import render
from release.report.schema import Report, canonical_json


def documents(report: Report, sheets: Mapping[str, NDArray[np.uint8]]) -> dict[str, bytes]:
    """Write the documents of a set, for one that was refused as for one that leaves.

    Args:
        report: All that is known of the set.
        sheets: Synthetic images to show of each class, (n, h, w). They are shown of a released set
            only: what was refused is not seen in its report either.

    Returns:
        Content by file name, as the names stand in the package.
    """
    shown = disclosed(report)
    pictures = contact_sheets(sheets) if words.left_the_building(shown) else []
    certified = certificate(shown)
    values = {
        "report": shown,
        "certificate": certified,
        "sheets": pictures,
        "drawings": drawings(shown),
        "findings": shown.gate.findings,
        "checks_table": checks_table(),
        "smallest_p": SMALLEST_P,
        "size_category": size_category(shown.set.released),
    }
    return {
        "report.html": render("report.html", values),
        "report.json": shown.to_json(),
        "certificate.json": canonical_json(certified),
        "certificate.html": render("certificate.html", values),
        "method.md": render("method.md", values),
        "DATASET_CARD.md": render("DATASET_CARD.md", values),
        "TERMS.md": render("TERMS.md", values),
    }


def drawings(report: Report) -> dict[str, Drawing]:
    """Draw every plot that the report has numbers for."""
    gate = report.gate
    drawn = []
    if gate.controls:
        asked = gate.policy.get("min_control_recall")
        min_recall = float(asked) if isinstance(asked, int | float) else None
        drawn.append(control_recalls(gate.controls, min_recall))
    if gate.membership:
        drawn.append(membership_curve(gate.membership))
    if gate.histograms:
        drawn.append(distance_histograms(gate.histograms))
    return {drawing.name: drawing for drawing in drawn}


def size_category(num_images: int) -> str:
    """Name the size of a set as dataset cards on the Hugging Face Hub do."""
    if num_images < 1_000:
        return "n<1K"
    bounds = ((10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
    return next((name for bound, name in bounds if num_images < bound), "1M<n<10M")
