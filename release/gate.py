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

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from release.examination import VERSION, Examination, Histograms
from release.fidelity.validity import Validity
from release.films import Folds, LabelledFilms, Pixels
from release.look import Look
from release.memory import Forgetful, Memory
from release.metrics.metric import Metric
from release.panel import Panel
from release.policy import Policy
from release.privacy.controls import Control, Planted
from release.privacy.controls import controls as sees
from release.privacy.copies import copies, excess_share
from release.privacy.crowd import Crowd
from release.privacy.density import Array, UnfitMetric
from release.privacy.epsilon import Claim, epsilon
from release.privacy.exposure import exposure
from release.privacy.materiality import materiality
from release.privacy.membership import membership
from release.privacy.power import Power
from release.privacy.roc import Roc
from release.privacy.scan import scan_of
from release.privacy.symmetry import symmetry, unfit
from release.privacy.validity import validity_of
from release.privacy.white_box import white_box
from release.verdict import Finding, Verdict

FEWEST_PATIENTS = 4  # held out: two in each half of the negative control


class Gate:
    """Examines sets made by models that learned from one dataset version.

    Args:
        folds: The real films, of which nothing is learned before the first film is looked at.
        metrics: Which compare films; at least one.
        policy: What is demanded.
        memory: Keeps what is the same for every set; nothing when None.

    Attributes:
        power: What its tests can find.
    """

    def __init__(
        self,
        folds: Folds,
        metrics: Sequence[Metric],
        policy: Policy | None = None,
        memory: Memory | None = None,
    ) -> None:
        if not metrics:
            raise ValueError("A gate needs at least one metric.")
        self._metrics, self._policy = tuple(metrics), policy or Policy()
        self._crowd = Crowd(folds)
        self._panel = Panel(self._crowd, self._metrics, self._policy, memory or Forgetful())
        self.power = Power.of(folds.audit, folds.classes, len(self._metrics), self._policy)

    @cached_property
    def audited(self) -> LabelledFilms:
        """One film of each patient whom a coin brought in or kept out; G6 scores these."""
        return self._crowd.films(self._crowd.audited)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that a look at films depends on, in hexadecimal."""
        metrics = [each.digest for each in self._metrics]
        parts = [VERSION, self._crowd.digest, *metrics, self._policy.digest]
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()

    def look(self, pixels: Pixels) -> Look:
        """Look at films, one by one, and flag copies (G1).

        Args:
            pixels: (n, size, size).

        Raises:
            ValueError: Too few patients are held out, or a metric gives distances that are no
                numbers.
        """
        self._require_patients()
        return self._panel.look(pixels)

    def flagged(self, pixels: Pixels) -> NDArray[np.bool_]:
        """Flag copies, (n,); raises what `look` raises."""
        self._require_patients()
        return self._panel.flagged(pixels)

    def control(self, planted: Planted) -> Control:
        """Count how many of planted near duplicates are flagged; raises what `look` raises."""
        num_planted = len(planted.pixels)
        found = int(self.flagged(planted.pixels).sum()) if num_planted else 0
        return Control(planted.name, num_planted, found, planted.required)

    def examine(
        self,
        pixels: Pixels,
        labels: NDArray[np.int64],
        *,
        validity: Validity,
        planted: Sequence[Planted] = (),
        controls: Sequence[Control] = (),
        earlier: Look | None = None,
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
            earlier: What `look` saw of all earlier releases of this dataset version, of any model.
            look: What `look` saw of these films, where it was kept.
            claim: Differential privacy that the model claims. None of its films is dropped: which
                films are would tell of patients outside what was promised. Such a set leaves whole
                or not at all.
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
        if look and len(look) != len(pixels):
            raise ValueError(f"{len(look)} films were seen, and {len(pixels)} drawn.")
        panel, everything = self._panel, np.ones(len(pixels), np.bool_)
        if self.power.num_patients < FEWEST_PATIENTS:
            return self._closed(everything, [self.power.finding()])
        try:
            seen = look or self.look(pixels)
            kept, num_exposed = (everything, 0) if claim else panel.kept(seen)
            results = [*controls, *map(self.control, planted)]
            excess = excess_share(labels, self._crowd.held_out_labels)
            power = self.power.finding(excess)
            found_copies = copies(seen.flags, self.power.num_patients, self._policy, excess)
            if not kept.any():
                return self._closed(kept, [power, found_copies], results)
            left = panel.left(seen, pixels, kept)
            scores, member = panel.scores(left), self._crowd.member
            coins = self._crowd.coins[self._crowd.audited]
            num_sets = 2 if earlier else 1
            labels = self._crowd.labels[self._crowd.witnesses]
            told, curve = membership(scores, member, self._policy, num_sets, labels=labels)
            bound = epsilon(panel.of_audited(scores), coins, self._policy, claim)
            findings = [
                power,  # the first reason named: it decides who may see the films
                validity_of(panel.densities(left.sights), validity, self._policy),
                found_copies,
                self._scan(left, num_sets),
                told,
                exposure(~kept & ~seen.flagged, num_exposed, self._policy),
                bound,
                *([white_box(model_scores, coins, self._policy)] if model_scores else []),
                sees(results, panel.halves_pass, self._policy),
                symmetry(panel.densities_of_real, member, self._policy),
                materiality(scores, member, self._policy, self.power),
                *(self._with_earlier(left, earlier) if earlier else []),
            ]
        except UnfitMetric as error:
            return self._closed(everything, [unfit(error)])
        return self._closed(kept, findings, results, curve, bound, panel.histograms(left.sights))

    def _scan(self, look: Look, num_sets: int, code: str = "scan") -> Finding:
        trained, num_patients = self._crowd.trained_patients, len(self._crowd.member)
        return scan_of(look.sights, trained, num_patients, self._policy, num_sets, code)

    def _with_earlier(self, left: Look, earlier: Look) -> list[Finding]:
        """Make G2 and G3 of the set and all earlier releases as if they were one."""
        whole = Look.together([earlier, left])
        scores, member = self._panel.scores(whole), self._crowd.member
        labels = self._crowd.labels[self._crowd.witnesses]
        return [
            self._scan(whole, 2, "cumulative"),
            membership(scores, member, self._policy, 2, "cumulative", labels)[0],
        ]

    def _require_patients(self) -> None:
        if self.power.num_patients < FEWEST_PATIENTS:
            raise ValueError(
                f"{self.power.num_patients} patients are held out: expected at least "
                f"{FEWEST_PATIENTS}. Ingest more patients."
            )

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
