"""A dataset's identity: what its images show, how they are labelled and whose they are.

Names of files and patients and the order of files have no part in it.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from radiographs.prepared_image import PreparedImage


def fingerprint_of(images: list[PreparedImage]) -> str:
    """Hash the pixels, labels and patient groups of images in any order."""
    lines = sorted(_identities(images))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def ordered_by_content(images: list[PreparedImage]) -> NDArray[np.intp]:
    """Return the order that depends on content alone; the name decides between equal images."""
    identities = _identities(images)
    order = sorted(range(len(images)), key=lambda k: (identities[k], images[k].file.name))
    return np.array(order, dtype=np.intp)


def _identities(images: list[PreparedImage]) -> list[str]:
    """Describe each image by its digest, its label and, where known, all images of its patient."""
    own = [f"{image.digest} {image.file.label}" for image in images]
    of_patient: dict[str, list[str]] = defaultdict(list)
    for image, identity in zip(images, own, strict=True):
        if image.file.patient_id is not None:
            of_patient[image.file.patient_id].append(identity)
    patient = {
        name: hashlib.sha256("\n".join(sorted(theirs)).encode()).hexdigest()
        for name, theirs in of_patient.items()
    }
    return [
        f"{identity} {patient.get(image.file.patient_id or '', '-')}"
        for image, identity in zip(images, own, strict=True)
    ]
