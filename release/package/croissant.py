"""The set as Croissant 1.1 metadata with its responsible-AI fields.

No date stands in it: the package does not depend on the clock. The paths are those inside the
unpacked ZIP.

References: Croissant format specification 1.1 and Croissant RAI specification 1.0 (MLCommons);
W3C PROV-O for `wasDerivedFrom` and `wasGeneratedBy`.
"""

from __future__ import annotations

import json
from typing import Any

from release.package.archive import Member
from release.package.manifest import Description

CONFORMS_TO = ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"]

# The context that the specification prescribes (section "JSON-LD context"), and PROV.
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "prov": "http://www.w3.org/ns/prov#",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def croissant(description: Description, labels: Member, metadata: Member) -> bytes:
    """Describe a set for machines.

    Args:
        description: What the manifest says of it.
        labels: `labels.csv`.
        metadata: `metadata.csv`, which lists every image.
    """
    set_id = description.synthetic_set_id
    content = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "@id": f"urn:synthcxr:{set_id}",
        "conformsTo": CONFORMS_TO,
        "name": set_id,
        "description": f"Synthetic labelled chest radiographs. {description.notice}",
        "version": description.service_version,
        "creator": {"@type": "sc:Organization", "name": "SynthCXR"},
        "citeAs": f"Synthetic chest radiographs {set_id}, drawn by SynthCXR",
        "license": "TERMS.md",
        "isLiveDataset": False,
        **_responsible_ai(description),
        "distribution": [_table(labels), _table(metadata), _image_files()],
        "recordSet": [_radiographs(metadata.path)],
    }
    return json.dumps(content, indent=1, ensure_ascii=False).encode() + b"\n"


def _responsible_ai(description: Description) -> dict[str, Any]:
    """Say what the images are made of and what they must not be taken for."""
    dataset, model = description.dataset, description.model
    shares = ", ".join(
        f"{label} {counts.released}" for label, counts in description.classes.items()
    )
    real = ", ".join(f"{label} {count}" for label, count in dataset.class_counts.items())
    return {
        "rai:hasSyntheticData": True,
        "prov:wasDerivedFrom": {
            "@id": f"urn:synthcxr:dataset:{dataset.version}",
            "@type": "prov:Entity",
            "sc:description": f"Private chest radiographs; rounded numbers of images: {real}.",
        },
        "prov:wasGeneratedBy": {
            "@id": f"urn:synthcxr:model:{model.snapshot_sha256}",
            "@type": "prov:Activity",
            "sc:description": f"Sampling of a generative model of the family {model.family} "
            f"by synthcxr {description.service_version}.",
        },
        "rai:dataCollection": "Drawn by a generative model that was trained on private images.",
        "rai:dataCollectionType": "Synthetic",
        "rai:dataLimitations": list(description.limitations),
        "rai:dataBiases": "The images carry over the biases of the images the model learned from. "
        f"Classes are as asked for, not as they occur: {shares or 'none'}.",
        "rai:dataUseCases": "Development and teaching of image analysis; not for diagnosis.",
        "rai:personalSensitiveInformation": "No image shows a real patient. What was tested, and "
        "what a pass does not exclude, stands in the certificate and the manifest.",
    }


def _table(member: Member) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": member.path,
        "name": member.path,
        "contentUrl": member.path,
        "contentSize": f"{member.num_bytes} B",
        "encodingFormat": "text/csv",
        "sha256": member.sha256,
    }


def _image_files() -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": "images",
        "name": "images",
        "description": "One PNG per image, of 8 bits, grey.",
        "encodingFormat": "image/png",
        "includes": ["images/*/*.png", "unlabelled/*/*.png"],
    }


def _radiographs(table: str) -> dict[str, Any]:
    columns = {
        "file_name": "Path of the image.",
        "label": "Class that was asked for; empty for an image of no class.",
        "kind": "class, mixture or interpolation.",
    }
    return {
        "@type": "cr:RecordSet",
        "@id": "radiographs",
        "name": "radiographs",
        "key": {"@id": "radiographs/file_name"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"radiographs/{column}",
                "name": column,
                "description": meaning,
                "dataType": "sc:Text",
                "source": {"fileObject": {"@id": table}, "extract": {"column": column}},
            }
            for column, meaning in columns.items()
        ],
    }
