# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application.statements_at_start import (
    template_of,
)


@pytest.mark.parametrize(
    "other",
    [
        "INSERT INTO node (name, seen)  VALUES (%s, %s)",
        "INSERT INTO node (name, seen) VALUES (%s, %s), (%s, %s), (%s, %s)",
        "INSERT INTO node (name, seen) VALUES ('a (b)', 12), ('c', 13)",
    ],
)
def test_a_statement_is_the_same_with_other_values_and_another_number_of_rows(other: str) -> None:
    assert template_of(other).replace("?", "%s") == "INSERT INTO node (name, seen) VALUES (%s)"


def test_another_table_or_another_column_is_another_statement() -> None:
    updates = ("UPDATE a SET b = %s", "UPDATE a SET c = %s", "UPDATE d SET b = %s")
    assert len({template_of(update) for update in updates}) == 3
