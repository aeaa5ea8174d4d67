"""Power: the rarest copies that the gate is sure to see.

However many films are drawn, G1 knows the honest share of flagged films no better than m held-out
patients tell it: it follows Beta(j, m + 1 - j). If a share c of the films are copies and all are
flagged, the set is refused once c exceeds the quantile of that law at the level of the test, which
is alpha / 3 for G1 and is divided by the number of metrics M. For j = 1 the law's tail is
(1 - c)^m, so that

    MDCR = 1 - (alpha / 3M)^(1/m), about ln(3M / alpha) / m,

5.7 / m with one metric and 7.1 / m with four at alpha = 0.01. The unit is the patient, since films
of one patient are no independent witnesses.

A set may show a class rho times as often as the held-out films do. Its copies are then sure to be
refused from rho times that rate on (see `release.privacy.copies`): a set of a class that hardly
anybody held out has could be copied throughout, whatever the rate over all classes is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

import numpy as np
from scipy.stats import beta

from release.films import LabelledFilms
from release.policy import Policy
from release.privacy.copies import rank_of_threshold
from release.verdict import Finding


def detectable_copy_rate(num_patients: int, num_metrics: int, policy: Policy) -> float:
    """Return the smallest share of copies that G1 refuses, in [0, 1]; 1 without patients."""
    if not num_patients:
        return 1.0
    j = rank_of_threshold(num_patients, policy.flag_share)
    return float(beta.isf(policy.alpha / (3 * num_metrics), j, num_patients + 1 - j))


@dataclass(frozen=True)
class Power:
    """The minimum detectable copy rate, and what it rests on.

    Attributes:
        num_held_out: Films of H.
        num_patients: Patients of H.
        mdcr: Of all classes together.
        by_class: Of each class, by the patients who have a film of it.
        max_mdcr: What policy asks for.
        max_mdcr_of_set: What it asks for where a set shares the classes otherwise.
    """

    num_held_out: int
    num_patients: int
    mdcr: float
    by_class: Mapping[str, float]
    max_mdcr: float
    max_mdcr_of_set: float

    @classmethod
    def of(
        cls, audit: LabelledFilms, classes: tuple[str, ...], num_metrics: int, policy: Policy
    ) -> Power:
        """Find the power that the held-out films give."""

        def rate(patients: LabelledFilms) -> float:
            num_patients = len(np.unique(patients.patients))
            return detectable_copy_rate(num_patients, num_metrics, policy)

        by_class = {
            name: rate(audit.where(audit.labels == label)) for label, name in enumerate(classes)
        }
        num_patients = len(np.unique(audit.patients))
        return cls(
            len(audit),
            num_patients,
            rate(audit),
            by_class,
            policy.max_mdcr,
            policy.max_mdcr_of_set,
        )

    @property
    def suffices(self) -> bool:
        """Whether a pass means what policy asks of it, for a set that shares the classes alike."""
        return self.mdcr <= self.max_mdcr

    def described(self) -> dict[str, object]:
        """Return JSON values, rates rounded up to a hundredth of a per cent."""
        return {
            "num_held_out": self.num_held_out,
            "num_patients": self.num_patients,
            "mdcr": _rounded_up(self.mdcr),
            "max_mdcr": self.max_mdcr,
            "by_class": {name: _rounded_up(rate) for name, rate in self.by_class.items()},
        }

    def finding(self, excess: float = 1.0) -> Finding:
        """Judge whether the power suffices, and tell that for a set of other class shares.

        Args:
            excess: Largest ratio of a class's share in the set to its share in H, at least 1.
        """
        of_set = _rounded_up(min(1.0, excess * self.mdcr))
        suffices = self.suffices and of_set <= self.max_mdcr_of_set
        here = ""
        if excess > 1:
            here = (
                f" This set shows a class more often than they do: its rate is {100 * of_set:.2f} "
                f"%, where policy asks for {100 * self.max_mdcr_of_set:.2f} %."
            )
        return Finding(
            id="MDCR",
            name="minimum detectable copy rate",
            decision="passed" if suffices else "inconclusive",
            code=None if suffices else "power",
            statistic=_rounded_up(self.mdcr),
            threshold=self.max_mdcr,
            p_value=None,
            text=f"With {self.num_patients} patients held out, sets with "
            f"{100 * _rounded_up(self.mdcr):.2f} % copies or more are refused; policy asks for "
            f"{100 * self.max_mdcr:.2f} %.{here}",
            public={"mdcr_of_set": of_set},
        )


def _rounded_up(rate: float) -> float:
    return min(1.0, ceil(rate * 1e4) / 1e4)
