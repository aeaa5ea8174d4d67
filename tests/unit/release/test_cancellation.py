from threading import Thread

import pytest

from release.cancellation import cancellable, check_cancelled, completed


class Stopped(Exception):
    pass


def stop() -> None:
    raise Stopped


def test_without_a_caller_who_may_cancel_work_goes_on() -> None:
    check_cancelled()


def test_what_the_caller_raises_ends_the_work() -> None:
    with cancellable(stop), pytest.raises(Stopped):
        check_cancelled()


def test_the_innermost_caller_decides_and_the_outer_one_does_again_afterwards() -> None:
    asked = []
    with cancellable(lambda: asked.append("outer")):
        with cancellable(lambda: asked.append("inner")):
            check_cancelled()
        check_cancelled()
    check_cancelled()
    assert asked == ["inner", "outer"]


def test_work_that_was_stopped_leaves_nothing_behind() -> None:
    with pytest.raises(Stopped), cancellable(stop):
        check_cancelled()
    check_cancelled()


def test_another_thread_is_not_stopped() -> None:
    went_on = []

    def work() -> None:
        check_cancelled()
        went_on.append(True)

    with cancellable(stop):
        other = Thread(target=work)
        other.start()
        other.join()
    assert went_on == [True]


def counting():
    yield from range(3)
    return "done"


def test_a_generator_is_run_for_its_value() -> None:
    assert completed(counting()) == "done"


def test_a_generator_is_stopped_between_its_steps() -> None:
    steps = counting()
    with cancellable(stop), pytest.raises(Stopped):
        completed(steps)
    assert next(steps) == 1
