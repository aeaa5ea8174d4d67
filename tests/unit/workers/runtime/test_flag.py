"""What is waited for by a span of time and raised from anywhere."""

import os
import signal
import threading
import time

import pytest

from workers.runtime.flag import Flag


@pytest.fixture
def flag():
    flag = Flag()
    yield flag
    flag.close()


def test_a_flag_that_nobody_raises_is_waited_for_as_long_as_said(flag):
    began = time.monotonic()
    assert not flag.wait(0.2)
    assert time.monotonic() - began >= 0.19


def test_a_raised_flag_stays_raised_however_often(flag):
    for _ in range(100_000):
        flag.set()
    for _ in range(3):
        assert flag.wait(0.0)


def test_a_flag_is_raised_by_another_thread_and_by_a_signal(flag):
    threading.Timer(0.05, flag.set).start()
    assert flag.wait(60)
    another = Flag()
    earlier = signal.signal(signal.SIGUSR1, lambda *_: another.set())
    threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1)).start()
    assert another.wait(60)
    signal.signal(signal.SIGUSR1, earlier)
    another.close()
