"""A dataset's identity: what its films show, how they are labelled and whose they are.

Names of files and patients and the order of files have no part in it.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from radiographs.films import Film


def fingerprint_of(films: list[Film]) -> str:
    """Hash the pixels, labels and patient groups of films in any order."""
    lines = sorted(_identities(films))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def ordered_by_content(films: list[Film]) -> NDArray[np.intp]:
    """Return the order that depends on content alone; the name decides between equal films."""
    identities = _identities(films)
    order = sorted(range(len(films)), key=lambda k: (identities[k], films[k].file.name))
    return np.array(order, dtype=np.intp)


def _identities(films: list[Film]) -> list[str]:
    """Describe each film by its digest, its label and, where known, all films of its patient."""
    own = [f"{film.digest} {film.file.label}" for film in films]
    of_patient: dict[str, list[str]] = defaultdict(list)
    for film, identity in zip(films, own, strict=True):
        if film.file.patient_id is not None:
            of_patient[film.file.patient_id].append(identity)
    patient = {
        name: hashlib.sha256("\n".join(sorted(theirs)).encode()).hexdigest()
        for name, theirs in of_patient.items()
    }
    return [
        f"{identity} {patient.get(film.file.patient_id or '', '-')}"
        for film, identity in zip(films, own, strict=True)
    ]
