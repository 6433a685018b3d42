# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._backup import dump_shards


@pytest.mark.parametrize(
    ("jobs", "size", "cores", "free", "found"),
    [
        (0, dump_shards.LARGE - 1, 16, 90, 1),
        (0, dump_shards.LARGE, 4, 90, 4),
        (0, dump_shards.LARGE, 64, 90, dump_shards.MOST),
        (0, dump_shards.LARGE, 8, 12, 4),  # with the two that have no rows, half of what is free
        (0, dump_shards.LARGE, 8, 3, 1),
        (6, dump_shards.LARGE, 2, 3, 6),  # as somebody said; the checklist tells them
    ],
)
def test_the_number_of_workers_follows_from_size_cores_and_free_connections(jobs, size, cores, free, found):
    assert dump_shards.count_workers(jobs, size, cores, free) == found
