# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wait without a value under the previous keys, on a clock of its own."""

from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite import drain
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite.rewriter import BatchResult, Work
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.database import RowsUnsettled
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.run import StoppedBySignal
from ansible_collections.tetech.key_rotation.tests.expected_errors import expect_error

PASS_SECONDS = 0.5


class Clock:
    """Stands for the module time: it moves only when somebody sleeps."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(drain, "time", clock)
    return clock


def draining(clock, written_at, seconds=10.0, stop=lambda: None):
    """A drain whose passes find one value at each of these seconds, and the times of its passes."""
    work, passes, left = Work(), [], sorted(written_at)
    begun = clock.now

    def act():
        clock.sleep(PASS_SECONDS)
        passes.append(clock.now - begun)
        while left and left[0] <= passes[-1]:
            work.add(BatchResult("note", values={"note.text": 1}, others={f"{left.pop(0):g}": "7"}))

    return drain.Drain([], "newer keys", seconds, work, act, lambda text: None, stop), passes


def test_it_ends_with_a_pass_that_begins_when_nothing_was_written_for_so_long(clock):
    waiting, passes = draining(clock, [])

    assert waiting.wait() == {
        "keys": "newer keys",
        "seconds": 10.0,
        "values": 0,
        "rows": [],
        "writers": [],
        "unknown": [],
    }

    assert 10.0 <= passes[-1] - PASS_SECONDS < 11.5
    assert passes[-2] - PASS_SECONDS < 10.0


def test_each_value_under_the_previous_keys_begins_the_wait_again(clock):
    waiting, passes = draining(clock, [4, 9])

    result = waiting.wait()

    assert (result["values"], result["rows"]) == (2, ["note:4", "note:9"])
    assert passes[-1] - PASS_SECONDS >= 9 + 10.0


def test_passes_take_at_most_a_fifth_of_the_time(clock):
    waiting, passes = draining(clock, [], seconds=100.0)

    waiting.wait()

    assert len(passes) * PASS_SECONDS <= 0.21 * passes[-1]


def test_if_it_does_not_end_it_says_what_is_written(clock):
    waiting, passes = draining(clock, range(1000))

    with expect_error("E_NOT_DRAINED", seconds=10.0):
        waiting.wait()

    assert 300 <= passes[-1] < 310


def test_a_long_pass_that_finds_nothing_is_no_reason_to_end(clock):
    waiting, passes = draining(clock, [])
    act = waiting.act
    waiting.act = lambda: (clock.sleep(5000), act())

    assert waiting.wait()["rows"] == []

    assert len(passes) == 2


def test_one_who_writes_faster_than_a_pass_ends_does_not_end_the_wait_with_another_error(clock):
    waiting, passes = draining(clock, [4])
    act = waiting.act

    def unsettled():
        before = len(waiting._written)
        act()
        if len(waiting._written) > before:
            raise RowsUnsettled(table="note", passes=20)

    waiting.act = unsettled

    assert waiting.wait()["rows"] == ["note:4"]
    assert passes[-1] - PASS_SECONDS >= 4 + 10.0


def test_it_stops_when_it_is_asked_to(clock):
    def stop():
        if clock.now > 103:
            raise StoppedBySignal()

    waiting, _ = draining(clock, [], stop=stop)

    with expect_error("E_STOPPED"):
        waiting.wait()

    assert clock.now < 105
