"""Gives tests an S3 store, and runs them as on any kind of processor.

SYNTHCXR_TEST_BFLOAT16=on or off says whether it multiplies bfloat16 natively; by default its own
capabilities count.
"""

import os

import pytest


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


@pytest.fixture(scope="session")
def object_store_server():
    from tests.object_store import running_server  # which takes a second to import

    with running_server() as url:
        yield url


@pytest.fixture
def object_store(object_store_server):
    """Make an empty bucket of the test's own."""
    from tests.object_store import new_bucket

    return new_bucket(object_store_server)
