"""What to believe of a noisy estimate when the noise is known."""

from __future__ import annotations

from torch import Tensor


def shrunk(estimate: Tensor, towards: Tensor, noise: Tensor) -> Tensor:
    """Draw a noisy estimate towards a steadier one, by as much of their distance as noise explains.

    Args:
        estimate: Any shape.
        towards: The same shape.
        noise: Expected squared length of the noise in the estimate.

    Reference: James & Stein 1961; the positive part, Efron & Morris 1973.
    """
    apart = estimate - towards
    kept = (1 - noise / apart.square().sum().clamp_min(1e-30)).clamp_min(0)
    drawn: Tensor = towards + kept * apart
    return drawn
