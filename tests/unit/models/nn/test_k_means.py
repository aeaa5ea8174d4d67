import pytest
import torch

from models.nn.k_means import k_means


def clusters(points, num_clusters, min_points=1):
    return k_means(points, num_clusters, min_points, torch.Generator().manual_seed(0))


@pytest.fixture
def groups():
    """40, 30 and 5 points about three centres far from each other."""
    centres = torch.tensor([[0.0, 0.0], [20.0, 0.0], [21.0, 20.0]]).repeat_interleave(
        torch.tensor([40, 30, 5]), 0
    )
    return centres + torch.randn(75, 2, generator=torch.Generator().manual_seed(1))


def test_groups_that_lie_apart_are_found(groups):
    found = clusters(groups.double(), 3)
    for group in found.split([40, 30, 5]):
        assert (group == group[0]).all()
    assert found.unique().tolist() == [0, 1, 2]


def test_a_small_cluster_joins_the_nearest(groups):
    found = clusters(groups.double(), 3, min_points=6)
    first, second, small = found.split([40, 30, 5])
    assert found.unique().tolist() == [0, 1]
    assert (small == second[0]).all()
    assert (first != second[0]).all()


def test_every_point_belongs_to_the_nearest_mean():
    points = torch.randn(300, 4, generator=torch.Generator().manual_seed(2)).double()
    found = clusters(points, 8)
    means = torch.stack([points[found == k].mean(0) for k in range(8)])
    assert torch.equal(torch.cdist(points, means).argmin(1), found)


@pytest.mark.parametrize("num_points", [1, 3])
def test_few_points_are_one_cluster(num_points):
    assert clusters(torch.randn(num_points, 4).double(), 1, min_points=20).tolist() == (
        [0] * num_points
    )


def test_equal_points_are_one_cluster():
    assert clusters(torch.ones(30, 2).double(), 4).tolist() == [0] * 30
