import numpy as np
import pytest
import torch

from models.privacy.accounting import PrivacyCost
from models.privacy.csprng import CsprngNoise
from models.privacy.noisy_sums import PoissonGaussianMechanism

KEY = bytes(range(32))


class Silent(CsprngNoise):
    def normal(self, purpose, moment, num_values):
        return np.zeros(num_values)


def sums(rate, steps=1, num_patients=1000, num_values=1, source=None):
    return PoissonGaussianMechanism(PrivacyCost(2.0, rate, steps), num_patients, num_values, source)


def test_each_patient_takes_part_as_often_as_the_accountant_counts():
    mechanism = sums(rate=0.2, steps=200, source=CsprngNoise(KEY))
    seen = []
    for _ in range(200):
        mechanism.noisy_sum(lambda chosen: [seen.append(chosen) or torch.zeros(len(chosen), 1)])
    sizes = [len(chosen) for chosen in seen]
    assert np.mean(sizes) == pytest.approx(200, abs=4)
    assert np.var(sizes) == pytest.approx(1000 * 0.2 * 0.8, rel=0.35)  # binomial, not constant
    each = torch.cat(seen).bincount(minlength=1000)
    assert float(each.float().mean()) == pytest.approx(40, abs=1)
    assert int(each.min()) > 15


def test_draws_of_two_patients_and_of_two_steps_are_independent():
    source = CsprngNoise(KEY)
    drawn = np.array([source.uniform(0, step, 100) <= 0.5 for step in range(400)])
    correlations = np.corrcoef(np.concatenate([drawn[:-1], drawn[1:]], 1).T)
    np.fill_diagonal(correlations, 0)
    assert np.abs(correlations).max() < 0.25


def test_a_batch_without_anybody_is_noise_all_the_same():
    released = sums(rate=1e-9, num_values=20_000).noisy_sum(lambda chosen: [])
    assert float(released.std()) == pytest.approx(2.0, rel=0.03)


@pytest.mark.parametrize("value", [1e6, float("nan"), float("inf")])
def test_no_patient_moves_a_sum_by_more_than_one(value):
    def rows(last):
        return lambda chosen: [torch.tensor([[0.3, 0.4]] * 9 + [last])]

    released = [
        sums(1.0, num_patients=10, num_values=2, source=Silent(KEY)).noisy_sum(rows(last))
        for last in ([0.0, 0.0], [value, 1.0])
    ]
    assert float((released[0] - released[1]).norm()) <= 1 + 1e-12
    assert released[0].tolist() == pytest.approx([2.7, 3.6])


def test_no_more_steps_are_made_than_were_accounted_for():
    mechanism = sums(rate=0.5, steps=1)
    mechanism.noisy_sum(lambda chosen: [torch.zeros(len(chosen), 1)])
    with pytest.raises(ValueError, match="All 1 steps"):
        mechanism.noisy_sum(lambda chosen: [torch.zeros(len(chosen), 1)])


def test_the_same_key_repeats_a_step_and_another_does_not():
    def released(source):
        return sums(0.5, source=source).noisy_sum(lambda chosen: [torch.ones(len(chosen), 1)])

    assert torch.equal(released(CsprngNoise(KEY)), released(CsprngNoise(KEY)))
    assert not torch.equal(released(CsprngNoise()), released(CsprngNoise()))
