"""How many threads are chosen, on a machine whose neighbours are written down."""

import pytest
import torch

from models.threads import GIVEN_UP, MIN_SECONDS_BETWEEN, Threads, numbers_to_try

QUIET = {1: 0.2, 2: 0.11, 4: 0.06}
BESIDE_ANOTHER = {1: 0.2, 2: 0.25, 4: 1.6}


class Machine:
    """A clock that each piece moves on, by as much as its number of threads takes."""

    def __init__(self, seconds_of, numbers=(1, 2, 4)):
        self.seconds_of = seconds_of
        self.now = 0.0
        self.in_force = None
        self.used = []
        self.threads = Threads(numbers, clock=lambda: self.now, use=self.use)

    def use(self, number):
        self.in_force = number

    def work(self, seconds):
        """Do pieces for so long; returns how many."""
        until, num_pieces = self.now + seconds, 0
        while self.now < until:
            with self.threads.piece():
                self.used.append(self.in_force)
                self.now += self.seconds_of[self.in_force]
            num_pieces += 1
        return num_pieces


@pytest.fixture(autouse=True)
def torch_asks_the_machine(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: -1)


@pytest.mark.parametrize(("seconds_of", "best"), [(QUIET, 4), (BESIDE_ANOTHER, 1)])
def test_the_number_with_which_pieces_are_fastest_is_chosen(seconds_of, best):
    machine = Machine(seconds_of)
    machine.work(10)
    assert machine.threads.settled
    assert machine.threads.chosen == best


@pytest.mark.parametrize("seconds_of", [QUIET, BESIDE_ANOTHER])
def test_all_trials_together_cost_little_of_a_steady_load(seconds_of):
    machine = Machine(seconds_of)
    num_pieces = machine.work(480)
    assert num_pieces >= 0.9 * 480 / min(seconds_of.values())


@pytest.mark.parametrize(
    ("before", "after", "best"), [(QUIET, BESIDE_ANOTHER, 1), (BESIDE_ANOTHER, QUIET, 4)]
)
def test_the_number_follows_neighbours_that_come_and_go(before, after, best):
    machine = Machine(before)
    machine.work(60)
    machine.seconds_of = after
    machine.work(6 * MIN_SECONDS_BETWEEN)
    assert machine.threads.chosen == best


def test_a_neighbour_that_slows_the_work_is_noticed_before_the_next_trial_is_due():
    machine = Machine(QUIET)
    machine.work(5)
    machine.seconds_of = BESIDE_ANOTHER
    machine.work(MIN_SECONDS_BETWEEN)
    assert machine.threads.chosen < 4


def test_numbers_that_hardly_differ_are_not_exchanged():
    machine = Machine({1: 0.1, 2: 0.101, 4: 0.102})
    machine.work(60)
    assert machine.threads.chosen == 1  # the fewest leave the cores to others


def test_a_hopeless_number_costs_one_piece_once_its_kernels_are_made():
    machine = Machine({1: 0.1 * GIVEN_UP * 10, 2: 0.1}, numbers=(1, 2))
    machine.work(40)
    machine.used.clear()
    machine.work(100)
    assert machine.threads.chosen == 2
    num_trials = machine.used.count(1)
    assert num_trials <= 0.06 * 100 / machine.seconds_of[1]


def test_one_number_is_used_and_never_tried_against():
    machine = Machine(QUIET, numbers=(2,))
    machine.work(60)
    assert set(machine.used) == {2}
    assert machine.threads.settled


def test_without_numbers_torch_keeps_its_own():
    machine = Machine({None: 0.1}, numbers=())
    machine.work(60)
    assert machine.in_force is None
    machine.threads.release()
    assert machine.in_force is None


def test_a_number_found_earlier_is_gone_on_with_until_a_trial_is_due():
    machine = Machine(BESIDE_ANOTHER)
    machine.threads.resume(2)
    machine.work(MIN_SECONDS_BETWEEN / 2)
    assert set(machine.used) == {2}
    machine.work(8 * MIN_SECONDS_BETWEEN)
    assert machine.threads.chosen == 1


def test_a_number_that_this_machine_has_not_is_not_gone_on_with():
    machine = Machine(QUIET)
    machine.threads.resume(64)
    machine.work(10)
    assert machine.threads.chosen == 4


def test_released_torch_has_the_number_it_had():
    machine = Machine(QUIET)
    machine.work(10)
    machine.threads.release()
    assert machine.in_force == -1


def test_what_is_no_piece_gets_the_chosen_number():
    machine = Machine(BESIDE_ANOTHER)
    machine.work(10)
    machine.threads.begin()
    with machine.threads.piece():
        machine.use(4)
    machine.threads.settle()
    assert machine.threads.settled
    assert machine.in_force == machine.threads.chosen == 1


def test_halves_are_worth_a_trial():
    assert numbers_to_try(16) == [16, 8, 4, 2, 1]
    assert numbers_to_try(6) == [6, 3, 1]
