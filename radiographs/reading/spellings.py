"""Different spellings of one label, brought together where it is plain that they are one."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import replace

from radiographs.reading.file_kinds import plain
from radiographs.reading.listing import ListedImage
from radiographs.reading.views import is_view
from radiographs.warnings import IngestWarning

_FINDINGS = re.compile(r"[|;]")  # between the findings of a cell; a comma may be part of a name
_LISTED = re.compile(r"[|;,&+]")  # the same, where it is only asked whether the order differs
_LIST = re.compile(r"\[(.*)\]", re.DOTALL)
_COPY_WORD = r"(?:copy|kopie|copia|copie|c[oó]pia)"
_COPY = re.compile(  # what a system calls a copy of a folder: Normal (1), Normal - Copy, normal_2
    rf"{_COPY_WORD} (?:of|von|de) (.+)|(.+?)(?:[\s_-]*\(\d+\)|[\s_-]+{_COPY_WORD}"
    r"(?:[\s_-]*\(?\d+\)?)?|[\s_-]+\d+)",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_SHOWN = 5


def with_one_spelling(
    images: Sequence[ListedImage],
) -> tuple[list[ListedImage], list[IngestWarning]]:
    """Give every label one spelling: the most frequent one.

    Labels are one that differ in case, accents, blanks, hyphens and underscores, in the form of a
    number (1, 1.0), or in the order of findings (A|B, B|A).
    """
    counts = Counter(image.label for image in images)
    spellings: dict[Hashable, list[str]] = defaultdict(list)
    for label in counts:
        spellings[_meaning(label)].append(label)
    chosen = {label: _best(labels, counts) for labels in spellings.values() for label in labels}
    merged = [labels for labels in spellings.values() if len(labels) > 1]
    found = [
        image if chosen[image.label] == image.label else replace(image, label=chosen[image.label])
        for image in images
    ]
    looking = [*_merged(merged, chosen, counts), *_several(found)]
    return found, [*looking, *_alike(Counter(image.label for image in found))]


def joined(findings: Sequence[str]) -> str:
    """Return the label of an image with these findings, whatever their order."""
    return "|".join(sorted(set(findings), key=str.casefold))


def listed(cell: str) -> list[str]:
    """Return the findings of a cell that lists them as Python or JSON does; else none."""
    found = _LIST.fullmatch(cell)
    return [one or other for one, other in _QUOTED.findall(found[1])] if found else []


def _meaning(label: str) -> Hashable:
    """Return what is equal for spellings of one label."""
    number = _number(label)
    if number is not None:
        return number
    if len(parts := _LISTED.split(label)) > 1:
        return tuple(sorted({_word(part) for part in parts if part.strip()}))
    return _word(label)


def _number(label: str) -> float | None:
    try:
        return float(label.replace(",", ".")) if label[:1].isdigit() else None
    except ValueError:
        return None


def _word(text: str) -> str:
    """Fold a word; what has no letters keeps its signs: grade 1.5 is not grade 15."""
    word = plain(text)
    if word.isalpha():
        return word
    folded = unicodedata.normalize("NFKC", text).casefold()
    return re.sub(r"(?<=[^\W\d])[\s_\-]+|[\s_\-]+(?=[^\W\d])|^\s+|\s+$", "", folded)


def _best(labels: list[str], counts: Counter[str]) -> str:
    whole = [label for label in labels if label.isdigit()]
    ordered = [label for label in labels if label == joined(_FINDINGS.split(label))]
    return min(whole or ordered or labels, key=lambda label: (-counts[label], label))


def _merged(
    merged: list[list[str]], chosen: dict[str, str], counts: Counter[str]
) -> list[IngestWarning]:
    if not merged:
        return []
    shown = "; ".join(
        f"{', '.join(sorted(labels))} as {chosen[labels[0]]}" for labels in merged[:_SHOWN]
    )
    more = f"; and {len(merged) - _SHOWN} more" if len(merged) > _SHOWN else ""
    respelt = sum(counts[label] for labels in merged for label in labels if chosen[label] != label)
    detail = f"Spellings that are one label were brought together: {shown}{more}."
    return [IngestWarning("labels_merged", detail, respelt)]


def _several(images: Sequence[ListedImage]) -> list[IngestWarning]:
    combined = Counter(image.label for image in images if _FINDINGS.search(image.label))
    if not combined:
        return []
    detail = (
        f"Some images have several findings: each of the {len(combined)} combinations is a class "
        "of its own. Name one finding per image where that is not meant."
    )
    return [IngestWarning("several_findings", detail, combined.total())]


def _alike(counts: Counter[str]) -> list[IngestWarning]:
    """Warn of classes that are called as a copy of another one, or as views."""
    meanings = {_meaning(label): label for label in counts}
    copies = {
        label: meanings[original]
        for label in counts
        if (found := _COPY.fullmatch(label))
        and (original := _meaning(found[1] or found[2])) in meanings
    }
    warnings = []
    if copies:
        shown = "; ".join(f"{copy} of {copies[copy]}" for copy in sorted(copies)[:_SHOWN])
        detail = f"Classes are called as copies of others: {shown}. Join them if they are one."
        number = sum(counts[copy] for copy in copies)
        warnings.append(IngestWarning("labels_doubtful", detail, number))
    if len(counts) > 1 and all(map(is_view, counts)):
        detail = "The classes are called as views (PA, AP, lateral). Is another column the label?"
        warnings.append(IngestWarning("labels_doubtful", detail, counts.total()))
    return warnings
