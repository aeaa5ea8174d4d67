"""`synthcxr fetch`: once, whole, and only what may be used."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from synthcxr.cli import main
from synthcxr.fetching.spec import InvalidSpec, read_spec
from tests.unit.synthcxr.conftest import PUBLIC_PEM, MakeSet
from tests.unit.synthcxr.small_service import SmallService

SPEC = """
model: mdl_1
counts: {COVID: 3, No: 3}
seed: 7
output: data/set.zip
"""
ASKED = {"request": {"class_counts": {"COVID": 3, "No": 3}}}


@pytest.fixture
def service(make_set: MakeSet) -> Iterator[SmallService]:
    service = SmallService(make_set(size=64, said=ASKED).read_bytes())
    with service.running():
        yield service


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "project" / "set.yaml"
    path.parent.mkdir()
    path.write_text(SPEC)
    return path


def fetch(service: SmallService, spec: Path, *options: str) -> int:
    cache = ("--cache", str(spec.parent / "cache"))
    with pytest.raises(SystemExit) as exit_:
        main(["fetch", str(spec), "--url", service.url, *cache, *options])
    return int(exit_.value.code or 0)


def test_a_set_is_made_checked_and_put_where_the_spec_says(service, spec, capsys) -> None:
    assert fetch(service, spec) == 0
    output = spec.parent / "data" / "set.zip"
    assert capsys.readouterr().out == f"{output}\n"
    assert output.read_bytes() == service.content
    [asked] = service.bodies
    assert asked == {
        "model_id": "mdl_1",
        "class_counts": {"COVID": 3, "No": 3},
        "seed": 7,
        "format": "png",
    }


def test_an_unchanged_set_asks_no_service_and_is_there_at_once(
    service: SmallService, spec: Path
) -> None:
    assert fetch(service, spec) == 0
    service.asked.clear()
    command = ["-m", "synthcxr", "fetch", str(spec), "--url", service.url]
    began = time.monotonic()
    answer = subprocess.run(
        [sys.executable, *command, "--cache", str(spec.parent / "cache"), "--json"],
        check=True,
        capture_output=True,
        text=True,
    )
    took = time.monotonic() - began
    assert json.loads(answer.stdout)["changed"] is False
    assert service.asked == []
    assert took < 10  # 0.3 s where the machine is free; a test's machine may not be


def test_a_removed_or_altered_output_comes_from_the_cache(service, spec) -> None:
    output = spec.parent / "data" / "set.zip"
    assert fetch(service, spec) == 0
    service.asked.clear()
    output.unlink()
    assert fetch(service, spec) == 0
    assert output.read_bytes() == service.content
    output.write_bytes(b"altered")
    assert fetch(service, spec) == 2  # it may be somebody's work
    assert fetch(service, spec, "--force") == 0
    assert output.read_bytes() == service.content
    assert service.asked == []


def test_verify_finds_what_size_and_time_hide(service, spec) -> None:
    import os

    output = spec.parent / "data" / "set.zip"
    assert fetch(service, spec) == 0
    found = output.stat()
    output.write_bytes(bytes(found.st_size))
    os.utime(output, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert fetch(service, spec) == 0
    assert output.read_bytes() != service.content
    assert fetch(service, spec, "--verify") == 0
    assert output.read_bytes() == service.content


def test_a_spoilt_cache_is_fetched_anew(service, spec) -> None:
    assert fetch(service, spec) == 0
    (spec.parent / "data" / "set.zip").unlink()
    [kept] = (spec.parent / "cache" / "sets").iterdir()
    kept.write_bytes(b"spoilt")
    assert fetch(service, spec) == 0
    assert (spec.parent / "data" / "set.zip").read_bytes() == service.content


@pytest.mark.parametrize("what", ["folder", "link", "pipe", "truncated"])
def test_whatever_lies_in_the_place_of_a_kept_set_makes_room_for_it(service, spec, what) -> None:
    import os

    assert fetch(service, spec) == 0
    output = spec.parent / "data" / "set.zip"
    output.unlink()
    [kept] = (spec.parent / "cache" / "sets").iterdir()
    kept.unlink()
    other = spec.parent / "mine"
    other.write_bytes(b"mine")
    if what == "folder":
        (kept / "inner").mkdir(parents=True)
    elif what == "link":
        kept.symlink_to(other)
    elif what == "pipe":
        os.mkfifo(kept)
    else:
        kept.write_bytes(service.content[:1000])
    assert fetch(service, spec) == 0
    assert output.read_bytes() == service.content
    assert other.read_bytes() == b"mine"


def record_of(spec: Path) -> Path:
    [record] = (spec.parent / "cache" / "requests").iterdir()
    return record


def test_a_record_of_the_cache_names_no_file_outside_it(service, spec) -> None:
    assert fetch(service, spec) == 0
    (spec.parent / "data" / "set.zip").unlink()
    record = record_of(spec)
    known = json.loads(record.read_text())
    known["fetch"]["sha256"] = "../../mine"
    record.write_text(json.dumps(known))
    mine = spec.parent / "mine.zip"
    mine.write_bytes(b"mine")
    assert fetch(service, spec) == 0
    assert mine.read_bytes() == b"mine"


def test_the_record_of_another_request_says_nothing(service, spec, make_set) -> None:
    assert fetch(service, spec) == 0
    record = record_of(spec)
    other = record.read_bytes()
    record.unlink()
    spec.write_text(SPEC.replace("seed: 7", "seed: 8"))
    service.content = make_set(size=32, said=ASKED).read_bytes()
    assert fetch(service, spec) == 0
    record_of(spec).write_bytes(other)
    output = spec.parent / "data" / "set.zip"
    output.unlink()
    assert fetch(service, spec) == 0
    assert output.read_bytes() == service.content


@pytest.mark.parametrize("policy", ["", "policy: {filtered: allow}\n"])
@pytest.mark.parametrize(
    "spoilt",
    [
        {"altered": "images/COVID/000000.png", "said": ASKED},
        {"said": {**ASKED, "gate": {"verdict": {"outcome": "inconclusive", "text": "power"}}}},
    ],
)
def test_a_set_that_was_put_into_the_cache_unsigned_or_not_released_is_fetched_anew(
    service, spec, make_set, spoilt: dict[str, object], policy: str
) -> None:
    """Whether or not the policy was changed since."""
    assert fetch(service, spec) == 0
    output = spec.parent / "data" / "set.zip"
    output.unlink()
    forged = make_set(**spoilt).read_bytes()
    sha256 = hashlib.sha256(forged).hexdigest()
    (spec.parent / "cache" / "sets" / f"{sha256}.zip").write_bytes(forged)
    record = record_of(spec)
    known = json.loads(record.read_text())
    known["fetch"]["sha256"] = sha256
    record.write_text(json.dumps(known))
    spec.write_text(SPEC + policy)
    assert fetch(service, spec) == 0
    assert output.read_bytes() == service.content


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"request": {"class_counts": {"COVID": 3, "No": 4}}}, 1),
        ({**ASKED, "model": {"id": "mdl_2"}}, 1),
        ({**ASKED, "synthetic_set_id": "syn_2"}, 1),
        ({**ASKED, "gate": {"verdict": {"outcome": "inconclusive", "text": "power"}}}, 6),
    ],
)
def test_a_signed_set_that_is_not_the_one_asked_for_is_not_used(
    service, spec, make_set, said: dict[str, object], code: int
) -> None:
    service.content = make_set(said=said).read_bytes()
    assert fetch(service, spec) == code
    assert not (spec.parent / "data").exists()
    assert not (spec.parent / "cache" / "sets").exists()
    assert not list((spec.parent / "cache" / "incoming").iterdir())


def test_a_folder_in_the_place_of_a_set_that_is_fetched_first_makes_room_for_it(
    service, spec
) -> None:
    sha256 = hashlib.sha256(service.content).hexdigest()
    (spec.parent / "cache" / "sets" / f"{sha256}.zip" / "inner").mkdir(parents=True)
    assert fetch(service, spec) == 0
    assert (spec.parent / "data" / "set.zip").read_bytes() == service.content


def test_a_download_never_writes_through_a_link(service, spec) -> None:
    mine = spec.parent / "mine"
    mine.write_bytes(b"mine")
    assert fetch(service, spec) == 0
    (spec.parent / "data" / "set.zip").unlink()
    [kept] = (spec.parent / "cache" / "sets").iterdir()
    kept.unlink()
    part = spec.parent / "cache" / "incoming" / f".{record_of(spec).stem}.zip.part"
    part.symlink_to(mine)
    assert fetch(service, spec) == 0
    assert mine.read_bytes() == b"mine"


def test_two_runs_beside_each_other_order_and_download_once(service, spec) -> None:
    command = ["-m", "synthcxr", "fetch", str(spec), "--url", service.url]
    command += ["--cache", str(spec.parent / "cache")]
    beside = [
        subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL) for _ in range(2)
    ]
    assert [each.wait() for each in beside] == [0, 0]
    assert sum(path.startswith("POST") for path in service.asked) == 1
    assert sum(path.endswith("/download") for path in service.asked) == 1


def test_another_seed_is_another_set_and_may_take_the_place_of_the_former(service, spec) -> None:
    assert fetch(service, spec) == 0
    spec.write_text(SPEC.replace("seed: 7", "seed: 8"))
    assert fetch(service, spec) == 0
    assert [body["seed"] for body in service.bodies] == [7, 8]


def test_a_file_that_was_not_fetched_stays_and_nothing_is_asked(service, spec, capsys) -> None:
    output = spec.parent / "data" / "set.zip"
    output.parent.mkdir()
    output.write_text("mine")
    assert fetch(service, spec) == 2
    assert "--force" in capsys.readouterr().err
    assert service.asked == []
    assert output.read_text() == "mine"


@pytest.mark.parametrize(
    ("verdict", "policy", "said"),
    [
        (
            {"outcome": "inconclusive", "code": "power", "reasons": ["few", "unlike"]},
            "{}",
            "few; unlike",
        ),
        ({"outcome": "refused", "code": "copies"}, "{}", "refused(copies)"),
        ({"outcome": "passed_filtered", "num_filtered": 2}, "{filtered: refuse}", "another seed"),
        ({"outcome": "passed", "min_detectable_copy_rate": 0.1}, "{max_copy_rate: 0.05}", "0.1"),
        ({"outcome": "passed"}, "{max_copy_rate: 0.05}", "not known"),
    ],
)
def test_what_may_not_be_used_ends_in_6_and_leaves_no_file(
    service, spec, capsys, verdict: dict[str, object], policy: str, said: str
) -> None:
    service.verdict = verdict
    spec.write_text(SPEC + f"policy: {policy}\n")
    assert fetch(service, spec) == 6
    assert said in capsys.readouterr().err
    assert not (spec.parent / "data").exists()
    assert not any("download" in path for path in service.asked)


def test_a_set_that_another_key_signed_is_not_used(service, spec, capsys) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    other = Ed25519PrivateKey.generate().public_key()
    key = spec.parent / "key.pem"
    key.write_bytes(other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    spec.write_text(SPEC + "policy: {public_key: key.pem}\n")
    assert fetch(service, spec) == 1
    assert "foreign_signature" in capsys.readouterr().err
    assert not (spec.parent / "data").exists()
    key.write_bytes(PUBLIC_PEM)
    assert fetch(service, spec) == 0


def test_an_absent_service_ends_in_3(spec: Path) -> None:
    absent = SmallService(b"", url="http://127.0.0.1:9")
    assert fetch(absent, spec) == 3


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("model: mdl_1", "counts"),
        (SPEC + "sed: 3", "sed"),
        (SPEC.replace("seed: 7", "seed: -1"), "seed"),
        (SPEC.replace("COVID: 3", "COVID: many"), "counts.COVID"),
        (SPEC + "format: jpeg", "format"),
        ("a: [", "no YAML"),
        ("", "the file"),
        ("[" * 5000, "nested"),
        (SPEC + "policy: {public_key: absent.pem}", "public_key"),
    ],
)
def test_a_spec_says_what_is_wrong_with_it(spec: Path, written: str, said: str) -> None:
    spec.write_text(written)
    with pytest.raises(InvalidSpec, match=said):
        read_spec(spec)


@pytest.mark.parametrize("key", [b"\xff\xfe", b"no key", PUBLIC_PEM + b"\xff"])
def test_a_key_that_is_none_is_said_before_anything_is_asked(service, spec, capsys, key) -> None:
    (spec.parent / "key.pem").write_bytes(key)
    spec.write_text(SPEC + "policy: {public_key: key.pem}\n")
    assert fetch(service, spec) == 4
    assert "policy.public_key" in capsys.readouterr().err
    assert service.asked == []


# Started once and forked for each run: what is killed is a process, at a byte of the file.
KILLED = """
import os, random, signal, sys
from pathlib import Path
from synthcxr.cli import main
from synthcxr.client import downloads

