"""Who competes in `benchmarks.time_to_quality`, and how their runs are laid on the machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue

from benchmarks.evaluation.private_folder import CHECKOUT

PEERS_PYTHON = CHECKOUT / ".venv-peers" / "bin" / "python"


@dataclass(frozen=True)
class Entrant:
    """One who competes.

    Attributes:
        name: Names its files and rows, see `benchmarks.peers.contestant`.
        module: Run with `-m`.
        rivals: Of a family of ours, the peers it is measured against.
    """

    name: str
    module: tuple[str, ...]
    rivals: tuple[str, ...] = ()

    @property
    def is_ours(self) -> bool:
        """Whether it is one of our families."""
        return bool(self.rivals)


LDM_RIVALS = ("book_ldm", "monai_ldm", "diffusers_ddpm")
ENTRANTS = (
    Entrant("vae", ("benchmarks.peers.ours", "vae"), ("pyhealth_vae",)),
    Entrant("pyhealth_vae", ("benchmarks.peers.pyhealth_vae",)),
    Entrant("gan", ("benchmarks.peers.ours", "gan"), ("pyhealth_gan",)),
    Entrant("pyhealth_gan", ("benchmarks.peers.pyhealth_gan",)),
    Entrant("ldm", ("benchmarks.peers.ours", "ldm"), LDM_RIVALS),
    Entrant("ldm_fast", ("benchmarks.peers.ours", "ldm_fast"), LDM_RIVALS),
    Entrant("book_ldm", ("benchmarks.peers.book_ldm",)),
    Entrant("monai_ldm", ("benchmarks.peers.monai_ldm",)),
    Entrant("diffusers_ddpm", ("benchmarks.peers.diffusers_ddpm",)),
)


def runs(entrants: Sequence[Entrant], common: Sequence[str]) -> list[list[str]]:
    """List the commands in the order to run them: ours and its peers in turn.

    Args:
        entrants: Who competes.
        common: The arguments that all runs share.
    """
    return [
        [
            sys.executable if entrant.is_ours else str(PEERS_PYTHON),
            *("-W", "ignore", "-m", *entrant.module, *common),
        ]
        for entrant in entrants
    ]


def run_side_by_side(commands: Sequence[Sequence[str]], cores: Sequence[int] | None) -> None:
    """Run commands in order, as many at once as there are cores, each kept to its own.

    Args:
        commands: What to run, from the checkout's root.
        cores: One for each command at a time; None leaves all to a single one.

    Raises:
        subprocess.CalledProcessError: A run has failed; those under way end first.
    """
    free: SimpleQueue[int | None] = SimpleQueue()
    for core in cores or [None]:
        free.put(core)

    def run(command: Sequence[str]) -> None:
        core = free.get()
        try:
            pinned = [] if core is None else ["--core", str(core)]
            environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
            subprocess.run([*command, *pinned], cwd=CHECKOUT, env=environment, check=True)
        finally:
            free.put(core)

    with ThreadPoolExecutor(len(cores or [None])) as pool:
        for finished in [pool.submit(run, command) for command in commands]:
            finished.result()
