"""The networks that a set is compared with besides our own, opened once a process."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from release.features.cache import CachedExtractor
from release.features.extractors import supplied_extractor
from service.domain.errors import ExtractorUnavailable
from service.domain.extractors import SuppliedExtractor
from service.domain.requests import GenerateRequest
from workers.runtime.attempt import Attempt
from workers.runtime.device import choose_device


def requested_extractors(attempt: Attempt, request: GenerateRequest) -> Iterator[CachedExtractor]:
    """Open the networks that a generate request was accepted with.

    Raises:
        ExtractorUnavailable: One is not in this worker's settings, its file is another one, or
            not what the settings call it.
    """
    here = {each.name: each for each in attempt.settings.extractors}
    for name, identity in sorted(request.extractors.items()):
        if name not in here:
            raise ExtractorUnavailable.named(name, "this worker's settings do not name it")
        if here[name].identity() != identity:
            raise ExtractorUnavailable.named(
                name,
                f"{here[name].path.name} is not the file that the service accepted the request by",
            )
        try:
            extractor = _opened(here[name], identity.sha256)
        except ValueError as error:
            raise ExtractorUnavailable.named(name, str(error)) from error
        yield extractor


@cache
def _opened(supplied: SuppliedExtractor, sha256: str) -> CachedExtractor:  # noqa: ARG001  a changed file is another
    return CachedExtractor(
        supplied_extractor(supplied.kind, supplied.path, supplied.name, choose_device())
    )
