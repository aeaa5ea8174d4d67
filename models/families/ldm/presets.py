"""Where the recommended latent diffusion departs from the defaults; imports no torch."""

from __future__ import annotations

from typing import Any

from models.config import Circumstances

SMALL_SET = 1500  # images; below, the denoiser sees each often enough to memorise it
# the price of the `fast` sampler; an early snapshot, which costs next to nothing; and changed
# images, without which sets of radiographs disclose who was trained on
STANDARD: dict[str, Any] = {"fast_share": 0.1, "autoguidance": True, "augmentation": 2.0}
# a student would learn from the denoiser as it was before it saw a private image, and an early
# snapshot would be that denoiser too; noise does what changed images are for; the autoencoder is to
# fit images that it never sees
PRIVATE: dict[str, Any] = {
    "fast_share": 0.0,
    "autoguidance": False,
    "augmentation": 0.0,
    "autoencoder_share": 0.2,
}
# where a preset departs from the defaults, which are those for 64 px on a CPU: latents of 16x16
OF_SIZE: dict[int, dict[str, Any]] = {
    64: {},
    128: {"patch_size": 8, "latent_channels": 16},
    256: {"patch_size": 16, "latent_channels": 32, "autoencoder_batch_size": 16},
}
# latents of 32x32 keep more of an image, and take some four times as long for each
FINE_LATENTS: dict[int, dict[str, Any]] = {
    128: {"patch_size": 4, "latent_channels": 8},
    256: {"patch_size": 8, "denoiser_channels": (64, 128, 256, 256), "latent_channels": 16},
}
FINE_IMAGES = 1_000_000  # to see in training, or:
FINE_SECONDS = 8 * 3600.0  # of a CPU; where there is less, fine latents would stay unlearnt
# a larger batch and two blocks keep a GPU busy; not measured on one yet
ON_CUDA: dict[str, Any] = {
    "autoencoder_batch_size": 64,
    "denoiser_blocks": 2,
    "batch_size": 128,
}


def standard_fields(given: Circumstances) -> dict[str, Any]:
    """Name the fields of `Config` in which the recommended model departs from the defaults.

    Args:
        given: The size and the number of images, device and budget to choose for.
    """
    fields: dict[str, Any] = {**STANDARD, **OF_SIZE.get(given.image_size, {})}
    if _affords_fine_latents(given):
        fields |= FINE_LATENTS.get(given.image_size, {})
    if given.device == "cuda":
        fields |= ON_CUDA
    if given.num_images is not None and given.num_images < SMALL_SET:
        fields |= {"dropout": 0.1}
    if given.private:
        fields |= PRIVATE
    return fields


def _affords_fine_latents(given: Circumstances) -> bool:
    """Say whether the training is long enough to learn latents of 32x32."""
    return (
        given.device == "cuda"
        or (given.budget_images or 0) >= FINE_IMAGES
        or (given.budget_seconds or 0.0) >= FINE_SECONDS
    )
