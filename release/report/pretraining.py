"""What it means for the claims that a model's training started from another model."""

from __future__ import annotations

from collections.abc import Iterator

from release.report.schema import ModelSummary

INHERITED = (
    "The model's training started from another model, which had learned from private images of "
    "{} further datasets. The set was searched for copies of these images too. Whether "
    "membership of their patients can be inferred was not tested."
)
PUBLIC_PRETRAINING = (
    "Before the private images the model learned from public ones, to which the guarantee of "
    "differential privacy does not extend: {}."
)


def of_pretraining(model: ModelSummary) -> Iterator[str]:
    """Say in sentences to whom a claim does not extend; none where it extends to all."""
    start = model.pretraining
    if start and start.num_inherited:
        yield INHERITED.format(start.num_inherited)
    if start and start.public_data and model.differential_privacy:
        named = (f"{each.source} (licence: {each.licence})" for each in start.public_data)
        yield PUBLIC_PRETRAINING.format("; ".join(named))
