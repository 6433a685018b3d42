# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.run_orders import (
    NEWEST,
    Orders,
    check,
    compact,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.options import InvalidOption


def given(*words: str) -> Orders:
    return Orders(tuple({"order": each, "by": "ada", "at": str(at)} for at, each in enumerate(words)))


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        *((word, word) for word in ("pause", "resume", "postpone", "switch", "abort")),
        ("workers=2", "workers=2"),
        (" workers = 2 ", "workers=2"),
        ("batch_seconds=0.10", "batch_seconds=0.1"),
    ],
)
def test_an_order_is_stored_in_one_way(typed, stored):
    assert check(typed) == stored


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "puase",
        "pause=1",
        "workers",
        "workers=",
        "workers=0",
        "workers=-1",
        "workers=1.5",
        "workers=12345",
        f"workers={'9' * 5000}",
        "workers=\u0662",
    ]
    + [f"batch_seconds={value}" for value in ("0", "-1", "nan", "inf", "fast", "", "1_0", "1e3")],
)
def test_any_other_order_is_refused(typed):
    with pytest.raises(InvalidOption):
        check(typed)


def test_of_each_kind_the_last_order_is_in_force():
    orders = given("workers=4", "batch_seconds=0.5", "pause", "postpone", "workers=2", "switch")
    assert (orders.workers, orders.batch_seconds, orders.switch) == (2, 0.5, "switch")
    assert orders.paused == {"order": "pause", "by": "ada", "at": "2"}
    assert orders.aborted is None


@pytest.mark.parametrize("after", ["resume", "abort"])
def test_a_pause_lasts_until_it_is_resumed_or_aborted(after):
    assert given("pause", after).paused is None
    assert given("pause", after, "pause").paused is not None


def test_without_orders_nothing_is_in_force():
    orders = given()
    assert (orders.workers, orders.batch_seconds, orders.switch, orders.paused, orders.aborted) == (
        None,
        None,
        "",
        None,
        None,
    )


def test_however_many_orders_there_are_the_lease_keeps_the_last_of_each_kind_and_a_few():
    many = given("pause", "workers=3", "switch", *(f"batch_seconds={number}" for number in range(1, 1001))).given
    kept = compact(many)
    assert len(kept) == NEWEST + 3
    assert Orders(kept).paused == many[0]
    assert (Orders(kept).workers, Orders(kept).switch, Orders(kept).batch_seconds) == (3, "switch", 1000)
    assert compact(given("pause", "resume").given) == list(given("pause", "resume").given)
