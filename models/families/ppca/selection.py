"""How many components: as many as make held-out patients of the training split most likely.

The patients held out here are of the training split. The holdout and the test split have no part in
it (Tipping & Bishop 1999, section 5, leave the number open; a likelihood of other patients is the
usual way, Bishop 1999, doi:10.1049/cp:19991160, compares it with a prior that switches off axes).
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.families.ppca.density import Points, fit

EVERY = 5  # patient is held out


def held_out(groups: Tensor) -> Tensor:
    """Say whose images are held out while the number of components is chosen, (n,), bool.

    Args:
        groups: (n,), equal for images of one patient.
    """
    patients: Tensor = torch.unique(groups, return_inverse=True)[1]
    return patients % EVERY == EVERY - 1


def held_out_likelihood(
    points: Points, labels: Tensor, left_out: Tensor, num_classes: int, images_per_number: int
) -> Tensor:
    """Give the mean log p(x | y) of held-out images by the density of the others, in nats.

    Args:
        points: All images, along axes that were found without the held-out ones.
        labels: (n,).
        left_out: (n,), bool: which images are held out, some of them at least.
        num_classes: Number of classes.
        images_per_number: See `density.fit`.
    """
    fitted = fit(points[~left_out], labels[~left_out], num_classes, images_per_number)
    likelihoods = fitted.log_likelihood(points[left_out])
    return likelihoods.gather(1, labels[left_out, None]).mean()
