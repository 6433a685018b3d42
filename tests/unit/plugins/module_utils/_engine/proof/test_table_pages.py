# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace

from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.catalog import Table
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof.table_pages import by_table


def test_targets_are_grouped_so_that_each_table_is_read_once(target):
    other = replace(target, table=Table("public", "address", True))
    phone = replace(target, column="phone")
    archived = replace(target, table=Table("archive", "profile", False))
    assert by_table([phone, other, target, archived]) == [
        (archived.table, archived.key, [archived]),
        (other.table, other.key, [other]),
        (target.table, target.key, [target, phone]),
    ]
