"""Principal axes against the covariance they are the eigenvectors of."""

import pytest
import torch
import torch.nn.functional as F

from models.nn.pca import Moments, patches_of


@pytest.fixture
def vectors():
    torch.manual_seed(0)
    return 3 + torch.randn(500, 6) @ torch.randn(6, 6)


def axes_of(vectors, batch_size):
    moments = Moments(vectors.shape[1])
    for batch in vectors.split(batch_size):
        moments.add(batch)
    return moments.axes()


def test_axes_take_the_covariance_apart(vectors):
    center, directions, variances = axes_of(vectors, 100)
    torch.testing.assert_close(center, vectors.double().mean(0))
    expected = torch.cov(vectors.double().T, correction=0)
    torch.testing.assert_close(directions * variances @ directions.T, expected)
    torch.testing.assert_close(directions.T @ directions, torch.eye(6).double())


def test_the_least_varied_axis_comes_first(vectors):
    variances = axes_of(vectors, 100).variances
    assert torch.equal(variances, variances.sort().values)


def test_batches_make_no_difference(vectors):
    for one, other in zip(axes_of(vectors, 500), axes_of(vectors, 7), strict=True):
        torch.testing.assert_close(one, other)


def test_what_never_varies_has_no_variance_below_zero():
    assert (axes_of(torch.full((50, 4), 0.1), 10).variances >= 0).all()


def test_patches_are_read_row_by_row():
    images = torch.rand(3, 1, 8, 12)
    expected = F.unfold(images, 4, stride=4).movedim(1, 2).flatten(0, 1)
    assert torch.equal(patches_of(images, 4), expected)
