"""What an embedding may have learned from, if its distances are to prove anything.

The gate asks whether synthetic images lie nearer to images that the model learned from (T) than to
images that it did not (H). An embedding that has itself learned from T and not from H places the
two differently, whatever the model did: every p-value would be void. So it learns from both alike,
or from neither.
"""

from __future__ import annotations

from dataclasses import dataclass

from release.data import Splits


class EmbeddingUnfair(ValueError):
    """An embedding has learned from the splits in a way that favours one of them."""


@dataclass(frozen=True)
class LearnedFrom:
    """The images an embedding has learned from, by fold; by default none of the dataset's.

    Attributes:
        num_trained: Images of T.
        num_audit: Images of H.
        num_utility: Images of U.
        splits: Fingerprint of the splits meant; empty where no image of theirs was seen.
    """

    num_trained: int = 0
    num_audit: int = 0
    num_utility: int = 0
    splits: str = ""

    def check(self, splits: Splits, name: str = "embedding") -> None:
        """Refuse an embedding that treats the splits differently.

        Args:
            splits: The splits about to be compared.
            name: Names the embedding in the message.

        Raises:
            EmbeddingUnfair: It has learned from U, from a part of T or H, or from other splits.
        """
        ours = (self.num_trained, self.num_audit, self.num_utility)
        if ours == (0, 0, 0):
            return
        expected = (len(splits.train), len(splits.holdout), 0)
        if ours != expected or self.splits != splits.fingerprint:
            raise EmbeddingUnfair(
                f"{name} has learned from {ours[0]} training, {ours[1]} holdout and {ours[2]} test "
                f"images of splits {self.splits[:12]!r}; expected none, or all {expected[0]}, all "
                f"{expected[1]} and 0 of {splits.fingerprint[:12]!r}. "
                "Train it on both alike, or on other images."
            )
