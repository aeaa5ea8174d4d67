"""The gradient of each patient's loss, patient by patient."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

LossesOf = Callable[[Tensor, Tensor], Tensor]


class PatientGradients:
    """Gradients by what moves, a row for each image.

    Opacus's hooks read them off the layers on the way back, so that a batch costs one pass. An
    image's loss is the mean over several draws of noise, taken before anything is clipped: they
    make its gradient steadier and cost no privacy.

    Args:
        network: Holds the parameters; each of its layers treats images apart, and whatever of them
            moves is asked once in a pass.
        trained: Parameters of the network that move; everything else in it stands still.
        losses: From images (b, 1, h, w) and labels (b,) to losses (b * num_draws,), those of an
            image side by side.
        num_draws: Losses of one image.

    References: Yousefpour et al. 2021 (arXiv:2109.12298); noise multiplicity, Dockhorn et al. 2023,
    section 3.2 (arXiv:2210.09929).
    """

    def __init__(
        self, network: nn.Module, trained: Sequence[nn.Parameter], losses: LossesOf, num_draws: int
    ) -> None:
        self._network, self._trained = network, trained
        self._losses, self._num_draws = losses, num_draws

    @contextmanager
    def hooked(self) -> Iterator[None]:
        """Let the network's layers keep what gradients image by image are made of."""
        assert not list(self._network.buffers()), "a buffer would carry image to image"
        needed = [(weight, weight.requires_grad) for weight in self._network.parameters()]
        self._network.requires_grad_(False)
        for weight in self._trained:
            weight.requires_grad_(True)
        hooks = _hooks_of(self._network)
        self._network.train()  # in evaluation the hooks look away
        try:
            yield
        finally:
            hooks.cleanup()
            self._network.eval()
            for weight, before in needed:
                weight.requires_grad_(before)

    def rows(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return the images' gradients, (b, k), float32: k weights move."""
        losses = self._losses(images, labels)
        assert len(losses) == len(images) * self._num_draws
        with warnings.catch_warnings():
            # a layer at the very start, such as the vectors of classes, has no way further back
            warnings.filterwarnings("ignore", "Full backward hook is firing", UserWarning)
            (losses.sum() / self._num_draws).backward()  # type: ignore[no-untyped-call]
        return torch.cat([self._row(weight, len(images)) for weight in self._trained], 1)

    def _row(self, weight: Any, num_images: int) -> Tensor:
        """Take the gradients by one parameter, (b, k), and forget them."""
        drawn = weight.grad_sample.float().view(num_images, self._num_draws, -1)
        weight.grad = weight.grad_sample = None
        row: Tensor = drawn.sum(1)
        return row


def _hooks_of(network: nn.Module) -> Any:
    """Put Opacus's hooks on a network's layers; the import takes seconds."""
    from opacus.grad_sample.grad_sample_module import GradSampleHooks

    known = GradSampleHooks.GRAD_SAMPLERS

    def of_convolution(layer: nn.Conv2d, activations: Any, backprops: Tensor) -> dict[Any, Tensor]:
        """Sum over places: a bias needs none of the patches that Opacus cuts out for weights."""
        if layer.weight.requires_grad:
            assert type(layer) is nn.Conv2d, "Opacus takes no other for a convolution"
            of_both: dict[Any, Tensor] = known[nn.Conv2d](layer, activations, backprops)
            return of_both
        return {layer.bias: backprops.flatten(2).sum(2)}

    class Hooks(GradSampleHooks):  # type: ignore[misc]
        GRAD_SAMPLERS: ClassVar = {
            **known,
            **{
                kind: of_convolution if issubclass(kind, nn.Conv2d) else known[nn.Embedding]
                for kind in {type(layer) for layer in network.modules()}
                if issubclass(kind, nn.Conv2d | nn.Embedding)
            },
        }

    return Hooks(network, loss_reduction="sum", strict=True)
