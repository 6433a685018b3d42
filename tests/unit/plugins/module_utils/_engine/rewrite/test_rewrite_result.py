# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections import Counter

from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof.census_result import CensusResult
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite.concurrent_writers import (
    ConcurrentWrites,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite.rewrite_result import (
    DEAD_ROWS,
    RewriteResult,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite.rewriter import Work


def test_a_result_names_each_column_with_what_was_re_encrypted_and_the_tables_to_vacuum():
    dead = Counter({"profile": DEAD_ROWS, "pet": DEAD_ROWS - 1})
    work = Work(values=Counter({"profile.name": 3}), stale=Counter({"profile.index": 1}), dead=dead, passes=2, lost=1)
    census = [CensusResult(table="profile", column="name"), CensusResult(table="pet", column="name")]
    others = ConcurrentWrites()
    assert RewriteResult(census, work, "0123", 1.26, others, "").as_result() == {
        "changed": True,
        "targets": [
            {**census[0].as_result(), "reencrypted": 3},
            {**census[1].as_result(), "reencrypted": 0},
        ],
        "key_id": "0123",
        "work": {"passes": 2, "conflicts": 0, "seconds": 1.3},
        "concurrent_writes": others.as_result(),
        "stale": {"profile.index": 1},
        "unwritten": "",
        "lost_workers": 1,
        "vacuum": ["profile"],
    }
