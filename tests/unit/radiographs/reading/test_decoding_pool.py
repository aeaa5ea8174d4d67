"""Files are decoded in processes of their own: what ends one ends nothing else."""

from __future__ import annotations

import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from radiographs.errors import UnreadableImage
from radiographs.phantom import draw
from radiographs.prepared_image import StoredForm, prepare
from radiographs.reading import decoding_pool
from radiographs.reading.decoding import decode
from radiographs.reading.decoding_pool import DecodingPool, PoolClosed
from radiographs.reading.limits import ReadingLimits

PIXELS = draw("normal", seed=1, index=0, size=96).pixels
FORM = StoredForm(64, 8, "pad")


@pytest.fixture
def pool():
    opened = DecodingPool(ReadingLimits())
    yield opened
    opened.close()


def refusal(pool, data):
    (found,) = pool.pixels([data], FORM)
    assert isinstance(found, UnreadableImage)
    return found


def processes(pool):
    return [decoder._process for decoder in pool._all]


def test_a_process_reads_what_the_decoder_reads(pool, encoded):
    for data in (encoded(PIXELS), encoded(PIXELS * np.uint16(257)), encoded(PIXELS, "JPEG")):
        (found,), expected = pool.pixels([data], FORM), prepare(decode(data), FORM)
        np.testing.assert_array_equal(found.stored, expected.stored)
        np.testing.assert_array_equal(found.descriptor, expected.descriptor)
        assert found.upsampled == expected.upsampled
        assert pool.headers([data])[0][:2] == (96, 96)
    assert len(processes(pool)) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="/proc says what a process has mapped")
def test_a_process_has_no_torch_no_secrets_and_no_files(pool, encoded, monkeypatch):
    monkeypatch.setenv("SYNTHCXR_DATABASE_URL", "postgresql://secret")
    pool.pixels([encoded(PIXELS)], FORM)
    (process,) = processes(pool)
    about = Path(f"/proc/{process.pid}")
    assert "torch" not in (about / "maps").read_text()
    assert b"SYNTHCXR" not in (about / "environ").read_bytes()
    opened = [str(each.readlink()) for each in (about / "fd").iterdir()]
    assert all(each.startswith(("socket:", "/dev/null")) for each in opened)
    limits = (about / "limits").read_text()
    assert "Max core file size        0                    0" in limits
    assert "Max address space         unlimited" not in limits


def test_a_file_that_takes_too_long_is_stopped_and_the_next_one_read(encoded):
    limits = ReadingLimits(cpu_seconds=0.05, cpu_nanoseconds_per_pixel=0)
    pool = DecodingPool(limits)
    refused = refusal(pool, encoded(np.zeros((9000, 9000), np.uint8)))
    assert refused.code == "too_costly"
    assert "time" in refused.reason
    assert pool.headers([encoded(PIXELS)])[0].width == 96
    pool.close()


def test_a_file_that_takes_too_much_memory_is_refused_and_the_process_stays(encoded):
    pool = DecodingPool(ReadingLimits(memory_bytes=32 << 20))
    flat = np.zeros((8000, 8000), np.uint8)
    flat[0, 0] = 1
    refused = refusal(pool, encoded(flat))
    assert refused.code == "too_costly"
    assert "memory" in refused.reason
    (before,) = processes(pool)
    pool.pixels([encoded(PIXELS)], FORM)
    assert processes(pool) == [before]
    pool.close()


def test_one_bad_file_among_many_costs_only_itself(encoded):
    pool = DecodingPool(ReadingLimits(cpu_seconds=0.05, cpu_nanoseconds_per_pixel=0))
    good = [encoded(np.roll(PIXELS, k, axis=1)) for k in range(4)]
    slow, broken = encoded(np.zeros((9000, 9000), np.uint8)), good[0][:200]
    found = pool.pixels([good[0], slow, good[1], broken, slow, good[2], good[3]], FORM)
    codes = [getattr(each, "code", "read") for each in found]
    assert codes == ["read", "too_costly", "read", "truncated", "too_costly", "read", "read"]
    for each, data in zip([found[k] for k in (0, 2, 5, 6)], good, strict=True):
        np.testing.assert_array_equal(each.stored, prepare(decode(data), FORM).stored)
    pool.close()


@pytest.mark.parametrize(
    ("ending", "code"), [(signal.SIGSEGV, "corrupt"), (signal.SIGKILL, "too_costly")]
)
def test_a_decoder_that_crashes_is_that_file_s_fault(pool, encoded, ending, code):
    pool.headers([encoded(PIXELS)])
    (process,) = processes(pool)
    process.send_signal(ending)
    process.wait()
    assert refusal(pool, encoded(PIXELS)).code == code
    assert pool.pixels([encoded(PIXELS)], FORM)[0].stored.shape == (64, 64)


def test_a_process_that_does_not_start_is_no_fault_of_a_file(monkeypatch, encoded):
    monkeypatch.setattr(decoding_pool, "_MODULE", "radiographs.nowhere")
    with pytest.raises(OSError, match="did not start"):
        DecodingPool(ReadingLimits()).headers([encoded(PIXELS)])


def test_closing_ends_a_process_in_the_middle_of_its_work(pool, encoded):
    pool.headers([encoded(PIXELS)])
    (process,) = processes(pool)
    process.send_signal(signal.SIGSTOP)  # as one in a decoder that does not return
    ended = []

    def read():
        try:
            pool.headers([encoded(PIXELS)])
        except PoolClosed as stopped:
            ended.append(stopped)

    thread = threading.Thread(target=read)
    thread.start()
    while not pool._all or pool._idle:
        time.sleep(0.01)
    pool.close()
    thread.join()
    assert len(ended) == 1
    assert process.returncode is not None
    with pytest.raises(PoolClosed):
        pool.headers([encoded(PIXELS)])


@pytest.mark.skipif(sys.platform != "linux", reason="/proc says who is there")
def test_processes_end_with_whoever_started_them(encoded):
    ours = DecodingPool(ReadingLimits())
    ours.headers([encoded(PIXELS)])
    (process,) = processes(ours)
    for decoder in ours._all:
        decoder._line.close()  # as the end of this process would
    process.wait(60)
    ours.close()
