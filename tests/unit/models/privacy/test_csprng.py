import numpy as np
import pytest
from scipy.stats import kstest

from models.privacy.csprng import CsprngNoise

KEY = bytes(range(32))


def test_numbers_are_normal():
    drawn = CsprngNoise(KEY).normal(1, 0, 50_001)
    assert len(drawn) == 50_001
    assert kstest(drawn, "norm").pvalue > 0.01
    assert abs(np.corrcoef(drawn[:25_000], drawn[25_001:])[0, 1]) < 0.02


def test_numbers_are_uniform_and_never_zero():
    drawn = CsprngNoise(KEY).uniform(0, 7, 50_000)
    assert kstest(drawn, "uniform").pvalue > 0.01
    assert 0 < drawn.min() <= drawn.max() <= 1


@pytest.mark.parametrize(("purpose", "moment"), [(1, 5), (0, 6)])
def test_each_purpose_and_each_moment_has_numbers_of_its_own(purpose, moment):
    source = CsprngNoise(KEY)
    assert np.array_equal(source.normal(0, 5, 8), source.normal(0, 5, 8))
    assert not np.intersect1d(source.normal(0, 5, 8), source.normal(purpose, moment, 8)).size


def test_it_is_the_cipher_of_the_standard():
    """RFC 8439, appendix A.1, test vector 1: the first words of the key stream of zeros."""
    stream = bytes.fromhex("76b8e0ada0f13d90405d6ae55386bd28")
    words = np.frombuffer(stream, np.uint64)
    drawn = CsprngNoise(bytes(32)).uniform(0, 0, 2)
    assert drawn == pytest.approx(((words >> np.uint64(11)) + np.uint64(1)) * 2.0**-53, rel=1e-15)


def test_a_key_is_from_the_operating_system_unless_given():
    assert CsprngNoise().key != CsprngNoise().key
