"""How busy an image is at each scale, separated from what it shows.

Some images are plain and some are busy, far beyond what a Gaussian of many dimensions would have
them: one number for each band of latents says by how much, and the latents are left with a fixed
length, which is nearer to a Gaussian's (Cambanis et al. 1981, on elliptically contoured
distributions, doi:10.1016/0047-259X(81)90082-8; Wainwright & Simoncelli 2000, on images).
"""

from __future__ import annotations

import torch
from torch import Tensor

FIRST = 16  # latents before it hold the shape of the chest and where it lies
FACTOR = 3  # more latents up to the end of each band than up to its beginning
MIN_LENGTH = 1e-3
SPREAD = 0.3  # standard deviation of a logarithm, about


def bands(num_latents: int) -> list[slice]:
    """Part the latents, the most varied first, into bands that say how busy an image is."""
    edges = [min(FIRST, num_latents)]
    while FACTOR * edges[-1] < num_latents:
        edges.append(FACTOR * edges[-1])
    return [
        slice(start, end)
        for start, end in zip(edges, [*edges[1:], num_latents], strict=True)
        if start < end
    ]


def split_busyness(latents: Tensor) -> Tensor:
    """Turn latents, (..., d), into (..., d + bands): lengths apart, as logarithms, at the end."""
    parts, logarithms = [latents[..., :FIRST]], []
    for band in bands(latents.shape[-1]):
        part = latents[..., band]
        length = part.square().mean(-1, keepdim=True).sqrt().clamp_min(MIN_LENGTH)
        parts.append(part / length)
        logarithms.append(length.log() / SPREAD)
    return torch.cat([*parts, *logarithms], dim=-1)


def join_busyness(vectors: Tensor, num_latents: int) -> Tensor:
    """Turn vectors back into latents, (..., d), whose bands are as long as the vectors say."""
    parts = [vectors[..., : min(FIRST, num_latents)]]
    for index, band in enumerate(bands(num_latents)):
        part = vectors[..., band]
        length = part.square().mean(-1, keepdim=True).sqrt().clamp_min(MIN_LENGTH)
        wanted = (SPREAD * vectors[..., num_latents + index, None]).exp()
        parts.append(part / length * wanted)
    return torch.cat(parts, dim=-1)
