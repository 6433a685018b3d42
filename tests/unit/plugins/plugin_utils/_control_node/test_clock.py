# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import ctypes
import struct
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._control_node import clock


def test_this_machine_says_something_or_nothing():
    found = clock.read_clock()
    assert found is None or found["synced"] in (True, False)


class Library:
    def __init__(self, state: int, offset: int, status: int) -> None:
        self.told = state, offset, status

    def adjtimex(self, place: Any) -> int:
        state, offset, status = self.told
        struct.pack_into(clock.TIMEX, place, 0, 0, offset, 0, 0, 0, status)
        return state


@pytest.mark.parametrize(
    ("library", "found"),
    [
        (Library(0, 1500, 0), {"synced": True, "offset_ms": 1.5}),
        (Library(0, -2_500_000, clock.NANOSECONDS), {"synced": True, "offset_ms": -2.5}),
        (Library(5, 0, 0x40), {"synced": False}),
        (Library(-1, 0, 0), None),
        (object(), None),
    ],
)
def test_what_the_kernel_says_of_its_clock(monkeypatch, library, found):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    assert clock.read_clock() == found


@pytest.mark.parametrize(
    ("ahead", "way", "run", "back", "found"),
    [
        (0.0, 0.1, 90.0, 0.1, 0.0),  # its own run time is no skew
        (0.0, 30.0, 1.0, 30.0, 0.0),
        (0.5, 1.0, 90.0, 1.0, 0.0),  # not more than the way there may explain
        (90.0, 0.5, 6.0, 0.5, 89.5),
        (-90.0, 0.5, 6.0, 0.5, -89.5),
        (61.0, 10.0, 300.0, 0.25, 60.75),
    ],
)
def test_a_skew_is_what_neither_the_run_nor_the_way_there_explains(ahead, way, run, back, found):
    began = 1000.0 + way + ahead
    received = 1000.0 + way + run + back
    assert clock.skew(1000.0, began, began + run, received) == pytest.approx(found)