url, folder, num_bytes, seeds = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
add = downloads.Part.add

def run(seed, killed_at):
    pid = os.fork()
    if pid == 0:
        def dying(part, file, chunk):
            if killed_at is not None and part.num_bytes + len(chunk) > killed_at:
                file.write(chunk[: killed_at - part.num_bytes])
                file.flush()
                os.kill(os.getpid(), signal.SIGKILL)
            add(part, file, chunk)
        downloads.Part.add = dying
        spec = folder / str(seed) / "set.yaml"
        main(["fetch", str(spec), "--url", url, "--cache", str(spec.parent / "cache"), "--json"])
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

for seed in range(seeds):
    rng = random.Random(seed)
    killed_at = rng.randrange(num_bytes)
    codes = [run(seed, killed_at), run(seed, None)]
    print(seed, killed_at, *codes, flush=True)
"""


def test_twenty_downloads_killed_at_random_bytes_end_right(
    service: SmallService, tmp_path: Path
) -> None:
    for seed in range(20):
        (tmp_path / str(seed)).mkdir()
        (tmp_path / str(seed) / "set.yaml").write_text(SPEC)
    script = [sys.executable, "-c", KILLED, service.url, str(tmp_path)]
    ended = subprocess.run(
        [*script, str(len(service.content)), "20"], capture_output=True, text=True, check=True
    )
    runs = [list(map(int, line.split())) for line in ended.stdout.splitlines() if line[0].isdigit()]
    assert [codes for _, _, *codes in runs] == [[-9, 0]] * 20, ended.stderr
    wanted = hashlib.sha256(service.content).hexdigest()
    for seed in range(20):
        found = (tmp_path / str(seed) / "data" / "set.zip").read_bytes()
        assert hashlib.sha256(found).hexdigest() == wanted
    assert sum(path.startswith("POST") for path in service.asked) == 20, "a job was taken up"


def test_what_is_unchanged_is_found_without_importing_the_client(service, spec) -> None:
    assert fetch(service, spec) == 0
    arguments = ["fetch", str(spec), "--url", service.url, "--cache", str(spec.parent / "cache")]
    code = (
        "import sys\nfrom synthcxr.cli import main\n"
        f"try: main({arguments!r})\n"
        "finally: print([name for name in ('httpx', 'cryptography') if name in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert answer.stdout.splitlines()[-1] == "[]"
