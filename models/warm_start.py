"""Begins a training at the weights of an earlier one, as far as the layers fit.

A layer is a module with weights or fitted statistics of its own. It is taken over whole, where all
of them have the same shapes as in the earlier model, or left as new. Tables with a row for each
class are taken over by label: the row of a class that the earlier model knew too, and that of "no
class". What a training fits anew in any case (`Family.refitted`) is not taken over.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from models.compact_weights import load_compact
from models.family import Family
from models.snapshot import DESCRIPTION, WEIGHTS

LEAST_SHARE = 0.1  # of a model's weights; with less carried over it is another model


class TooLittleFits(ValueError):
    """Hardly any layer of the earlier model fits."""


@dataclass(frozen=True)
class CarriedOver:
    """What a model took over from an earlier one.

    Attributes:
        whole: Names of the layers that were taken over as they are.
        by_class: Names of the tables of which the rows of known classes were taken over.
        classes: The labels of these classes.
        fresh: Names of the layers that begin as new ones.
        share: Part of the model's weights that was taken over, in [0, 1].
    """

    whole: tuple[str, ...]
    by_class: tuple[str, ...]
    classes: tuple[str, ...]
    fresh: tuple[str, ...]
    share: float


@torch.no_grad()
def start_from(model: Family[Any, Any], classes: Sequence[str], folder: Path) -> CarriedOver:
    """Give an untrained model the weights of a snapshot of the same family, where they fit.

    Args:
        model: Untrained.
        classes: The label of each of its class indices.
        folder: Of the snapshot.

    Raises:
        TooLittleFits: Less than a tenth of the model's weights can be taken over.
        OSError: The snapshot is not there.
    """
    source, source_classes = _read(folder)
    own = model.state_dict()
    found = _compare(model, classes, source, source_classes)
    if found.share < LEAST_SHARE:
        raise TooLittleFits(
            f"Of the model's weights {found.share:.1%} could be taken over: at least "
            f"{LEAST_SHARE:.0%} must fit. Choose the preset and the config of the model that the "
            "training starts from."
        )
    for layer in found.whole:
        for name in _tensors_of(model, layer):
            own[name].copy_(source[name])
    for table in found.by_class:
        name = f"{table}.weight"
        for row, source_row in _rows(own[name], classes, source[name], source_classes):
            own[name][row] = source[name][source_row].to(own[name])
    return found


def carried_over(model: Family[Any, Any], classes: Sequence[str], folder: Path) -> CarriedOver:
    """Say what `start_from` takes over from a snapshot; changes nothing."""
    return _compare(model, classes, *_read(folder))


def tensors_to_start_from(model: Family[Any, Any]) -> dict[str, Tensor]:
    """Return the part of a trained model's state that others can take over."""
    state = model.state_dict()
    return {name: state[name] for layer in _layers(model) for name in _tensors_of(model, layer)}


def _read(folder: Path) -> tuple[dict[str, Tensor], list[str]]:
    description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    return load_compact(folder / WEIGHTS), description["classes"]


def _compare(
    model: Family[Any, Any],
    classes: Sequence[str],
    source: Mapping[str, Tensor],
    source_classes: Sequence[str],
) -> CarriedOver:
    own = model.state_dict()
    whole: list[str] = []
    by_class: list[str] = []
    fresh: list[str] = []
    num_taken = 0
    for layer in _layers(model):
        names = _tensors_of(model, layer)
        if isinstance(model.get_submodule(layer), nn.Embedding):
            [name] = names
            rows = list(_rows(own[name], classes, source.get(name), source_classes))
            (by_class if rows else fresh).append(layer)
            num_taken += len(rows) * own[name].shape[1]
        elif all(name in source and source[name].shape == own[name].shape for name in names):
            whole.append(layer)
            num_taken += sum(own[name].numel() for name in names)
        else:
            fresh.append(layer)
    layers = (*whole, *by_class, *fresh)
    total = sum(own[name].numel() for layer in layers for name in _tensors_of(model, layer))
    known = tuple(label for label in classes if label in source_classes) if by_class else ()
    share = num_taken / max(1, total)
    return CarriedOver(tuple(whole), tuple(by_class), known, tuple(fresh), share)


def _layers(model: Family[Any, Any]) -> Iterator[str]:
    """Name the modules that have tensors of their own and are not fitted anew."""
    for layer, _ in model.named_modules():
        if _tensors_of(model, layer) and not _is_refitted(model, layer):
            yield layer


def _is_refitted(model: Family[Any, Any], layer: str) -> bool:
    return any(f"{layer}.".startswith(f"{begin}.") for begin in model.refitted)


def _tensors_of(model: Family[Any, Any], layer: str) -> list[str]:
    """Name a layer's own weights and statistics, without those of modules inside it."""
    module = model.get_submodule(layer)
    named = [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
    passing = module._non_persistent_buffers_set  # noqa: SLF001 - no part of the state
    names = [f"{layer}.{name}" if layer else name for name, _ in named if name not in passing]
    return [name for name in names if name not in model.refitted]


def _rows(
    table: Tensor, classes: Sequence[str], source: Tensor | None, source_classes: Sequence[str]
) -> Iterator[tuple[int, int]]:
    """Pair the rows of a table with those of another that mean the same.

    The rows behind those of the classes, such as that of "no class", mean the same in their order.
    """
    if source is None or source.shape[1:] != table.shape[1:]:
        return
    for row, label in enumerate(classes):
        if label in source_classes:
            yield row, source_classes.index(label)
    for further in range(min(len(table) - len(classes), len(source) - len(source_classes))):
        yield len(classes) + further, len(source_classes) + further
