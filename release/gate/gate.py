"""The gate: whether a set is valid and private enough to leave.

All images drawn are looked at. Flagged ones (G1) are to be drawn anew by the caller, a few times;
then everything that was drawn is examined together, flagged images included, since how many there
were is evidence. What is kept is what may leave.

The chance of refusing an honest set, alpha, is divided in equal parts among G1, G2 and G3. A
p-value is first multiplied by the number of metrics, and of tests within a metric, and then held
against alpha / 3. When earlier releases of the same dataset are examined with a set, G2 and G3 are
made twice, of the set and of all releases together, and their p-values are doubled. G1 is not: its
power is bounded by the held-out patients and does not grow with the number of images; what it
counted of earlier sets is tested besides, at a further alpha / 6 (see
`release.gate.checks.cumulative_tally`). So where there were sets before, alpha / 2 may go to G1,
and 7 alpha / 6 to all three.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from release.array_cache import Forgetful, Memory
from release.data import LabelledImages, Pixels, Splits
from release.fidelity.validity import Validity
from release.gate.attack_scores import NUM_ATTACKS
from release.gate.checks.attack_advantage import materiality
from release.gate.checks.copy_count import Copies, copies
from release.gate.checks.cumulative_tally import Tally, copies_together, refused_before, tally_of
from release.gate.checks.epsilon import Claim, epsilon
from release.gate.checks.membership import membership
from release.gate.checks.metric_symmetry import symmetry, unfit
from release.gate.checks.patient_exposure import exposure
from release.gate.checks.proximity_scan import scan_of
from release.gate.checks.validity import validity_of
from release.gate.checks.white_box import white_box
from release.gate.density_attack import NUM_ATTACKS as NUM_DENSITY_ATTACKS
from release.gate.neighbours import Look
from release.gate.panel import Panel
from release.gate.policy import Policy
from release.gate.positive_controls import Control, Planted, least_recall
from release.gate.positive_controls import controls as sees
from release.gate.power import Power, images_needed
from release.gate.real_images import Crowd
from release.gate.result import VERSION, Examination, Histograms
from release.gate.verdict import Finding, Verdict
from release.similarity.copy_search import CopySearch
from release.similarity.knn import Array, UnfitMetric
from release.similarity.metric import Metric
from release.stats.roc import Roc

FEWEST_PATIENTS = 4  # held out: two in each half of the negative control


class Gate:
    """Examines sets made by models that learned from one dataset version.

    Args:
        splits: The real images, of which nothing is learned before the first image is looked at.
        metrics: Which compare images; at least one.
        policy: What is demanded.
        memory: Keeps what is the same for every set; nothing when None.
        search: Finds changed copies of the images of T, then H; None where only the metrics do.
    """

    def __init__(
        self,
        splits: Splits,
        metrics: Sequence[Metric],
        policy: Policy | None = None,
        memory: Memory | None = None,
        search: CopySearch | None = None,
    ) -> None:
        if not metrics:
            raise ValueError("A gate needs at least one metric.")
        self._metrics, self._policy = tuple(metrics), policy or Policy()
        if search is not None and len(search) != len(splits.train) + len(splits.holdout):
            raise ValueError("The search holds other images than T and H.")
        self._folds, self._crowd = splits, Crowd(splits)
        self._searches = [("structure", search.digest)] if search else []
        self._panel = Panel(self._crowd, self._metrics, self._policy, memory or Forgetful(), search)

    @cached_property
    def audited(self) -> LabelledImages:
        """One image of each patient whom a coin brought in or kept out; G6 scores these."""
        return self._crowd.images(self._crowd.audited)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that a look at images depends on, in hexadecimal."""
        metrics = [each.digest for each in self._metrics]
        searches = [digest for _, digest in self._searches]
        parts = [VERSION, self._crowd.digest, *metrics, *searches, self._policy.digest]
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()

    def look(self, pixels: Pixels) -> Look:
        """Look at images, one by one, and flag copies (G1).

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
        return self._panel.calibration.flagged(self._panel.closeness(pixels))

    def control(self, planted: Planted) -> Control:
        """Count how many of planted near duplicates are flagged; raises what `look` raises."""
        num_planted = len(planted.pixels)
        found = int(self.flagged(planted.pixels).sum()) if num_planted else 0
        return Control(planted.name, num_planted, found, planted.required)

    def examine(
        self,
        pixels: Pixels,
        weights: NDArray[np.float64],
        *,
        validity: Validity,
        planted: Sequence[Planted] = (),
        controls: Sequence[Control] = (),
        earlier: Look | None = None,
        attempts: Sequence[Tally] = (),
        attempt_number: int = 1,
        look: Look | None = None,
        claim: Claim | None = None,
        model_scores: Mapping[str, Array] | None = None,
    ) -> Examination:
        """Decide whether a set may leave.

        Args:
            pixels: (n, size, size), all images drawn in all rounds, also flagged ones.
            weights: (n, classes), how much of each class the images show; rows add up to 1, or to 0
                where nothing is said of an image.
            validity: KID and label agreement of the images that were not flagged.
            planted: Near duplicates of training images that the gate is to find (G7).
            controls: How many it has found of others; they are the same for every set.
            earlier: What `look` saw of all earlier releases of datasets that share patients with
                this one, of any model.
            attempts: What was counted of earlier examinations: of all of the same model, and of
                those releases.
            attempt_number: Which of its model's sets this is, from 1.
            look: What `look` saw of these images, where it was kept.
            claim: Differential privacy that the model claims. None of its images is dropped: which
                images are would tell of patients outside what was promised. Such a set leaves whole
                or not at all.
            model_scores: By name, the model's own scores of the images in `audited`; the higher,
                the more likely trained on (G6).

        Raises:
            ValueError: There are no images, or `look` saw others, or weights are missing.
        """
        if not len(pixels) == len(weights) > 0:
            raise ValueError(
                f"{len(pixels)} images and class weights of {len(weights)}: expected weights for "
                "each image, and at least one image."
            )
        if look and len(look) != len(pixels):
            raise ValueError(f"{len(look)} images were seen, and {len(pixels)} drawn.")
        panel, everything = self._panel, np.ones(len(pixels), np.bool_)
        if self._num_held_out < FEWEST_PATIENTS:
            power = self._power(None, ())
            return self._closed(everything, power.findings(), power)
        try:
            seen = look or self.look(pixels)
            kept, num_exposed = (everything, 0) if claim else panel.kept(seen)
            results = [*controls, *map(self.control, planted)]
            counted = Copies.of(seen.closeness, weights, panel.calibration)
            num_sets = 2 if earlier else 1
            power = self._power(counted, results, num_sets)
            found_copies = copies(counted, self._policy)
            tally = tally_of(counted, self._folds.classes, [found_copies])
            repeated = self._with_attempts(tally, attempts, attempt_number)
            if not kept.any():
                findings = [*power.findings(), found_copies, *repeated]
                tally = tally_of(counted, self._folds.classes, findings)
                return self._closed(kept, findings, power, results, tally=tally)
            left = panel.left(seen, pixels, kept)
            scores, member = panel.scores(left), self._crowd.member
            coins = self._crowd.coins[self._crowd.audited]
            labels = self._crowd.labels[self._crowd.witnesses]
            told, curve = membership(scores, member, self._policy, num_sets, labels=labels)
            bound = epsilon(panel.of_audited(scores), coins, self._policy, claim)
            findings = [
                *power.findings(),  # the first reasons named: they decide who may see the images
                validity_of(panel.densities(left.sights), validity, self._policy),
                found_copies,
                *repeated,
                self._scan(left, num_sets),
                told,
                exposure(~kept & ~seen.flagged, num_exposed, self._policy),
                bound,
                *([white_box(model_scores, coins, self._policy)] if model_scores else []),
                sees(results, panel.halves_pass, self._policy),
                symmetry(panel.densities_of_real, member, self._policy),
                materiality(scores, member, self._policy, power),
                *(self._with_earlier(left, earlier) if earlier else []),
            ]
        except UnfitMetric as error:
            return self._closed(everything, [unfit(error)], self._power(None, ()))
        tally = tally_of(counted, self._folds.classes, findings)
        shown = panel.histograms(left.sights)
        return self._closed(kept, findings, power, results, curve, bound, shown, tally)

    @property
    def num_needed(self) -> int:
        """How many images of a model must be examined for what policy asks to find."""
        return images_needed(len(self._crowd.witnesses), len(self._folds.classes), self._policy)

    @property
    def _num_held_out(self) -> int:
        return len(self._crowd.held_out_patients)

    def _power(
        self, counted: Copies | None, results: Sequence[Control], num_sets: int = 1
    ) -> Power:
        num_attacks = len(self._metrics) * NUM_ATTACKS + NUM_DENSITY_ATTACKS
        recall = least_recall(results, self._policy)
        return Power.of(self._folds, self._policy, num_attacks, counted, recall, num_sets)

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

    def _with_attempts(
        self, tally: Tally, attempts: Sequence[Tally], attempt_number: int
    ) -> list[Finding]:
        """Count the set and the examined ones before it together; nothing where it is the first."""
        counted = [each for each in attempts if each]  # nothing is counted where nothing was seen
        if not counted:
            return []
        return [
            refused_before(counted, attempt_number),
            copies_together([*counted, tally], self._policy),
        ]

    def _require_patients(self) -> None:
        if self._num_held_out < FEWEST_PATIENTS:
            raise ValueError(
                f"{self._num_held_out} patients are held out: expected at least "
                f"{FEWEST_PATIENTS}. Ingest more patients."
            )

    def _closed(
        self,
        kept: NDArray[np.bool_],
        findings: list[Finding],
        power: Power,
        results: Sequence[Control] = (),
        curve: Roc | None = None,
        bound: Finding | None = None,
        histograms: Histograms | None = None,
        tally: Tally | None = None,
    ) -> Examination:
        return Examination(
            verdict=Verdict.of(tuple(findings), int((~kept).sum())),
            kept=kept,
            findings=tuple(findings),
            power=power,
            controls=tuple(results),
            membership=curve,
            epsilon=bound.statistic if bound else None,
            histograms=histograms,
            policy=self._policy,
            metrics=(*((each.name, each.digest) for each in self._metrics), *self._searches),
            tally=tally or {},
        )
