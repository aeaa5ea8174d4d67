"""Which real image is an image a changed copy of, and how surely?

Candidates are listed by what survives a change: magnitudes of spectra (turns, zooms, shifts,
mirroring), the structure as it lies (noise, blur, warps, text), and both of halves and lungs alone
(stitches, cut-outs). The likeliest are aligned, and compared in four ways: as a whole, coarsely
and in detail, and by the half and the quarter of the image that agrees best.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Final, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from release.cancellation import check_cancelled
from release.data import Pixels
from release.similarity.alignment import Targets, agreement, best_shift, refined, shifted_maps
from release.similarity.registration import pose_matrix
from release.similarity.spectra import Axes, magnitudes, mirrored, standardised
from release.similarity.structure import COARSE_SIDE, Structure
from release.similarity.windows import COARSE, MOVED, PARTS, WHOLE, Window

VERSION = "structure/3"  # raise it when a distance changes
WAYS: Final = (
    "coarse",
    "coarse half",
    "whole",
    "half",
    "quarter",
)  # in which aligned images are compared
TURNS = (-10.0, -5.0, 0.0, 5.0, 10.0)  # degrees
ZOOMS = (0.8, 0.894, 1.0, 1.118, 1.25)
KEPT = {"whole": 3, "coarse": 2, "half": 3, "quarter": 2}  # candidates that are aligned
_QUERIES_AT_ONCE = 64
_REAL_AT_ONCE = 1024
_CELL = 2  # pixels of 32
_SEEN = 0.05  # weight below which a cell is not looked at


POSES = torch.tensor([pose_matrix(*each) for each in product(TURNS, ZOOMS)])
_GRIDS = F.affine_grid(POSES, [len(POSES), 1, COARSE_SIDE, COARSE_SIDE], align_corners=False)
_UPRIGHT = list(product(TURNS, ZOOMS)).index((0.0, 1.0))
_MIRROR = torch.tensor([-1.0, 1.0, 1.0])  # of a map's columns


class Aligned(NamedTuple):
    """Real images that n images were laid over.

    Attributes:
        places: (n, k), which; -1 where there are fewer.
        distances: (n, k, 5), in each of `WAYS`, in [0, 1].
    """

    places: NDArray[np.int64]
    distances: NDArray[np.float32]


class CopySearch:
    """Real images, ready to be found.

    Args:
        pixels: (n, size, size).
        patients: (n,).

    Attributes:
        digest: SHA-256 of the method, in hexadecimal; it has no weights.
    """

    digest = hashlib.sha256(VERSION.encode()).hexdigest()

    def __init__(self, pixels: Pixels, patients: NDArray[np.int64]) -> None:
        self._patients = torch.from_numpy(patients)
        self._structure = Structure.of(pixels)
        medium, coarse = Targets.of(self._structure.medium), Targets.of(self._structure.coarse)
        self._targets = {id(w): coarse if w is COARSE else medium for w in (WHOLE, COARSE, *PARTS)}
        self._energy = {
            key: self._targets[key].energy(w).half()
            for w in (WHOLE, COARSE, *PARTS)
            for key in (id(w),)
        }
        self._axes, self._features, self._cells = {}, {}, {}
        for window in (WHOLE, *MOVED, *PARTS):
            vectors = standardised(magnitudes(self._structure.medium, window.opposite))
            axes = Axes.of(vectors)
            self._axes[id(window)], self._features[id(window)] = axes, axes.features(vectors)
        for window in (COARSE, *PARTS):
            self._cells[id(window)] = _cells(self._seen(self._structure, window), window)

    def _seen(self, structure: Structure, window: Window) -> Tensor:
        return structure.coarse if window is COARSE else structure.medium

    def __len__(self) -> int:
        return len(self._patients)

    def aligned(
        self,
        pixels: Pixels,
        apart: NDArray[np.int64] | None = None,
        on_progress: Callable[[float], None] | None = None,
    ) -> Aligned:
        """Find the real images that images are likeliest copies of, and lay them over these.

        Args:
            pixels: (n, size, size).
            apart: (n,), patients of the images, whose own images are not to be found.
            on_progress: Called with the share that is done.
        """
        places, distances = [], []
        for start in range(0, len(pixels), _QUERIES_AT_ONCE):
            check_cancelled()
            lot = slice(start, start + _QUERIES_AT_ONCE)
            own = None if apart is None else torch.from_numpy(apart[lot])
            hidden = None if own is None else own[:, None] == self._patients
            # a copy, since drawn images lie in a file that is mapped for reading alone
            found = self._aligned(Structure.of(np.array(pixels[lot])), hidden)
            places.append(found.places)
            distances.append(found.distances)
            if on_progress:
                on_progress(min(1.0, (start + _QUERIES_AT_ONCE) / len(pixels)))
        return Aligned(np.concatenate(places), np.concatenate(distances))

    def _aligned(self, queries: Structure, hidden: Tensor | None) -> Aligned:
        best = {kind: _Best(len(queries.fine), len(self)) for kind in KEPT}
        for listed in self._lists(queries, hidden):
            correlation, maps = self._fitted(listed)
            best[listed.window.kind].take(listed, correlation, maps)
        places, maps, weights = (
            torch.cat(parts, 1)
            for parts in zip(*(best[kind].kept(num) for kind, num in KEPT.items()), strict=True)
        )
        num, k = places.shape
        which, flat = places.clamp_min(0).flatten(), maps.flatten(0, 1)
        whose = torch.arange(num).repeat_interleave(k)
        by_coarse = torch.tensor(
            [kind == "coarse" for kind, num in KEPT.items() for _ in range(min(num, len(self)))]
        )
        by_coarse = by_coarse.repeat(num)[:, None, None]
        theirs = self._structure.coarse[which]
        flat = refined(
            torch.where(by_coarse, queries.coarse[whose], queries.medium[whose]),
            torch.where(by_coarse, theirs, self._structure.medium[which]),
            weights.flatten(0, 1),
            flat,
        )
        coarse = agreement(queries.coarse[whose], theirs, flat)
        fine = agreement(queries.fine[whose], self._structure.fine[which], flat)
        distances = torch.cat([coarse[:, :2], fine], 1).view(num, k, len(WAYS))
        distances[places < 0] = torch.inf
        return Aligned(places.numpy(), distances.numpy())

    def _lists(self, queries: Structure, hidden: Tensor | None) -> Iterator[_Listed]:
        """List candidates in several ways."""
        images, upright = queries.medium, POSES[_UPRIGHT]
        num = len(images)
        mirror_image = Structure(*(each.flip(-1) for each in queries))
        sides = ((queries, upright), (mirror_image, upright * _MIRROR))

        posed = _posed(images)
        spectra = magnitudes(posed, WHOLE.weights)
        axes = self._axes[id(WHOLE)]
        views = torch.stack([axes.features(standardised(s)) for s in (spectra, mirrored(spectra))])
        views = views.view(2, num, len(POSES), -1).transpose(0, 1).flatten(1, 2)
        features = self._features[id(WHOLE)]
        places, at = _top(_most_alike(views, features), 6, hidden)
        view = (views @ features[at].mT).argmax(1)
        pose, mirror = view % len(POSES), view // len(POSES)
        shown = posed.view(num, len(POSES), *images.shape[1:])[torch.arange(num)[:, None], pose]
        shown = torch.where(mirror.bool()[..., None, None], shown.flip(-1), shown)
        maps = POSES[pose] * torch.where(mirror.bool()[..., None, None], _MIRROR, torch.ones(3))
        yield _Listed(WHOLE, places, shown, maps)

        for (side, pose_of), num_listed in zip(sides, (4, 2), strict=True):
            likeness = torch.stack(
                [
                    self._axes[id(w)].features(standardised(magnitudes(side.medium, w.weights)))
                    @ self._features[id(w)].T
                    for w in MOVED
                ]
            ).amax(0)
            places, _ = _top(likeness, num_listed, hidden)
            yield _Listed.upright(WHOLE, places, side.medium, pose_of)
        for (side, pose_of), num_whole in zip(sides, (5, 2), strict=True):
            for window in (COARSE, *PARTS):
                seen = self._seen(side, window)
                likeness = (_cells(seen, window) @ self._cells[id(window)].T).abs()
                places, _ = _top(likeness, num_whole if window is COARSE else 2, hidden)
                yield _Listed.upright(window, places, seen, pose_of)
            for window in PARTS:
                spectra = standardised(magnitudes(side.medium, window.weights))
                likeness = self._axes[id(window)].features(spectra) @ self._features[id(window)].T
                places, _ = _top(likeness, 2, hidden)
                yield _Listed.upright(window, places, side.medium, pose_of)

    def _fitted(self, listed: _Listed) -> tuple[Tensor, Tensor]:
        """Shift what is listed to where it fits best: correlations (q, k), maps (q, k, 2, 3)."""
        which = listed.places.clamp_min(0).flatten()
        energy = self._energy[id(listed.window)][which].float()
        shift = best_shift(
            listed.shown.flatten(0, 1),
            listed.window,
            self._targets[id(listed.window)].spectra[which],
            energy,
        )
        maps = shifted_maps(listed.maps.flatten(0, 1), shift.place)
        shape = listed.places.shape
        correlation = torch.where(listed.places < 0, -1.0, shift.correlation.view(shape))
        return correlation, maps.view(*shape, 2, 3)


@dataclass(frozen=True, eq=False)
class _Listed:
    window: Window
    places: Tensor  # (q, k)
    shown: Tensor  # (q, k, 32, 32)
    maps: Tensor  # (q, k, 2, 3)

    @classmethod
    def upright(cls, window: Window, places: Tensor, images: Tensor, pose: Tensor) -> _Listed:
        shape = places.shape
        shown = images[:, None].expand(*shape, *images.shape[1:])
        return cls(window, places, shown, pose.expand(*shape, 2, 3))


class _Best:
    """The best fit of each pair so far."""

    def __init__(self, num: int, num_real: int) -> None:
        self._fit = torch.full((num, num_real), -1.0)
        self._at = torch.zeros(num, num_real, dtype=torch.int64)
        self._maps: list[Tensor] = []
        self._weights: list[Tensor] = []
        self._num = 0

    def take(self, listed: _Listed, fit: Tensor, maps: Tensor) -> None:
        places = listed.places.clamp_min(0)
        at = self._num + torch.arange(places.shape[1]).expand_as(places)
        before, had = self._fit.gather(1, places), self._at.gather(1, places)
        better = fit > before
        self._fit.scatter_(1, places, torch.where(better, fit, before))
        self._at.scatter_(1, places, torch.where(better, at, had))
        self._maps.append(maps)
        self._weights += [listed.window.opposite] * places.shape[1]
        self._num += places.shape[1]

    def kept(self, num: int) -> tuple[Tensor, Tensor, Tensor]:
        fit, places = self._fit.topk(min(num, self._fit.shape[1]), 1)
        at = self._at.gather(1, places)
        maps = torch.cat(self._maps, 1)[torch.arange(len(at))[:, None], at]
        return torch.where(fit < 0, -1, places), maps, torch.stack(self._weights)[at]


def _posed(images: Tensor) -> Tensor:
    """Show images (q, 32, 32) in every pose, (q * poses, 32, 32)."""
    stacked = images.expand(len(POSES), *images.shape)
    shown = F.grid_sample(stacked, _GRIDS, padding_mode="border", align_corners=False)
    return shown.transpose(0, 1).flatten(0, 1)


def _most_alike(views: Tensor, features: Tensor) -> Tensor:
    """Compare views (q, v, d) with features (n, d), each image by its best view: (q, n)."""
    alike = torch.empty(len(views), len(features))
    for start in range(0, len(features), _REAL_AT_ONCE):
        lot = slice(start, start + _REAL_AT_ONCE)
        alike[:, lot] = (views.flatten(0, 1) @ features[lot].T).view(*views.shape[:2], -1).amax(1)
    return alike


def _cells(images: Tensor, window: Window) -> Tensor:
    """Average images (n, 32, 32) under a window over cells, as unit vectors: (n, cells)."""
    seen = _means(window.weights[None])[0] > _SEEN
    return standardised(_means(images * window.weights)[:, None, seen])


def _means(images: Tensor) -> Tensor:
    """Average images (n, 32, 32) over cells: (n, 256)."""
    side = images.shape[-1] // _CELL
    return images.view(-1, side, _CELL, side, _CELL).mean((2, 4)).flatten(1)


def _top(likeness: Tensor, num: int, hidden: Tensor | None) -> tuple[Tensor, Tensor]:
    """List the most alike, (q, num), -1 where there are fewer; and their places to look up."""
    if hidden is not None:
        likeness = likeness.masked_fill(hidden, -torch.inf)
    values, places = likeness.topk(min(num, likeness.shape[1]), 1)
    return torch.where(values.isneginf(), -1, places), places
