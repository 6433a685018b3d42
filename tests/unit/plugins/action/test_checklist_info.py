# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.action import checklist_info
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._host_tasks_messages import CallTimes

RUN = 75.0  # seconds that the module takes: it opens the application and looks at all of it


@pytest.mark.parametrize(("host", "database"), [(0.0, 0.0), (120.0, 0.0), (0.0, -90.0)])
def test_the_modules_own_run_time_is_no_skew(host, database):
    began = 1000.0 + host
    action = object.__new__(checklist_info.ActionModule)
    action.times = CallTimes(sent=1000.0, began=began, ended=began + RUN, received=1000.0 + RUN)

    found = action.judge({}, {"facts": {"databases": [{"ahead": database - host}]}})["facts"]

    assert found["skew"] == pytest.approx(host)
    assert found["databases"][0]["skew"] == pytest.approx(database)
