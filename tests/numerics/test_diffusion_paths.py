"""The paths from image to noise, and what is predicted along them."""

import math

import pytest
import torch
from torch import Tensor

from models.diffusion.paths import PATHS, Level, along_path, logit_normal_times, uniform_times
from models.diffusion.predictions import PREDICTIONS, Preconditioned
from models.families.ldm.config import PREDICTIONS_ON, Config

CPU = torch.device("cpu")
PAIRS = [(path, prediction) for path, some in PREDICTIONS_ON.items() for prediction in some]


def spread_levels(path: str) -> Level:
    u = torch.linspace(0.02, 0.98, 25, dtype=torch.float64).view(-1, 1, 1, 1)
    return PATHS[path].level(PATHS[path].training_times(u))


def image_and_noise() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    x = torch.randn(25, 2, 3, 3, dtype=torch.float64)
    return x, torch.randn_like(x)


def test_config_offers_every_path_and_prediction() -> None:
    assert PREDICTIONS_ON.keys() == PATHS.keys()
    assert {prediction for _, prediction in PAIRS} == PREDICTIONS.keys()


@pytest.mark.parametrize("path", PATHS)
def test_path_begins_at_the_image_and_ends_in_noise(path: str) -> None:
    first, *_, last = PATHS[path].levels(10)
    assert (last.t, last.alpha, last.sigma) == (0, 1, 0)
    assert float(first.noise_share) > 0.98
    assert float(first.t) == PATHS[path].end


@pytest.mark.parametrize("path", PATHS)
def test_slopes_are_the_derivatives(path: str) -> None:
    level, h = spread_levels(path), 1e-6
    above, below = (PATHS[path].level(level.t + step) for step in (h, -h))
    torch.testing.assert_close((above.alpha - below.alpha) / (2 * h), level.alpha_slope)
    torch.testing.assert_close((above.sigma - below.sigma) / (2 * h), level.sigma_slope)


@pytest.mark.parametrize("path", ["linear", "cosine"])
def test_variance_is_preserved(path: str) -> None:
    level = spread_levels(path)
    torch.testing.assert_close(level.alpha**2 + level.sigma**2, torch.ones_like(level.t))


def test_linear_path_is_the_product_of_the_thousand_steps() -> None:
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    alpha = (1 - betas).cumprod(0).sqrt()[[99, 499, 899]]
    level = PATHS["linear"].level(torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64))
    torch.testing.assert_close(level.alpha, alpha, rtol=0.03, atol=0)


def test_cosine_path_is_the_published_one() -> None:
    t = torch.tensor([0.0, 0.3, 0.9], dtype=torch.float64)
    f = torch.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2
    level = PATHS["cosine"].level(t)
    torch.testing.assert_close(level.alpha**2, f / f[0])
    torch.testing.assert_close(level.sigma**2, 1 - f / f[0])


def test_edm_times_are_spaced_by_the_seventh_root() -> None:
    times = PATHS["edm"].sampling_times(5)
    assert [float(t) for t in times[[0, 4, 5]]] == pytest.approx([80, 0.002, 0])
    roots = times[:5] ** (1 / 7)
    torch.testing.assert_close(roots.diff(), roots.diff()[:1].expand(4))


@pytest.mark.parametrize(("path", "prediction"), PAIRS)
def test_right_answer_gives_the_image_back(path: str, prediction: str) -> None:
    x, n = image_and_noise()
    level, chosen = spread_levels(path), PREDICTIONS[prediction]
    answer = chosen.target(x, n, level)
    assert answer.isfinite().all()
    torch.testing.assert_close(chosen.denoised(answer, along_path(x, n, level), level), x)


def test_velocity_is_the_derivative_of_the_path() -> None:
    x, n = image_and_noise()
    path, level, h = PATHS["straight"], spread_levels("straight"), 1e-3
    ahead, behind = (along_path(x, n, path.level(level.t + step)) for step in (h, -h))
    velocity = PREDICTIONS["velocity"].target(x, n, level)
    torch.testing.assert_close((ahead - behind) / (2 * h), velocity)


def test_preconditioned_input_and_target_have_unit_variance() -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 1, 200, 200, dtype=torch.float64)
    n = torch.randn_like(x)
    level = PATHS["edm"].level(
        torch.tensor([0.01, 1.0, 50.0], dtype=torch.float64).view(3, 1, 1, 1)
    )
    chosen = Preconditioned()
    for each in (chosen.c_in(level) * along_path(x, n, level), chosen.target(x, n, level)):
        torch.testing.assert_close(
            each.var(dim=(1, 2, 3)), torch.ones(3, dtype=torch.float64), atol=0.03, rtol=0
        )


def test_preconditioning_keeps_a_clean_image_and_trusts_the_network_in_noise() -> None:
    x = torch.ones(1, 1, 1, 1, dtype=torch.float64)
    chosen, path = Preconditioned(), PATHS["edm"]
    clean, noisy = (path.level(torch.tensor(sigma, dtype=torch.float64)) for sigma in (1e-6, 1e6))
    torch.testing.assert_close(chosen.denoised(0 * x, x, clean), x)  # c_skip tends to 1
    torch.testing.assert_close(chosen.denoised(x, 0 * x, noisy), x)  # c_out tends to sigma_data


def test_logits_of_training_times_are_normal() -> None:
    torch.manual_seed(0)
    u = logit_normal_times(100_000, mean=0.5, std=1.5, device=CPU).double()
    for logits in (u.logit(), PATHS["edm"].training_times(u).log()):
        assert float(logits.mean()) == pytest.approx(0.5, abs=0.02)
        assert float(logits.std()) == pytest.approx(1.5, abs=0.02)


def test_uniform_times_never_reach_an_end_of_the_path() -> None:
    torch.manual_seed(0)
    u = uniform_times(100_000, CPU)
    assert 0 < float(u.min()) < float(u.max()) < 1
    assert float(u.mean()) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    ("path", "prediction"), [("straight", "epsilon"), ("cosine", "velocity"), ("edm", "v")]
)
def test_pair_that_cannot_be_sampled_is_refused_by_name(path: str, prediction: str) -> None:
    with pytest.raises(ValueError, match=f"'{prediction}'.*path '{path}'.*expected"):
        Config.model_validate({"path": path, "prediction": prediction})
