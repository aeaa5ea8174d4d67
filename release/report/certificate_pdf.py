"""The certificate as a PDF of A4 pages, to be signed by one or two people.

It says what `certificate.json` says and nothing else, so it needs no part of the package but that.
Of the same certificate it is the same bytes; an issued one has its date. Letters are those of
DejaVu Sans where Matplotlib is installed, as in every worker, or else of Bitstream Vera, which
has the letters of Western Europe alone.

ReportLab and the standard library alone, since the API process imports it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.colors import Color, HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import (
    Flowable,
    KeepTogether,
    ListFlowable,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
    TableStyle,
)

from release.report.record import IN_PACKAGE, Record

INK, MUTED, GRID, BOX = map(HexColor, ("#1b1f24", "#57606a", "#d8dee4", "#f4f6f8"))
EDGES = {
    "passed": HexColor("#116329"),
    "passed_filtered": HexColor("#116329"),
    "refused": HexColor("#a40e26"),
    "inconclusive": HexColor("#7d4e00"),
}
SIDE, TOP, FOOT = 17 * mm, 14 * mm, 16 * mm
WIDTH = A4[0] - 2 * SIDE
FRAME_PADDING = 6  # points that ReportLab keeps free around a page's content
SIGN_HERE = ("Name and function", "Place and date", "Signature")
DECISION = (
    "The figures above are evidence. That the set is given to somebody is decided by the people "
    "who sign here."
)


def certificate_pdf(certificate: Mapping[str, Any], record: Record | None = None) -> bytes:
    """Write the PDF.

    Args:
        certificate: The values of `certificate.json`.
        record: When, where and for whom; None for the copy in the package.
    """
    buffer = io.BytesIO()
    document = SimpleDocTemplate(
        buffer,
        pagesize=A4,
        leftMargin=SIDE - FRAME_PADDING,
        rightMargin=SIDE - FRAME_PADDING,
        topMargin=TOP,
        bottomMargin=FOOT,
        title=f"Certificate of the synthetic set {certificate['set_id']}",
        author="SynthCXR",
        lang="en",
        invariant=record is None,
    )
    footer = partial(_footer, set_id=str(certificate["set_id"]))
    document.build(list(_story(certificate, record)), onFirstPage=footer, onLaterPages=footer)
    return buffer.getvalue()


def _story(it: Mapping[str, Any], record: Record | None) -> Iterator[Flowable]:
    yield _paragraph("Certificate of a synthetic set of chest X-rays", "title")
    yield _paragraph(f"{it['set_id']} · synthetic images, not for diagnosis", "muted")
    yield Spacer(0, 2 * mm)
    yield _verdict(it)
    for warning in it["warnings"]:
        yield Spacer(0, 1.5 * mm)
        yield _box([_paragraph(f"Warning. {warning}")], EDGES["inconclusive"])
    yield Spacer(0, 1.5 * mm)
    yield _paragraph(it["statement"], "strong")
    yield from _section("Record", [_facts(record.facts) if record else _paragraph(IN_PACKAGE)])
    yield from _section("What it is about", [_facts(_about(it))])
    claims = it["claims"]
    yield from _section("Claim about copies", [_paragraph(claims["copies"]["text"]), _rates(it)])
    held_out = (
        f"It rests on {claims['membership']['num_held_out']:,} real images of "
        f"{claims['membership']['num_patients']:,} patients that no model was trained on."
    )
    of_membership = f"{claims['membership']['text']} {held_out}"
    yield from _section("Claim about membership", [_paragraph(of_membership)])
    measured = it["measured"]
    shown = [measured["likeness"], measured["burned_in_text"]]
    if not it["outcome"].startswith("passed"):
        shown.insert(0, measured["membership"])
    yield from _section("What was measured besides", [_listed(shown)])
    yield from _section("Kinds of copies", list(_kinds(it["kinds_of_copies"])))
    untested = [f"{each['id']} {each['name']}: {each['why']}".strip() for each in it["not_tested"]]
    yield from _section("What was not tested", [_listed(untested)])
    yield from _section("What it is bound to", [_facts(_bound(it))])
    yield KeepTogether(
        [
            _paragraph("Decision of the hospital", "heading"),
            _paragraph(DECISION),
            Spacer(0, 2 * mm),
            _signatures(),
        ]
    )


def _verdict(it: Mapping[str, Any]) -> Flowable:
    lines = [_paragraph(it["heading"], "outcome"), _paragraph(it["summary"])]
    if it["reasons"]:
        lines.append(_paragraph(f"Why: {'; '.join(it['reasons'])}."))
    lines.append(_paragraph(it["verdict"], "muted"))
    return _box(lines, EDGES[it["outcome"]])


def _about(it: Mapping[str, Any]) -> list[tuple[str, str]]:
    model, examination = it["model"], it["examination"]
    return [
        ("Kind of evidence", it["label"]),
        ("Images in the set", f"{it['num_images']:,}"),
        ("Model", f"{model['id']}, family {model['family']}, {_sides(model)}"),
        ("Examination", f"set {examination['number']} of at most {examination['at_most']}"),
        ("Dataset version", f"{it['dataset_version']} (keyed)"),
    ]


def _sides(model: Mapping[str, Any]) -> str:
    """Say how large a model draws its images, and to what they were enlarged."""
    larger = model.get("upscaled_to")
    return f"{model['image_size']} pixels a side" + (f", enlarged to {larger}" if larger else "")


def _bound(it: Mapping[str, Any]) -> list[tuple[str, str]]:
    limits = [
        (f"Policy: {name}", f"{limit['value']}: {limit['meaning']}")
        for name, limit in it["policy"].items()
    ]
    versions = ", ".join(f"{name} {number}" for name, number in it["versions"].items())
    return [
        *limits,
        ("Versions", ", ".join(filter(None, (f"gate {it['gate_version']}", versions)))),
        ("Policy, SHA-256", it["policy_sha256"]),
        ("Report, SHA-256", it["report_sha256"]),
        ("Model weights, SHA-256", it["model"]["snapshot_sha256"]),
    ]


def _rates(it: Mapping[str, Any]) -> Flowable:
    copies = it["claims"]["copies"]
    rows = [("all images", copies["mdcr"], copies["claimed"])]
    rows += [(f"images of {name}", rate, rate < 1) for name, rate in copies["by_class"].items()]
    cells = [["Among", "Minimum detectable copy rate", "Claim"]]
    for name, rate, claimed in rows:
        cells.append(
            [name, f"{100 * rate:.2f} %" if rate < 1 else "none", "claimed" if claimed else "none"]
        )
    return _table(cells, (0.5 * WIDTH, 0.3 * WIDTH, 0.2 * WIDTH), header=True)


def _kinds(kinds: Mapping[str, Any]) -> Iterator[Flowable]:
    def named(controls: Sequence[Mapping[str, Any]]) -> str:
        found = (f"{each['name']} ({each['found']} of {each['planted']})" for each in controls)
        return "; ".join(found) or "none"

    yield _paragraph(
        f"Looked for, with how many of the planted copies were found: {named(kinds['looked_for'])}."
    )
    yield _paragraph(
        "Not looked for, since too few of the planted copies were found; nothing is claimed for "
        f"them, and such copies may go unnoticed: {named(kinds['not_looked_for'])}."
    )
    yield _paragraph(f"No planted copy stands for: {'; '.join(kinds['not_planted'])}.")


def _section(heading: str, content: Sequence[Flowable]) -> Iterator[Flowable]:
    yield KeepTogether([_paragraph(heading, "heading"), content[0]])
    yield from content[1:]


def _facts(facts: Sequence[tuple[str, str]]) -> Flowable:
    return _table([[name, text] for name, text in facts], (0.25 * WIDTH, 0.75 * WIDTH))


def _table(
    cells: Sequence[Sequence[str]], widths: Sequence[float], *, header: bool = False
) -> Flowable:
    rows = [
        [
            _paragraph(text, "muted" if (header and not row) or (not header and not column) else "")
            for column, text in enumerate(line)
        ]
        for row, line in enumerate(cells)
    ]
    style: list[tuple[object, ...]] = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("RIGHTPADDING", (0, 0), (-1, -1), 6),
        ("TOPPADDING", (0, 0), (-1, -1), 0.7),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 1.2),
    ]
    if header:
        style.append(("LINEBELOW", (0, 0), (-1, 0), 0.5, GRID))
    return Table(rows, colWidths=widths, style=TableStyle(style), repeatRows=int(header))


def _box(lines: Sequence[Flowable], edge: Color) -> Flowable:
    style = [
        ("BACKGROUND", (0, 0), (-1, -1), BOX),
        ("LINEBEFORE", (0, 0), (0, -1), 4, edge),
        ("LEFTPADDING", (0, 0), (-1, -1), 10),
        ("TOPPADDING", (0, 0), (-1, -1), 6),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 6),
    ]
    return Table([[list(lines)]], colWidths=[WIDTH], style=TableStyle(style))


def _listed(lines: Sequence[str]) -> Flowable:
    return ListFlowable(
        [_paragraph(line) for line in lines],
        bulletType="bullet",
        start="•",
        leftIndent=9,
        bulletFontName=_fonts()[0],
        bulletFontSize=8,
    )


def _signatures() -> Flowable:
    """Two blocks side by side, with room to write above each line."""
    heads = ["Decided by", "", "And by, where two people decide"]
    rows: list[list[Flowable]] = [[_paragraph(text, "strong") for text in heads]]
    style: list[tuple[object, ...]] = [("LEFTPADDING", (0, 0), (-1, -1), 0)]
    for row, text in enumerate(SIGN_HERE, start=1):
        rows.append([_paragraph(text, "muted"), _paragraph(""), _paragraph(text, "muted")])
        style += [("LINEABOVE", (column, row), (column, row), 0.5, MUTED) for column in (0, 2)]
        style += [("TOPPADDING", (0, row), (-1, row), 1), ("BOTTOMPADDING", (0, row), (-1, row), 1)]
    heights = [14 * mm, *([13 * mm] * (len(SIGN_HERE) - 1)), 6 * mm]
    half = (WIDTH - 10 * mm) / 2
    style.append(("VALIGN", (0, 0), (-1, -1), "TOP"))
    return Table(rows, colWidths=[half, 10 * mm, half], rowHeights=heights, style=TableStyle(style))


def _paragraph(text: str, style: str = "") -> Paragraph:
    return Paragraph(escape(text), _styles()[style])


def _footer(canvas: Any, _: Any, *, set_id: str) -> None:
    canvas.saveState()
    canvas.setFont(_fonts()[0], 7)
    canvas.setFillColor(MUTED)
    canvas.drawString(SIDE, 9 * mm, f"SynthCXR · {set_id} · the full evidence is in report.html")
    canvas.drawRightString(A4[0] - SIDE, 9 * mm, f"page {canvas.getPageNumber()}")
    canvas.restoreState()


@cache
def _styles() -> Mapping[str, ParagraphStyle]:
    plain, bold = _fonts()
    body = ParagraphStyle("body", fontName=plain, fontSize=8, leading=10.6, textColor=INK)
    # long digests and names without blanks are broken rather than cut off
    body.splitLongWords = 1

    def of(name: str, **changes: Any) -> ParagraphStyle:
        return ParagraphStyle(name, parent=body, **changes)

    return {
        "": body,
        "muted": of("muted", textColor=MUTED),
        "strong": of("strong", fontName=bold),
        "title": of("title", fontName=bold, fontSize=15, leading=20),
        "outcome": of("outcome", fontName=bold, fontSize=11, leading=15),
        "heading": of("heading", fontName=bold, fontSize=9.5, leading=12, spaceBefore=8),
    }


@cache
def _fonts() -> tuple[str, str]:
    """Register the letters; returns the names of the plain and the bold ones."""
    files = ("Vera.ttf", "VeraBd.ttf")  # which ReportLab brings along
    matplotlib = find_spec("matplotlib")  # not imported
    if matplotlib and matplotlib.submodule_search_locations:
        folder = Path(matplotlib.submodule_search_locations[0]) / "mpl-data" / "fonts" / "ttf"
        found = folder / "DejaVuSans.ttf", folder / "DejaVuSans-Bold.ttf"
        if all(path.is_file() for path in found):
            files = str(found[0]), str(found[1])
    names = "certificate", "certificate-bold"
    for name, file in zip(names, files, strict=True):
        pdfmetrics.registerFont(TTFont(name, file))
    return names
