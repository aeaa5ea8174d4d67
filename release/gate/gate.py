"""The gate: whether a set is valid and private enough to be released.

All images that were generated are compared with the real ones. Flagged ones (G1) are to be replaced
by the caller, a few times; then everything that was generated is evaluated together, flagged images
included, since how many there were is evidence. What is kept can be released.

The chance of refusing an honest set, alpha, is divided in equal parts among G1, G2 and G3. A
p-value is first multiplied by the number of metrics, and of tests within a metric, and then held
against alpha / 3. When earlier releases of the same dataset are evaluated with a set, G2 and G3 are
made twice, of the set and of all releases together, and their p-values are doubled. G1 is not: its
power is bounded by the holdout patients and does not grow with the number of images; what it
counted of earlier sets is tested besides, at a further alpha / 6 (see
`release.gate.checks.cumulative_tally`). So where there were sets before, alpha / 2 may go to G1,
and 7 alpha / 6 to all three.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from release.array_cache import ArrayCache
from release.data import Pixels, Splits
from release.gate.checks import CHECKS, WEIGHTS_CHECK
from release.gate.checks.cumulative_tally import tally_of
from release.gate.context import MIN_HOLDOUT, STOPPED, Candidate, Context, GateStage, History
from release.gate.decision import decide
from release.gate.finding import Finding
from release.gate.policy import Policy
from release.gate.positive_controls import ControlResult, PositiveControl
from release.gate.power import images_needed
from release.gate.public_result import Histograms, NotRun
from release.gate.real_index import RealIndex
from release.gate.result import VERSION, GateResult, histograms_of
from release.gate.set_neighbours import SetNeighbours
from release.similarity.copy_search import CopySearch
from release.similarity.knn import InvalidDistances
from release.similarity.metric import Metric


class Gate:
    """Evaluates sets made by models that learned from one dataset version.

    Args:
        splits: The real images; nothing is computed before the first image is compared.
        metrics: Which compare images; at least one.
        policy: What is demanded.
        cache: Keeps what is the same for every set; nothing when None.
        search: Finds changed copies of `Splits.copied_from`; None where only the metrics do.
    """

    def __init__(
        self,
        splits: Splits,
        metrics: Sequence[Metric],
        policy: Policy | None = None,
        cache: ArrayCache | None = None,
        search: CopySearch | None = None,
    ) -> None:
        self._splits, self._policy = splits, policy or Policy()
        self._index = RealIndex(splits, metrics, self._policy, cache, search)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that a comparison of images depends on, in hexadecimal."""
        detectors = [digest for _, digest in self._index.detectors]
        parts = [VERSION, self._index.digest, *detectors, self._policy.digest]
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()

    @property
    def num_needed(self) -> int:
        """How many images of a model must be evaluated to detect what policy asks for."""
        num_patients = len(self._index.images.representatives)
        return images_needed(num_patients, len(self._splits.classes), self._policy)

    def prepare(self, on_progress: Callable[[float], None]) -> None:
        """Index the real images, which is the same for every set; raises what `compare` raises.

        Args:
            on_progress: Called with the share of the longest part that is done.
        """
        self._require_holdout()
        self._index.prepare(on_progress)

    def compare(self, pixels: Pixels) -> SetNeighbours:
        """Compare images with the real ones, and flag copies (G1).

        Args:
            pixels: (n, size, size).

        Raises:
            ValueError: The holdout is too small.
            InvalidDistances: A metric gives invalid distances.
        """
        self._require_holdout()
        return self._index.compare(pixels)

    def flagged(self, pixels: Pixels) -> NDArray[np.bool_]:
        """Flag copies, (n,); raises what `compare` raises."""
        self._require_holdout()
        return self._index.calibration.flagged(self._index.closeness(pixels))

    def measure(self, control: PositiveControl) -> ControlResult:
        """Count how many near-duplicates are flagged; raises what `compare` raises."""
        num_planted = len(control.pixels)
        found = int(self.flagged(control.pixels).sum()) if num_planted else 0
        return ControlResult(control.name, num_planted, found, control.required)

    def evaluate(
        self,
        candidate: Candidate,
        controls: Sequence[ControlResult] = (),
        history: History | None = None,
    ) -> GateResult:
        """Decide whether a set can be released.

        Args:
            candidate: The set.
            controls: How many of the positive controls `measure` found (G7).
            history: The earlier sets that count.
        """
        context = Context(
            self._policy, self._splits, self._index, candidate, controls, history or History()
        )
        try:
            return self._result(context, *_examined(context))
        except InvalidDistances as error:
            context = replace(context, error=error)
            return self._result(context, *_examined(context))

    def _result(
        self, context: Context, findings: Sequence[Finding], not_run: Sequence[NotRun]
    ) -> GateResult:
        kept, compared = context.kept, context.stage >= GateStage.NOTHING_KEPT
        num_filtered, num_left = int((~kept).sum()), context.candidate.num_left(kept)
        return GateResult(
            verdict=decide(findings, num_filtered, num_left, context.power.mdcr),
            kept=kept,
            findings=tuple(findings),
            power=context.power,
            controls=tuple(context.controls) if compared else (),
            histograms=self._histograms(context) if context.stage == GateStage.COMPLETE else None,
            policy=self._policy,
            metrics=tuple(self._index.detectors),
            tally=tally_of(context.counts, self._splits.classes, findings) if compared else {},
            not_run=tuple(not_run),
        )

    def _histograms(self, context: Context) -> Histograms:
        """Count holdout images and the set's by their closeness, by the first metric."""
        name, index = next(iter(self._index.by_metric.items()))
        return histograms_of(index.holdout.closeness, context.left.statistics[name].closeness)

    def _require_holdout(self) -> None:
        num_patients = len(self._index.images.holdout_patients)
        if num_patients < MIN_HOLDOUT:
            raise ValueError(
                f"The holdout is too small: it has {num_patients} patients, and at least "
                f"{MIN_HOLDOUT} are needed. Ingest more patients."
            )


def _examined(context: Context) -> tuple[list[Finding], list[NotRun]]:
    """Run every check that the set can be put to, in their order, and say which were not."""
    findings, not_run = [], []
    for check in CHECKS:
        runs = check.stage <= context.stage
        finding = check.run(context) if runs else None
        why = check.absent if runs else STOPPED[context.stage]
        if finding:
            findings.append(finding)
        elif why:
            not_run.append(NotRun(id=check.id, name=check.name, why=why))
    why = "Not run on sets: it audits a model's weights, which are not part of the set."
    not_run.append(NotRun(id=WEIGHTS_CHECK.id, name=WEIGHTS_CHECK.name, why=why))
    return findings, not_run
