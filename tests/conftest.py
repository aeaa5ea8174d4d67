"""Runs any test as on a processor that multiplies bfloat16 natively, or on one that does not.

SYNTHCXR_TEST_BFLOAT16=on or off says which; by default the processor's own capabilities count.
"""

import os


def pytest_configure():
    wanted = os.environ.get("SYNTHCXR_TEST_BFLOAT16")
    if wanted is None:
        return
    if wanted not in {"on", "off"}:
        raise ValueError(f"SYNTHCXR_TEST_BFLOAT16 is {wanted!r}: expected on or off")
    import torch

    own = torch.cpu.get_capabilities()
    forced = {**own, "avx512_bf16": wanted == "on", "amx_bf16": False}
    torch.cpu.get_capabilities = lambda: forced
