# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Room and connections of the database."""

from __future__ import annotations

from .observations import both, database, fact, item, option


def test_a_large_database_is_dumped_by_several_and_one_that_is_not_restored_here_needs_no_copy():
    large = database(bytes=20_000_000_000, connections={"used": 20, "limit": 97})
    assert "10 are needed" in item("connections", large).seen
    few = both(large, option(workers=1))
    assert "7 are needed" in item("connections", few).seen, "four cores, two of no rows, and the snapshot"
    other = both(few, option(backup_engine="pgbackrest"))
    assert "4 are needed" in item("connections", other).seen
    assert "42,000 MB" in item("disk", large).seen
    assert "42,000 MB" not in item("disk", other).seen


def test_what_is_prepared_needs_room_next_to_the_data():
    assert "160 MB are needed" in item("disk", lambda _: None).seen
    assert "200 MB are needed" in item("disk", fact(unprepared={}, prepared_bytes=40_000_000)).seen
