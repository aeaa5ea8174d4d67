from __future__ import annotations

import threading
import time

import pytest

from radiographs.parallel import in_order


def test_results_have_the_order_of_the_items():
    def work(items):
        time.sleep(0.001 * (items[0] % 7))
        return [item * item for item in items]

    results = [result for some in in_order(work, range(200), 4) for result in some]
    assert results == [k * k for k in range(200)]


def test_a_slow_item_does_not_stop_the_pulse():
    gate = threading.Event()
    results = in_order(lambda items: gate.wait() and items, [1], 1)
    assert next(results) == []
    gate.set()
    assert [1] in list(results)


def test_closing_stops_the_work():
    done = []

    def work(items):
        time.sleep(0.001 * len(items))
        done.extend(items)
        return items

    results = in_order(work, range(10_000), 2)
    next(results)
    results.close()
    num_done = len(done)
    assert num_done < 1000
    time.sleep(0.05)
    assert len(done) == num_done


def test_an_error_reaches_the_caller():
    def work(items):
        raise TimeoutError(items)

    with pytest.raises(TimeoutError):
        list(in_order(work, [1], 1))


def test_stopping_early_interrupts_the_work_that_is_under_way():
    gate = threading.Event()
    results = in_order(lambda items: gate.wait() and items, range(100), 2, gate.set)
    assert next(results) == []
    results.close()
    assert gate.is_set()


def test_work_that_comes_to_its_end_is_not_interrupted():
    interrupted = []
    list(in_order(lambda item: item, range(100), 2, lambda: interrupted.append(1)))
    assert interrupted == []
