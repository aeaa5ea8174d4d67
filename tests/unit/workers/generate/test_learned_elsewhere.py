"""Whether a model learned from images that nobody looks for text in."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from service.domain.errors import ModelNotFound
from service.domain.model_card import WarmStart
from service.domain.requests import PHANTOMS, PublicData
from tests.sample_records import model_card
from workers.generate.load import learned_elsewhere

PUBLIC = PublicData("CC0-1.0", "an open archive")


def started(init_from=None, public_data=()):
    """A model, as far as it is asked for."""
    start = WarmStart(init_from, "a" * 64, public_data, (), (), (), (), 1.0) if init_from else None
    return SimpleNamespace(card=replace(model_card(), warm_start=start))


class Kept:
    """Models that were not deleted."""

    def __init__(self, **models):
        self._models = models

    def model(self, model_id):
        if model_id not in self._models:
            raise ModelNotFound.named(model_id)
        return self._models[model_id]


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (started(), False),
        (started("base:ldm-64", (PHANTOMS,)), False),
        (started("mdl_phantoms", (PHANTOMS,)), False),
        (started("mdl_public", (PUBLIC,)), True),
        (started("mdl_public", (PUBLIC, PHANTOMS)), True),
        (started("mdl_private"), False),
        (started("mdl_of_public"), True),
        (started("mdl_deleted"), True),
    ],
)
def test_public_images_and_those_of_deleted_models_are_not_at_hand(model, expected):
    catalog = Kept(mdl_private=started(), mdl_of_public=started("mdl_public", (PUBLIC,)))
    assert learned_elsewhere(catalog, model) is expected
