"""The whole way once, over HTTP: images in, a model trained, an examined and verified set out."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from synthcxr.client import Client
from synthcxr.contact_sheet import write_contact_sheet
from synthcxr.embedded.processes import Child, Program
from synthcxr.errors import CannotStart, ServiceUnreachable
from synthcxr.peak_memory import PeakMemory
from synthcxr.resources import Job, SyntheticSet
from synthcxr.server_packages import command_of
from synthcxr.tokens import TOKEN_FILE
from synthcxr.verified_set import VerifiedSet

# What the training leaves of ten minutes on two cores is for ingest, sampling and examination.
TRAINING_SECONDS = 300
IMAGE_SIZE = 64
IMAGES_PER_CLASS = 32
PHANTOM_IMAGES = {"normal": 1400, "cardiomegaly": 1300, "effusion": 1300}
SEED = 2026

START_SECONDS = 60.0
STOP_SECONDS = 10.0


@dataclass(frozen=True)
class DemoOptions:
    """What to show.

    Attributes:
        out: Folder for the ZIP, the contact sheet and, while it runs, the service's data.
        data: Folder or ZIP of real images; None draws phantoms.
        family: vae, gan, ldm or ppca.
        training_seconds: How long to train.
        keep: Leave the service running.
    """

    out: Path
    data: Path | None = None
    family: str = "gan"
    training_seconds: int = TRAINING_SECONDS
    keep: bool = False


def run_demo(
    options: DemoOptions, say: Callable[[str], None], finish: Callable[[Client, Job], Job]
) -> None:
    """Run the demo and say what came out.

    Args:
        options: What to show.
        say: Prints one line.
        finish: Follows a job to its end, showing its progress; raises where it fails.
    """
    stopwatch = _Stopwatch()
    with _service(options, say, stopwatch) as client:
        with PeakMemory() as memory:
            made, verified = _make_set(client, options, stopwatch, finish)
        for phase, seconds in stopwatch.laps.items():
            say(f"{phase}: {seconds:.1f} s")
        say(
            f"peak memory: {memory.peak_bytes / 2**30:.2f} GiB, the resident memory of all "
            "processes added up (memory they share counts in each)"
        )
        _summarise(made, verified, options, say)


def _summarise(
    made: SyntheticSet,
    verified: VerifiedSet | None,
    options: DemoOptions,
    say: Callable[[str], None],
) -> None:
    """Say what the gate found, and where the images are if there are any."""
    say(f"verdict: {made.verdict}")
    for line in (*made.verdict.reasons, *made.verdict.remedies):
        say(f"  {line}")
    say(f"report: {_report_path(options)}")
    if verified is None:
        say("No image was kept, so there is no ZIP.")
        return
    if made.verdict.outcome == "inconclusive":
        say("These images are shown on your own machine only: such a set is not to be released.")
    sheet = verified.path.with_suffix(".png")
    write_contact_sheet(verified, sheet)
    say(f"verified: {verified.num_images} images, each as its manifest says; {verified.trust}")
    say(f"zip: {verified.path}")
    say(f"contact sheet: {sheet}")


def _report_path(options: DemoOptions) -> Path:
    return options.out / f"{options.family}-report.html"


def _make_set(
    client: Client,
    options: DemoOptions,
    stopwatch: _Stopwatch,
    finish: Callable[[Client, Job], Job],
) -> tuple[SyntheticSet, VerifiedSet | None]:
    with stopwatch.lap("ingest"):
        job = finish(client, _add_dataset(client, options.data))
    dataset = client.datasets.get(job.dataset_id)
    with stopwatch.lap("train"):
        job = client.train(
            dataset.id,
            family=options.family,
            image_size=IMAGE_SIZE,
            budget={"seconds": options.training_seconds},
            seed=SEED,
        )
        job = finish(client, job)
    with stopwatch.lap("generate"):
        counts = dict.fromkeys(dataset.classes, IMAGES_PER_CLASS)
        job = client.generate(job.model_id, class_counts=counts, seed=SEED)
        job = finish(client, job)
    with stopwatch.lap("download"):
        made = client.sets.get(job.synthetic_set_id)
        client.sets.save_report(made.id, _report_path(options))
        if not made.num_images:
            return made, None
        path = options.out / f"{options.family}-set.zip"
        return made, client.sets.download_verified(made.id, path)


def _add_dataset(client: Client, data: Path | None) -> Job:
    if data is None:
        return client.datasets.add_phantoms(
            PHANTOM_IMAGES, size=IMAGE_SIZE, seed=SEED, name="phantom", image_size=IMAGE_SIZE
        )
    if data.is_dir():
        path = str(data.resolve())
        return client.datasets.add_from_server(path, name=data.name, image_size=IMAGE_SIZE)
    return client.datasets.upload(data, image_size=IMAGE_SIZE)


@contextmanager
def _service(
    options: DemoOptions, say: Callable[[str], None], stopwatch: _Stopwatch
) -> Iterator[Client]:
    """Run `synthcxr up` while the demo needs it."""
    options.out.mkdir(parents=True, exist_ok=True)
    data_dir = Path(mkdtemp(prefix="service-", dir=options.out))  # ours alone: deleted in the end
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    command = [*command_of("synthcxr"), "up", "--port", str(port)]
    command += ["--data-dir", str(data_dir)]
    # on one's own machine also the images of a set of too few patients
    command += ["--scope", "private:read"]
    if options.data is not None and options.data.is_dir():
        command += ["--dataset-root", str(options.data)]
    service = Child(
        Program("up", tuple(command)), data_dir / "up.log", dies_with_us=not options.keep
    )
    finished = False
    try:
        with stopwatch.lap("start"), Client(url) as client:
            service.start()
            _wait_until_it_answers(client, service)
        token = (data_dir / TOKEN_FILE).read_text(encoding="utf-8").strip()
        with Client(url, token=token) as client:
            yield client
        finished = True
    finally:
        if finished and options.keep:
            say(f"The service stays up at {url} (stop it with: kill {service.pid})")
        else:
            service.ask_to_stop()
            service.wait_or_kill(STOP_SECONDS)
            if finished:
                shutil.rmtree(data_dir)
            else:
                say(f"The service's data and logs are in {data_dir}")


def _wait_until_it_answers(client: Client, service: Child) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if service.reap() is not None:
            last_lines = service.log.read_text(errors="replace").splitlines()[-1:]
            raise CannotStart(f"The service ended while starting: {' '.join(last_lines)}")
        try:
            client.version()
        except ServiceUnreachable:
            continue
        return
    raise CannotStart(f"The service does not answer (log: {service.log})")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class _Stopwatch:
    """How long each phase took, in seconds."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}

    @contextmanager
    def lap(self, phase: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.laps[phase] = time.monotonic() - began
