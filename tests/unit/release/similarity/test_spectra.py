from __future__ import annotations

import torch
import torch.nn.functional as F

from release.similarity.spectra import NUM_FEATURES, Axes, magnitudes, mirrored, standardised
from release.similarity.windows import MOVED, PARTS, WHOLE

RNG = torch.Generator().manual_seed(0)
IMAGES = torch.randn(5, 32, 32, generator=RNG)
EVERYWHERE = torch.ones(32, 32)


def test_magnitudes_do_not_change_as_an_image_moves_round() -> None:
    moved = IMAGES.roll((3, -7), (1, 2))
    torch.testing.assert_close(magnitudes(moved, EVERYWHERE), magnitudes(IMAGES, EVERYWHERE))


def test_an_inverted_image_has_the_same_magnitudes() -> None:
    torch.testing.assert_close(
        magnitudes(-IMAGES, WHOLE.weights), magnitudes(IMAGES, WHOLE.weights)
    )


def test_mirrored_magnitudes_are_those_of_the_mirror_image() -> None:
    for window in (WHOLE, *MOVED, *PARTS):
        theirs = magnitudes(IMAGES.flip(-1), window.weights.flip(-1))
        ours = mirrored(magnitudes(IMAGES, window.weights))
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_standardised_values_are_unit_vectors_without_a_mean() -> None:
    values = standardised(IMAGES)
    torch.testing.assert_close(values.norm(dim=1), torch.ones(5))
    assert values.mean(1).abs().max() < 1e-6


def test_features_keep_vectors_along_the_axes_and_drop_the_rest() -> None:
    """Of vectors that differ along 64 directions alone nothing is lost."""
    basis = torch.linalg.qr(torch.randn(100, NUM_FEATURES, generator=RNG)).Q
    vectors = torch.randn(300, NUM_FEATURES, generator=RNG) @ basis.T + 5
    axes = Axes.of(vectors)
    assert axes.features(vectors).shape == (300, NUM_FEATURES)
    kept = axes.features(vectors) @ axes.features(vectors).T
    offsets = F.normalize(vectors - vectors.mean(0), dim=1)
    torch.testing.assert_close(kept, offsets @ offsets.T, atol=1e-4, rtol=1e-4)
    aside = torch.linalg.qr(torch.cat([basis, torch.randn(100, 1, generator=RNG)], 1)).Q[:, -1]
    torch.testing.assert_close(
        axes.features(vectors + aside), axes.features(vectors), atol=1e-3, rtol=0
    )
