"""An ingest as a plain Celery task, which benchmarks/durability.py compares with.

The environment says how messages are acknowledged and where the outcome goes.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from celery import Celery

from radiographs.ingest import IngestOptions, PhantomSource, run

FOLDER = Path(os.environ.get("PLAIN_CELERY_FOLDER", "."))
KEY = b"k" * 32
COUNTS = {"normal": 8, "effusion": 8}

app = Celery("plain", broker=os.environ.get("PLAIN_CELERY_BROKER"))
app.conf.update(
    task_acks_late=os.environ.get("PLAIN_CELERY_ACKS_LATE") == "1",
    task_reject_on_worker_lost=os.environ.get("PLAIN_CELERY_ACKS_LATE") == "1",
    worker_prefetch_multiplier=1,
    task_ignore_result=True,
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "visibility_timeout": float(os.environ.get("PLAIN_CELERY_VISIBILITY", "3600"))
    },
)


@app.task
def ingest(name: str, seed: int) -> None:
    """Draw and store a small dataset, and say so."""
    staged = FOLDER / f"{name}-{os.getpid()}"
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    run(PhantomSource(COUNTS, 64, seed), staged, IngestOptions(KEY, image_size=64))
    with (FOLDER / "commits").open("a") as commits:
        commits.write(f"{name}\n")
