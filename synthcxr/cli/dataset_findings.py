"""What an ingest made of a source, in lines for a person."""

from __future__ import annotations

from synthcxr.cli.output import say
from synthcxr.resources import Dataset


def say_findings(dataset: Dataset) -> None:
    """Print the classes of a dataset and its warnings."""
    for label, counts in dataset.classes.items():
        say(f"class {label}: {counts['images']} images")
    for warning in dataset.warnings:
        say(f"warning {warning.code} ({warning.num_images} images): {warning.detail}")
