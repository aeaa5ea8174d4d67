"""Work that is recorded once and then repeated as a whole, so that launching it costs nothing.

Drawing images is thousands of small operations, and a GPU waits for the process that launches
them. Recorded as one CUDA graph they are launched at once. What a graph reads lies in tensors that
stay where they are; each repetition first fills them anew.

No GPU was at hand when this was written: the first repetition is compared with the same work done
without a graph, and where they differ, or recording fails, no graph is used.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Protocol
from weakref import WeakSet

import torch
from torch import Tensor

log = logging.getLogger(__name__)

Work = Callable[[Sequence[Tensor]], Tensor]
TOLERANCE = 1e-2  # of images in [-1, 1]: two levels of grey


class Capture(Protocol):
    """Records work on tensors that stay where they are."""

    def record(self, work: Callable[[], Tensor]) -> Callable[[], Tensor]:
        """Record some work that was done before; returns what repeats it.

        Raises:
            RuntimeError: It cannot be recorded.
        """


class CudaGraphs:
    """CUDA graphs, with a pool of memory that all of them share."""

    def __init__(self) -> None:
        self._living: WeakSet[Any] = WeakSet()

    @property
    def pool(self) -> Any:
        """The pool of the graphs that live; None where none does.

        torch gives a pool up with its last graph, and fails where another is recorded into it.
        """
        return next((graph.pool() for graph in self._living), None)

    def record(self, work: Callable[[], Tensor]) -> Callable[[], Tensor]:
        """Warm up on a stream of its own, then record."""
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            work()
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self.pool):
            made = work()
        self._living.add(graph)

        def repeat() -> Tensor:
            graph.replay()
            return made

        return repeat


class Recorded:
    """Work of one shape, recorded when it is first done and repeated afterwards.

    Args:
        work: From tensors to a tensor; what it does depends on their shapes and values alone.
        capture: Records it.
    """

    def __init__(self, work: Work, capture: Capture) -> None:
        self._work = work
        self._capture = capture
        self._inputs: list[Tensor] = []
        self._repeat: Callable[[], Tensor] | None = None
        self._is_plain = False

    @property
    def is_recorded(self) -> bool:
        """Whether the work is repeated from a recording."""
        return self._repeat is not None

    def __call__(self, inputs: Sequence[Tensor]) -> Tensor:
        """Do the work on other values; returns a tensor of its own."""
        if self._is_plain:
            return self._work(inputs)
        if self._repeat is None:
            return self._first(inputs)
        self._fill(inputs)
        return self._repeat().clone()

    def _fill(self, inputs: Sequence[Tensor]) -> None:
        for mine, given in zip(self._inputs, inputs, strict=True):
            mine.copy_(given, non_blocking=True)

    def _first(self, inputs: Sequence[Tensor]) -> Tensor:
        """Do the work without a recording, record it and hold one against the other."""
        expected = self._work(inputs)
        self._inputs = [each.clone() for each in inputs]
        try:
            repeat = self._capture.record(lambda: self._work(self._inputs))
            self._fill(inputs)
            differs = (repeat() - expected).abs().max().item()
        except RuntimeError as error:
            self._go_without(str(error).partition("\n")[0])
            return expected
        if not differs <= TOLERANCE:
            self._go_without(f"the images differ by {differs:.3g}")
            return expected
        self._repeat = repeat
        return expected

    def _go_without(self, reason: str) -> None:
        log.warning("drawing is not recorded as a graph: %s", reason)
        self._is_plain = True
        self._inputs = []
