"""What the client costs to install, and how soon `synthcxr fetch` finds a set unchanged.

    python -m benchmarks.client python3.11 python3.12 python3.13

For each Python the checkout is installed into an environment of its own, from wheels that lie
there already: first the library alone, then what the command line adds. Packages and bytes are
those beside pip's own. In that environment the whole command `synthcxr fetch SPEC` runs on a set
that was fetched before: once when none of the installed files is in memory (`cold`), then ten times
(`warm`). Processor time stands beside the clock, since a machine that does other work too says
little by it. A run replaces the figures of its own Pythons.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.evaluation.machine import conditions

ROOT = Path(__file__).parents[1]
RESULT = Path(__file__).parent / "results" / "client.json"
NUM_WARM = 10
URL = "http://127.0.0.1:9"  # where nobody answers: what is unchanged asks nobody
SPEC = "model: mdl_1\ncounts: {COVID: 100, Normal: 100}\nseed: 1\noutput: set.zip\n"
FETCHED_BEFORE = """
from pathlib import Path
from synthcxr.fetching.cache import Cache, Fetch, Stamp, sha256_of
from synthcxr.fetching.spec import read_spec
from synthcxr.resources import Verdict

spec = read_spec(Path("set.yaml"))
spec.output.write_bytes(bytes(1_000_000))
known = Fetch(
    job_id="job_1",
    set_id="syn_1",
    sha256=sha256_of(spec.output),
    verdict=Verdict(outcome="passed"),
    policy=spec.policy_digest(),
    output=Stamp.of(spec.output),
)
Cache(Path("cache")).write(spec.request_digest(%r), known)
"""


@dataclass(frozen=True)
class Spent:
    """Seconds of one run, by the clock and of the processor."""

    wall_seconds: float
    cpu_seconds: float


def main() -> None:
    """Measure each Python, print and write its figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("pythons", nargs="*", default=[sys.executable], help="to install for")
    arguments = parser.parse_args()
    for python in arguments.pythons:
        with tempfile.TemporaryDirectory() as folder:
            found = measure(Path(folder), python)
        print(json.dumps(found, indent=2), flush=True)
        known = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
        RESULT.write_text(
            json.dumps(dict(sorted((known | found).items())), indent=2) + "\n", encoding="utf-8"
        )


def measure(folder: Path, python: str) -> dict[str, Any]:
    """Install the client for one Python and use it; by the name of that Python."""
    subprocess.run([python, "-m", "venv", folder / "environment"], check=True)
    own = folder / "environment" / "bin" / "python"
    pip = [own, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    wheels = folder / "wheels"
    built = f"{checkout(folder)}[cli]"
    subprocess.run([*pip, "wheel", "--wheel-dir", wheels, built], check=True)
    [site] = (folder / "environment").glob("lib/python*/site-packages")
    machine, before = conditions(), contents(site)
    result: dict[str, Any] = {name: machine[name] for name in ("cpu", "cores")}
    result["load_average"] = round(os.getloadavg()[0], 1)
    for name, extra in (("library", ""), ("with_command_line", "[cli]")):
        install = [*pip, "install", "--no-index", "--find-links", wheels, f"synthcxr{extra}"]
        spent = spent_by(install)
        packages, num_bytes = (now - then for now, then in zip(contents(site), before, strict=True))
        result[name] = {
            "install": asdict(spent),
            "packages": packages - 1,  # beside itself
            "mb": round(num_bytes / 1e6, 1),
        }
    version = subprocess.run([own, "--version"], check=True, capture_output=True, text=True).stdout
    result["fetch_unchanged"] = fetch_unchanged(folder, own, site)
    return {version.strip(): result}


def checkout(folder: Path) -> Path:
    """Copy what a wheel is built from, so that nothing is written into the checkout."""
    copy = folder / "checkout"
    shutil.copytree(
        ROOT / "synthcxr", copy / "synthcxr", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    return copy


def contents(site: Path) -> tuple[int, int]:
    """Count the packages of an environment, and the bytes of their files."""
    files = [path for path in site.rglob("*") if path.is_file()]
    return len([*site.glob("*.dist-info")]), sum(path.stat().st_size for path in files)


def fetch_unchanged(folder: Path, python: Path, site: Path) -> dict[str, Any]:
    """Run `synthcxr fetch` on a set that was fetched before."""
    place = folder / "project"
    place.mkdir()
    (place / "set.yaml").write_text(SPEC)
    subprocess.run([python, "-c", FETCHED_BEFORE % URL], cwd=place, env=bare(), check=True)
    command = [python, "-m", "synthcxr", "fetch", "set.yaml", "--cache", "cache", "--url", URL]
    forget(site)
    cold, *warm = (spent_by(command, place) for _ in range(1 + NUM_WARM))
    return {
        "cold": asdict(cold),
        "warm": {
            "wall_seconds": round(statistics.median(run.wall_seconds for run in warm), 3),
            "cpu_seconds": round(statistics.median(run.cpu_seconds for run in warm), 3),
        },
    }


def forget(site: Path) -> None:
    """Have the system drop the files of an environment from memory."""
    for path in site.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())  # what is not on the disk yet stays
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def spent_by(command: list[Any], place: Path | None = None) -> Spent:
    """Run a command that must end well."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, cwd=place, env=bare(), check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Spent(round(seconds, 3), round(cpu, 3))


def bare() -> dict[str, str]:
    """Return the environment without what would bring another checkout, or settings of a user."""
    dropped = ("PYTHONPATH", "SYNTHCXR_")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)}


if __name__ == "__main__":
    main()
