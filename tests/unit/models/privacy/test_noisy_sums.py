import pytest
import torch

from models.privacy.noisy_sums import GaussianMechanism, clipped, secret_noise


def silent(mu=1.0):
    return GaussianMechanism(mu, noise=lambda k: torch.zeros(k, dtype=torch.float64))


def test_clipping_shortens_what_is_long_and_leaves_the_rest():
    vectors = torch.tensor([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]], dtype=torch.float64)
    expected = torch.tensor([[0.6, 0.8], [0.3, 0.4], [0.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(clipped(vectors, 1.0), expected)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300])
def test_one_spoilt_image_moves_a_sum_no_further_than_any_other(value):
    sound = torch.zeros(4, 3, dtype=torch.float64)
    spoilt = sound.clone()
    spoilt[2, 1] = value
    sums = [silent().noisy_sum("x", [rows], 1.0) for rows in (sound, spoilt)]
    assert float((sums[0] - sums[1]).norm()) <= 1 + 1e-12


def test_a_sum_without_patients_is_noise_alone():
    released = silent().noisy_sum("x", [torch.empty(0, 3)], 1.0)
    assert released.tolist() == [0, 0, 0]


def test_a_sum_does_not_depend_on_how_it_is_batched():
    rows = torch.randn(10, 3, generator=torch.Generator().manual_seed(0)).double()
    sums = [silent().noisy_sum("x", rows.split(size), 1.0) for size in (1, 4, 10)]
    torch.testing.assert_close(sums[0], sums[1])
    torch.testing.assert_close(sums[0], sums[2])


def test_no_more_is_released_than_the_budget_permits():
    mechanism = silent()
    mechanism.noisy_sum("x", [torch.zeros(1, 1)], 0.4)
    mechanism.noisy_sum("x", [torch.zeros(1, 1)], 0.6)
    with pytest.raises(ValueError, match=r"0\.00 is left"):
        mechanism.noisy_sum("x", [torch.zeros(1, 1)], 0.1)


def test_no_seed_repeats_the_noise():
    torch.manual_seed(0)
    first = secret_noise(8)
    torch.manual_seed(0)
    assert not torch.equal(first, secret_noise(8))
