"""The gate: whether a set is valid and private enough to leave.

All films drawn are looked at. Flagged ones (G1) are to be drawn anew by the caller, a few times;
then everything that was drawn is examined together, flagged films included, since how many there
were is evidence. What is kept is what may leave.

The chance of refusing an honest set, alpha, is divided in equal parts among G1, G2 and G3. A
p-value is first multiplied by the number of metrics, and of tests within a metric, and then held
against alpha / 3. When earlier releases of the same dataset are examined with a set, G2 and G3 are
made twice, of the set and of all releases together, and their p-values are doubled. G1 is not: its
power is bounded by the held-out patients and does not grow with the number of films.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from release.examination import Examination, Histograms
from release.fidelity.validity import Validity
from release.films import Folds, LabelledFilms, Pixels
from release.metrics.metric import Metric, Neighbours
from release.policy import Policy
from release.privacy.controls import Control, Planted
from release.privacy.controls import controls as sees
from release.privacy.copies import copies, excess_share, flagged
from release.privacy.crowd import Crowd
from release.privacy.density import Array, UnfitMetric, merged
from release.privacy.epsilon import Claim, epsilon
from release.privacy.exposure import exposed, exposure
from release.privacy.materiality import materiality
from release.privacy.membership import Scores, membership
from release.privacy.power import Power
from release.privacy.roc import Roc
from release.privacy.scan import scan_of
from release.privacy.sight import Sight
from release.privacy.symmetry import symmetry
from release.privacy.validity import validity_of
from release.privacy.white_box import white_box
from release.reference import Reference
from release.verdict import Finding, Verdict

FEWEST_PATIENTS = 4  # held out: two in each half of the negative control


@dataclass(frozen=True, eq=False)
class Look:
    """Films as all metrics see them.

    Attributes:
        sights: By metric.
        flags: (metrics, n), true for films that a metric takes for copies.
    """

    sights: Mapping[str, Sight]
    flags: NDArray[np.bool_]

    @property
    def flagged(self) -> NDArray[np.bool_]:
        """(n,), films that any metric takes for copies."""
        return np.asarray(self.flags.any(0))

    @classmethod
    def together(cls, looks: Sequence[Look]) -> Look:
        """See films of several rounds as one lot, in their order."""
        sights = {
            name: Sight.together([look.sights[name] for look in looks]) for name in looks[0].sights
        }
        return cls(sights, np.concatenate([look.flags for look in looks], axis=1))


class Gate:
    """Examines sets made by models that learned from one dataset version.

    Attributes:
        power: What its tests can find.
    """

    def __init__(
        self, folds: Folds, metrics: Sequence[Metric], policy: Policy | None = None
    ) -> None:
        if not metrics:
            raise ValueError("A gate needs at least one metric.")
        self._metrics, self._policy = tuple(metrics), policy or Policy()
        self._crowd = Crowd(folds)
        self.power = Power.of(folds.audit, folds.classes, len(self._metrics), self._policy)

    @cached_property
    def audited(self) -> LabelledFilms:
        """One film of each patient whom a coin brought in or kept out; G6 scores these."""
        return self._crowd.films(self._crowd.audited)

    def look(self, pixels: Pixels) -> Look:
        """Look at films, one by one, and flag copies (G1).

        Args:
            pixels: (n, size, size).

        Raises:
            ValueError: Too few patients are held out, or a metric gives distances that are no
                numbers.
        """
        if self.power.num_patients < FEWEST_PATIENTS:
            raise ValueError(
                f"{self.power.num_patients} patients are held out: expected at least "
                f"{FEWEST_PATIENTS}. Ingest more patients."
            )
        sights = {name: each.sight(pixels) for name, each in self._references.items()}
        share = self._policy.flag_share
        flags = [
            flagged(sight.closeness, self._references[name].held_out.closeness, share)
            for name, sight in sights.items()
        ]
        return Look(sights, np.stack(flags))

    def flagged(self, pixels: Pixels) -> NDArray[np.bool_]:
        """Flag copies, (n,); raises what `look` raises."""
        return self.look(pixels).flagged

    def examine(
        self,
        pixels: Pixels,
        labels: NDArray[np.int64],
        *,
        validity: Validity,
        planted: Sequence[Planted] = (),
        controls: Sequence[Control] = (),
        earlier: Pixels | None = None,
        look: Look | None = None,
        claim: Claim | None = None,
        model_scores: Mapping[str, Array] | None = None,
    ) -> Examination:
        """Decide whether a set may leave.

        Args:
            pixels: (n, size, size), all films drawn in all rounds, also flagged ones.
            labels: (n,), number of each film's class; -1 for films of none.
            validity: KID and label agreement of the films that were not flagged.
            planted: Near duplicates of training films that the gate is to find (G7).
            controls: How many it has found of others; they are the same for every set.
            earlier: Films of all earlier releases of this dataset version, of any model.
            look: What `look` saw of these films, where it was kept.
            claim: Differential privacy that the model claims.
            model_scores: By name, the model's own scores of the films in `audited`; the higher,
                the more likely trained on (G6).

        Raises:
            ValueError: There are no films, or `look` saw others, or labels are missing.
        """
        if not len(pixels) == len(labels) > 0:
            raise ValueError(
                f"{len(pixels)} films and {len(labels)} labels: expected one label for each film, "
                "and at least one film."
            )
        if look and look.flags.shape[1] != len(pixels):
            raise ValueError(f"{look.flags.shape[1]} films were seen, and {len(pixels)} drawn.")
        if self.power.num_patients < FEWEST_PATIENTS:
            return self._closed(np.ones(len(pixels), np.bool_), [self.power.finding()])
        try:
            seen = look or self.look(pixels)
            kept, num_exposed = self._kept(seen, claim)
            results = [*controls, *map(self.control, planted)]
            excess = excess_share(labels, self._crowd.held_out_labels)
            power = self.power.finding(excess)
            found_copies = copies(seen.flags, self.power.num_patients, self._policy, excess)
            if not kept.any():
                return self._closed(kept, [power, found_copies], results)
            sights = {name: sight.where(kept) for name, sight in seen.sights.items()}
            near = self._near_witnesses(pixels[kept])
            before = earlier if earlier is not None and len(earlier) else None
            num_sets = 1 if before is None else 2
            told, curve = self._membership(near, num_sets)
            scores = self._scores(near)
            bound = epsilon(self._of_audited(scores), self._coins, self._policy, claim)
            findings = [
                power,  # the first reason named: it decides who may see the films
                self._validity(sights, validity),
                found_copies,
                self._scan(sights, num_sets),
                told,
                exposure(~kept & ~seen.flagged, num_exposed, self._policy),
                bound,
                *([white_box(model_scores, self._coins, self._policy)] if model_scores else []),
                sees(results, self._halves_pass, self._policy),
                symmetry(self._densities, self._crowd.member, self._policy),
                materiality(scores, self._crowd.member, self._policy, self.power),
                *([] if before is None else self._with_earlier(sights, near, before)),
            ]
        except UnfitMetric as error:
            return self._closed(np.ones(len(pixels), np.bool_), [_unfit(error)])
        return self._closed(kept, findings, results, curve, bound, self._histograms(sights))

    @cached_property
    def _references(self) -> dict[str, Reference]:
        return {each.name: Reference(self._crowd, each, self._policy) for each in self._metrics}

    @cached_property
    def _halves_pass(self) -> bool:
        """Whether half of H passes against the other half, by every metric."""
        p_values = [p for each in self._references.values() for p in each.halves_differ()]
        return len(self._metrics) * min(p_values) >= self._policy.alpha / 3

    @property
    def _densities(self) -> dict[str, Array]:
        return {name: each.density_of_real for name, each in self._references.items()}

    @property
    def _coins(self) -> NDArray[np.bool_]:
        return self._crowd.coins[self._crowd.audited]

    def _kept(self, seen: Look, claim: Claim | None) -> tuple[NDArray[np.bool_], int]:
        """Drop flagged films (G1) and those around exposed patients (G4), and count these.

        From a model that promises differential privacy none is dropped: which films are would tell
        of patients outside what was promised. Such a set leaves whole or not at all.
        """
        if claim:
            return np.ones(len(seen.flagged), np.bool_), 0
        kept = ~seen.flagged
        crowd, alpha = self._crowd, self._policy.exposure_alpha / len(self._metrics)
        around = np.zeros_like(kept)
        named: set[int] = set()
        for sight in seen.sights.values():
            patients = exposed(
                sight.nearest_patient[kept], crowd.trained_patients, crowd.held_out_patients, alpha
            )
            around |= np.isin(sight.nearest_patient, patients)
            named |= set(patients.tolist())
        return kept & ~around, len(named)

    def control(self, planted: Planted) -> Control:
        """Count how many of planted near duplicates are flagged; raises what `look` raises."""
        num_planted = len(planted.pixels)
        found = int(self.flagged(planted.pixels).sum()) if num_planted else 0
        return Control(planted.name, num_planted, found, planted.required)

    def _near_witnesses(self, pixels: Pixels) -> dict[str, Neighbours]:
        return {name: each.near_witnesses(pixels) for name, each in self._references.items()}

    def _scores(self, near: Mapping[str, Neighbours]) -> Scores:
        return {name: self._references[name].attack(each) for name, each in near.items()}

    def _of_audited(self, scores: Scores) -> dict[str, Array]:
        return {
            f"{metric}/{attack}": values[self._crowd.audited]
            for metric, attacks in scores.items()
            for attack, values in attacks.items()
        }

    def _validity(self, sights: Mapping[str, Sight], validity: Validity) -> Finding:
        densities = {
            name: (sight.density, self._references[name].held_out.density)
            for name, sight in sights.items()
        }
        return validity_of(densities, validity, self._policy)

    def _scan(self, sights: Mapping[str, Sight], num_sets: int, code: str = "scan") -> Finding:
        crowd = self._crowd
        return scan_of(
            sights, crowd.trained_patients, len(crowd.member), self._policy, num_sets, code
        )

    def _membership(
        self, near: Mapping[str, Neighbours], num_sets: int, code: str = "membership"
    ) -> tuple[Finding, Roc]:
        return membership(self._scores(near), self._crowd.member, self._policy, num_sets, code)

    def _with_earlier(
        self, sights: Mapping[str, Sight], near: Mapping[str, Neighbours], earlier: Pixels
    ) -> list[Finding]:
        """Make G2 and G3 of the set and all earlier releases as if they were one."""
        before = {name: each.sight(earlier) for name, each in self._references.items()}
        near_before = self._near_witnesses(earlier)
        return [
            self._scan(
                {name: Sight.together([before[name], sights[name]]) for name in sights},
                2,
                "cumulative",
            ),
            self._membership(
                {name: merged(near_before[name], near[name]) for name in near}, 2, "cumulative"
            )[0],
        ]

    def _histograms(self, sights: Mapping[str, Sight]) -> Histograms:
        first = self._metrics[0].name
        return Histograms.of(self._references[first].held_out.closeness, sights[first].closeness)

    def _closed(
        self,
        kept: NDArray[np.bool_],
        findings: list[Finding],
        results: Sequence[Control] = (),
        curve: Roc | None = None,
        bound: Finding | None = None,
        histograms: Histograms | None = None,
    ) -> Examination:
        return Examination(
            verdict=Verdict.of(tuple(findings), int((~kept).sum())),
            kept=kept,
            findings=tuple(findings),
            power=self.power,
            controls=tuple(results),
            membership=curve,
            epsilon=bound.statistic if bound else None,
            histograms=histograms,
            policy=self._policy,
            metrics=tuple((each.name, each.digest) for each in self._metrics),
        )


def _unfit(error: UnfitMetric) -> Finding:
    return Finding(
        id="G0",
        name="embedding",
        decision="inconclusive",
        code="embedding",
        statistic=None,
        threshold=None,
        p_value=None,
        text=str(error),
    )
