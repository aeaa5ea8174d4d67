"""The monitor detects memorisation during training, at next to no cost."""

import numpy as np
import pytest
import torch
from scipy.stats import ttest_ind

from models.config import Circumstances
from models.families.vae.model import VariationalAutoencoder
from models.family import ImageSpec
from models.presets import resolve_config
from models.training.checkpoints import Checkpoints
from models.training.loop import Training
from models.training.monitor import THRESHOLD, MembershipMonitor, standard_errors
from models.training.plan import Budget
from models.training_images import TrainingImages, as_images
from release.cancellation import completed

AS_OFTEN_AS_IT_LIKES = 1e9


def chests(num_images, seed):
    """Images of a few factors, the same in every set: what is learned of some holds for others."""
    factors = np.random.default_rng(0).normal(size=(6, 16, 16))
    rng = np.random.default_rng(seed)
    small = np.tensordot(rng.normal(size=(num_images, 6)), factors, 1)
    small = small + rng.normal(size=small.shape)  # and what each image has of its own
    pixels = (128 + 25 * small).clip(0, 255).astype(np.uint8)
    return pixels.repeat(4, 1).repeat(4, 2), np.arange(num_images) % 2


def new_vae():
    torch.manual_seed(0)
    config = resolve_config("vae", "tiny", {}, Circumstances(64))
    return VariationalAutoencoder(config, ImageSpec(64, 2))


def watching(members, others, **options):
    sides = [
        tensor
        for pixels, labels in (members, others)
        for tensor in (as_images(pixels, "cpu"), torch.from_numpy(labels))
    ]
    return MembershipMonitor(*sides, max_share=AS_OFTEN_AS_IT_LIKES, **options)


def looked(training, watch):
    """Train, and look as often as it is due."""
    found = []
    for progress in training.run():
        if progress.can_sample and watch.due(progress.fraction):
            with training.averaged() as model:
                found.append(completed(watch.measure(model, progress.fraction)))
    return [each for each in found if each is not None]


def test_the_errors_are_welch_s() -> None:
    rng = np.random.default_rng(0)
    ours, theirs = rng.normal(1, 2, 40), rng.normal(0, 1, 25)
    expected = ttest_ind(ours, theirs, equal_var=False).statistic
    found = standard_errors(torch.from_numpy(ours), torch.from_numpy(theirs))
    assert found == pytest.approx(expected)


def test_a_model_that_learned_nothing_is_seldom_suspected():
    """2.33 standard errors are one in a hundred; 32 images a side have slightly longer tails."""
    rng = np.random.default_rng(0)
    suspected = [
        standard_errors(*torch.from_numpy(rng.gumbel(size=(2, 32)))) > THRESHOLD
        for _ in range(2_000)
    ]
    assert np.mean(suspected) < 0.025


def test_a_model_of_sixteen_images_is_caught_and_one_of_many_is_not():
    few, many, held_out = chests(16, 1), chests(2_000, 2), chests(32, 3)
    some = tuple(each[:32] for each in many)
    for images, members, caught in [(few, few, True), (many, some, False)]:
        training = Training(new_vae(), TrainingImages(*images), Budget(images=800), seed=1)
        found = looked(training, watching(members, held_out))
        assert len(found) > 2
        assert (found[-1] > THRESHOLD) is caught, found


def test_looking_changes_nothing_of_the_model_stopped_and_resumed_or_not(tmp_path):
    images, held_out = chests(16, 1), chests(16, 2)

    def weights(watched, folder=None, stop_after=None):
        model = new_vae()
        checkpoints = Checkpoints(tmp_path / folder) if folder else None
        training = Training(
            model,
            TrainingImages(*images),
            Budget(images=160),
            seed=1,
            checkpoints=checkpoints,
            checkpoint_interval_seconds=0,
        )
        watch = watching(images, held_out)
        for progress in training.run():
            if watched and progress.can_sample and watch.due(progress.fraction):
                with training.averaged() as averaged:
                    completed(watch.measure(averaged, progress.fraction))
            if stop_after and progress.images_seen >= stop_after:
                return None
        return {name: tensor.clone() for name, tensor in model.state_dict().items()}

    plain = weights(watched=False)
    weights(watched=True, folder="resumed", stop_after=80)
    for other in (weights(watched=True), weights(watched=True, folder="resumed")):
        assert all(torch.equal(plain[name], other[name]) for name in plain)


class Familiar:
    """A model whose every image takes a second to look at."""

    def __init__(self):
        self.seconds = 0.0

    def membership_score(self, images, labels):
        self.seconds += len(images)
        return images.flatten(1).mean(1)


def test_looks_take_no_more_than_their_share_of_the_time():
    model, trained = Familiar(), [0.0]
    sides = [torch.rand(20, 1, 2, 2), torch.zeros(20, dtype=torch.int64)] * 2
    watch = MembershipMonitor(*sides, max_share=0.02, clock=lambda: trained[0] + model.seconds)
    num_looks = 0
    for step in range(1, 1_001):
        trained[0] += 10
        if watch.due(step / 1_000):
            num_looks += completed(watch.measure(model, step / 1_000)) is not None
        elapsed = trained[0] + model.seconds
        assert model.seconds <= 0.02 * elapsed
    assert num_looks == 4  # of 40 seconds, within 10,000


def test_a_model_without_a_score_of_its_own_is_left_alone():
    class Silent:
        num_asked = 0

        def membership_score(self, images, labels):
            self.num_asked += 1

    silent, images = Silent(), chests(4, 1)
    watch = watching(images, images)
    for step in range(10):
        if watch.due(step / 10):
            assert completed(watch.measure(silent, step / 10)) is None
    assert silent.num_asked == 1
