"""How long a training may go on before its model is expected to memorise; imports no torch.

A diffusion model first learns what holds for all images, after about as many images whatever the
size of the set, and then the images themselves, after a time in proportion to their number
(Bonnaire et al. 2025, arXiv:2505.17638; Favero et al. 2025, arXiv:2505.16959). So each family has
one constant: how often it may see each image on average. They were measured, see
docs/memorisation.md.
"""

from __future__ import annotations

from models.config import FamilyConfig

SMALL_SET = 2000  # training images; larger sets outlast what most trainings see


def images_before_memorisation(config: FamilyConfig, num_images: int) -> int | None:
    """Estimate after how many images a model begins to distinguish its training images from others.

    Args:
        config: The family's hyper-parameters.
        num_images: Images of the training set.

    Returns:
        Images, counted with repetition; None where the length of a training has no part in it.
    """
    if config.passes_before_memorisation is None:
        return None
    return max(1, round(config.passes_before_memorisation * num_images))
