# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Room and connections of the database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .observations import both, database, fact, item, option


def needed(name: str, change: Callable[[dict[str, Any]], Any]) -> object:
    return item(name, change).facts["needed"]


def test_a_large_database_is_dumped_by_several_and_one_that_is_not_restored_here_needs_no_copy():
    large = database(bytes=20_000_000_000, connections={"used": 20, "limit": 97})
    assert needed("connections", large) == 10
    few = both(large, option(workers=1))
    assert needed("connections", few) == 7, "four cores, two of no rows, and the snapshot"
    other = both(few, option(backup_engine="pgbackrest"))
    assert needed("connections", other) == 4
    assert needed("disk", large) == 42_000_000_000
    assert needed("disk", other) < 42_000_000_000


def test_what_is_prepared_needs_room_next_to_the_data():
    assert needed("disk", lambda _: None) == 160_000_000
    prepared = fact(unprepared={}, prepared_bytes=40_000_000)
    assert needed("disk", both(option(mode="prepared"), prepared)) == 200_000_000
    assert needed("disk", prepared) == 160_000_000, "in the mode window nothing is prepared"
