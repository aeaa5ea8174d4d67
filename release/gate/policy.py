"""What the gate demands of a set before its release."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Policy:
    """The thresholds of one gate; its digest stands in every report.

    Attributes:
        alpha: Chance that an honest set is refused by the privacy tests G1, G2 and G3 together;
            each has a third of it, divided once more among the metrics.
        max_mdcr: Largest minimum detectable copy rate at which a pass means anything.
        max_mdcr_of_set: The same for a set that shows some class more often than the holdout
            images do.
        max_membership: Largest share of the training patients that an attack may be right on and
            not be sure to be found.
        rounds: How often flagged images may be drawn anew.
        spare_share: Images drawn beyond those asked for, since some may be flagged.
        num_density_neighbours: Real images whose mean distance is the density around an image.
        copy_shares: Shares of honest images that lie below the thresholds of G1, ascending; below
            the first an image is flagged and dropped.
        scan_depths: How many of the images nearest to the real ones G2 looks at.
        false_positive_rates: Where the attacks of G3 are tested.
        max_advantage: Largest advantage that an attack may have by its upper 95 % bound (G8).
        advantage_rate: False-positive rate of the attack whose advantage G8 bounds.
        min_control_recall: Share of planted near duplicates that must be found (G7).
        max_relative_kid: Where a set's KID may lie between real images (0) and mean images (1).
        min_relative_agreement: Where label agreement must lie between chance and real images.
        density_range: Quantiles of the holdout densities between which the set's median lies.
        exposure_alpha: Chance that G4 drops images of an honest set.
        audit_guess_share: Share of the audited patients about whom G5 guesses.
        audit_confidence: Confidence of the lower bound on epsilon (G5).
    """

    alpha: float = 0.01
    max_mdcr: float = 0.015
    max_mdcr_of_set: float = 0.05
    max_membership: float = 0.05
    rounds: int = 3
    spare_share: float = 0.1
    num_density_neighbours: int = 50
    copy_shares: tuple[float, ...] = (0.001, 0.003, 0.01)
    scan_depths: tuple[int, ...] = (10, 30, 100, 300)
    false_positive_rates: tuple[float, ...] = (0.002, 0.01, 0.05)
    max_advantage: float = 0.09
    advantage_rate: float = 0.05
    min_control_recall: float = 0.95
    max_relative_kid: float = 0.2
    min_relative_agreement: float = 0.5
    density_range: tuple[float, float] = (0.01, 0.99)
    exposure_alpha: float = 0.01
    audit_guess_share: float = 0.1
    audit_confidence: float = 0.95

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha is {self.alpha}: expected a probability between 0 and 1.")
        if self.num_density_neighbours < 1 or self.rounds < 0:
            raise ValueError("A gate needs at least one neighbour, and no fewer than no rounds.")

    @property
    def digest(self) -> str:
        """SHA-256 of all thresholds, hexadecimal."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()
