"""How threads wait for each other; imports no torch, since that reads it once."""

from __future__ import annotations

from collections.abc import MutableMapping

PASSIVE = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "GOMP_SPINCOUNT": "0",  # GNU's OpenMP
    "KMP_BLOCKTIME": "0",  # Intel's and LLVM's
}


def wait_passively(environment: MutableMapping[str, str]) -> None:
    """Have threads that wait sleep instead of spinning: others run on the same cores.

    Args:
        environment: Of a process that has not loaded torch yet, and of its children. What an
            operator has set stays.
    """
    if not PASSIVE.keys() & environment.keys():
        environment.update(PASSIVE)
