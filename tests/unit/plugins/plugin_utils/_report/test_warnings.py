# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the record of a rotation warns of."""

from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.events import decode
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report.warnings import Warnings

CHANGED = {"same": False, "written_rows": {"t.c": ["4"]}, "added_rows": {}}
BACK = {"event": "rollback", "phase": "intent", "seen": {"since": CHANGED}}


@pytest.mark.parametrize(("stage", "warned"), [("readable", False), ("primary", False), ("pending", True)])
def test_rows_that_changed_are_no_warning_if_the_application_served_all_the_while(stage, warned):
    warnings = Warnings()
    for line in (
        {"event": "rotate", "phase": "intent"},
        {"event": "env_file", "phase": "done", "asked": {"stage": stage}},
        BACK,
    ):
        warnings.apply(decode(line))
    assert any("t.c:4" in text for text in warnings.of_run(warnings.run, ())) is warned
