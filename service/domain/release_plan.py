"""Which sets of a dataset can pass at all: known from its patients, before any image is generated.

The gate decides nothing about a set that it could not examine well enough (`inconclusive(power)`).
Whether it can depends on the numbers of patients and on how often a set shows a class, compared
with the real images. `release.gate.power_limits` computes the limits at ingest; here a request is
held against them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil, floor
from typing import Any, Self

PATIENTS_ENOUGH = 1_800  # for both claims, by the policy's limits
SHARE_OF_LIMIT = 0.98  # what is proposed keeps a little below a limit, since it is rounded
MORE_PATIENTS = (
    f"ingest more patients: about {PATIENTS_ENOUGH:,} are enough for sets that show the classes as "
    "often as the real images do"
)


@dataclass(frozen=True, slots=True)
class Outlook:
    """Whether a set can pass, as far as that is known before it is made.

    Attributes:
        reasons: Why it cannot, in sentences; empty where it can.
        remedies: What may help.
        class_counts: Images per class with which it can; None where no counts can, or these do.
        num_examined: How many images are examined, those beyond the request included.
    """

    reasons: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()
    class_counts: Mapping[str, int] | None = None
    num_examined: int = 0

    @property
    def can_pass(self) -> bool:
        """Whether nothing is known that keeps it from passing."""
        return not self.reasons

    @property
    def sentences(self) -> tuple[str, ...]:
        """Reasons and remedies, to be shown to a person."""
        return (*self.reasons, *(f"What may help: {each}." for each in self.remedies))


@dataclass(frozen=True, slots=True)
class ReleasePlan:
    """The limits within which sets of a dataset can be examined well enough.

    Attributes:
        num_patients: Of training and holdout, rounded to tens.
        membership: The share of the training patients that an attack may be right on unnoticed: of
            a first release, and of a later one.
        max_membership: The largest that the policy accepts.
        class_shares: Share of each class among the real patients, in [0, 1].
        num_needed: Images that are examined at least.
        max_excess: For numbers of images examined, ascending: how much more often a set may show a
            class than the real images do; 0 where no set of so many images can pass.
    """

    num_patients: int
    membership: tuple[float, float]
    max_membership: float
    class_shares: Mapping[str, float]
    num_needed: int
    max_excess: tuple[tuple[int, float], ...]

    @classmethod
    def from_json(cls, values: Mapping[str, Any] | None) -> Self | None:
        """Read what `to_json` wrote; None for a dataset of an earlier version."""
        if values is None:
            return None
        alone, later = values["membership"]
        return cls(
            values["num_patients"],
            (alone, later),
            values["max_membership"],
            values["class_shares"],
            values["num_needed"],
            tuple((num, excess) for num, excess in values["max_excess"]),
        )

    def to_json(self) -> dict[str, Any]:
        """Return JSON values, with what they mean as `text`."""
        return {
            "num_patients": self.num_patients,
            "membership": list(self.membership),
            "max_membership": self.max_membership,
            "class_shares": dict(self.class_shares),
            "num_needed": self.num_needed,
            "max_excess": [list(each) for each in self.max_excess],
            "text": list(self.sentences()),
        }

    def sentences(self) -> Iterator[str]:
        """Say what can be released, and what would help."""
        if reasons := list(self._of_no_set(self.membership[0])):
            yield from reasons
            yield f"What may help: {MORE_PATIENTS}."
            return
        size, excess = next(each for each in self.max_excess if each[1])
        sets = "Sets" if size <= self.num_needed else f"Sets of {size:,} images or more"
        limits = {label: excess * share for label, share in self.class_shares.items()}
        if all(limit >= 1 for limit in limits.values()):
            yield f"{sets} can pass, however their images are shared among the classes."
            return
        shares = (f"{label} {_percent(min(1.0, limit))}" for label, limit in limits.items())
        yield f"{sets} can pass whose classes make up at most: {', '.join(shares)}."

    def outlook(self, wanted: Mapping[str, float], num_images: int, *, is_later: bool) -> Outlook:
        """Say whether a set can pass.

        Args:
            wanted: Images of each class; those of several count for each by their weights.
            num_images: Images asked for in all.
            is_later: Whether sets with the same patients were released before.
        """
        examined = max(num_images, self.num_needed)
        if reasons := tuple(self._of_no_set(self.membership[is_later])):
            return Outlook(reasons, (MORE_PATIENTS,), None, examined)
        total, excess = sum(wanted.values()), self._excess(examined)
        beyond = {
            label: count / total
            for label, count in wanted.items()
            if count / total > excess * self.class_shares.get(label, 0.0)
        }
        if not beyond:
            return Outlook(num_examined=examined)
        if not excess:
            return self._larger(wanted, examined)
        reasons = tuple(
            f"{label} makes up {_percent(share)} of the images, and "
            f"{_percent(self.class_shares.get(label, 0.0))} of the real patients: up to "
            f"{_percent(excess * self.class_shares.get(label, 0.0))} of a set of {examined:,} "
            "images can be examined well enough."
            for label, share in beyond.items()
        )
        counts = self._within(wanted, excess)
        more = f"ingest more patients of {', '.join(beyond)}"
        return Outlook(reasons, tuple(filter(None, (_asking(counts), more))), counts, examined)

    def _larger(self, wanted: Mapping[str, float], examined: int) -> Outlook:
        """Ask for the smallest set of which enough images are examined."""
        size, excess = next(each for each in self.max_excess if each[1])
        factor = max(1.0, size / sum(wanted.values()))
        counts = self._within({label: factor * each for label, each in wanted.items()}, excess)
        reason = f"Of {examined:,} images copies as rare as policy asks for could go unnoticed."
        asking = _asking(counts) or f"ask for {size:,} images or more"
        return Outlook((reason,), (asking, MORE_PATIENTS), counts, examined)

    def _excess(self, examined: int) -> float:
        """Return the limit where so many images are examined."""
        return max((excess for num, excess in self.max_excess if num <= examined), default=0.0)

    def _of_no_set(self, membership: float) -> Iterator[str]:
        patients = f"{self.num_patients:,} patients to learn from and to compare with"
        if membership > self.max_membership:
            yield (
                f"No set can be released of {patients}: an attack that is right on "
                f"{_percent(membership)} of the training patients could go unnoticed, where policy "
                f"accepts {_percent(self.max_membership)}."
            )
        elif not any(excess for _, excess in self.max_excess):
            yield (
                f"No set can be released of {patients}: copies as rare as policy asks for could go "
                "unnoticed."
            )

    def _within(self, wanted: Mapping[str, float], excess: float) -> dict[str, int] | None:
        """Add images of other classes until no class is shown too often."""
        counts = {label: ceil(wanted.get(label, 0.0)) for label in self.class_shares}
        shares = {
            label: SHARE_OF_LIMIT * excess * share for label, share in self.class_shares.items()
        }
        if not counts.keys() >= wanted.keys() or any(
            count and not shares[label] for label, count in counts.items()
        ):
            return None  # nobody is known of a class
        total = max(ceil(count / shares[label]) for label, count in counts.items() if count)
        room = {label: floor(shares[label] * total) - count for label, count in counts.items()}
        lacking, free = total - sum(counts.values()), sum(max(0, each) for each in room.values())
        if free < lacking:
            return None
        for label, each in room.items():
            counts[label] += max(0, each) * max(0, lacking) // max(1, free)
        for label in sorted(room, key=lambda label: -room[label]):  # what rounding left over
            if sum(counts.values()) < total:
                counts[label] += 1
        return {label: count for label, count in counts.items() if count}


def _asking(counts: Mapping[str, int] | None) -> str | None:
    if counts is None:
        return None
    return f"ask for {', '.join(f'{label}={count}' for label, count in counts.items())}"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
