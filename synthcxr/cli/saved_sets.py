"""A set on its way to a file: what the gate found, the download, the check of every byte."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from synthcxr.cli.exit_codes import ExitCode
from synthcxr.cli.files import refuse_to_replace
from synthcxr.cli.interruption import DOWNLOAD_KEPT, interruptible
from synthcxr.cli.output import say
from synthcxr.client import Client
from synthcxr.errors import Conflict, NotPermitted, SynthCXRError
from synthcxr.resources import SyntheticSet

WHO_MAY_SEE = (
    "  not to be released; only who may see the real images may see these (scope private:read)"
)
NOBODY_MAY_SEE = "  not to be released; its images were not kept"


class NotReleased(SynthCXRError):
    """The examination did not release a set."""

    code = "not_released"
    exit_code = ExitCode.REFUSED


def judgement(made: SyntheticSet) -> Iterator[str]:
    """Say what the gate found, why, what may help, and who may see the images."""
    verdict = made.verdict
    yield f"verdict: {verdict}"
    for reason in verdict.reasons:
        yield f"  because {reason}"
    for remedy in verdict.remedies:
        yield f"  may help: {remedy}"
    if not verdict.released:
        yield WHO_MAY_SEE if made.num_images else NOBODY_MAY_SEE
        yield f"  what was measured: synthcxr sets report {made.id} -o report.html"


def save(client: Client, set_id: str, destination: Path, *, force: bool) -> Path:
    """Download a set, check every file in it and that the service signed it; say what was found.

    Returns:
        Where it is: the destination, or a file that is called as the set where that is a folder.

    Raises:
        NotReleased: The gate did not release it. It was saved for a caller who may see it all the
            same, which the message says.
    """
    if destination.is_dir():
        destination /= f"{set_id}.zip"
    refuse_to_replace(destination, force=force)
    made = client.sets.get(set_id)
    for line in judgement(made):
        say(line)
    try:
        with interruptible(DOWNLOAD_KEPT):
            verified = client.sets.download_verified(set_id, destination)
    except (Conflict, NotPermitted) as error:
        if made.verdict.released:
            raise
        raise NotReleased(str(error)) from error
    say(f"{verified.num_images} images, each as its manifest says; {verified.trust}")
    if not made.verdict.released:
        raise NotReleased(
            f"{destination} holds a set that was not released ({made.verdict}): nobody may see it "
            "who may not see the real images."
        )
    return destination
