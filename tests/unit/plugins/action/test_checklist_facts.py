# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest
from ansible_collections.tetech.key_rotation.plugins.action import checklist_facts

RUN = 75.0  # seconds that the module takes: it opens the application and looks at all of it


@pytest.mark.parametrize(("host", "database"), [(0.0, 0.0), (120.0, 0.0), (0.0, -90.0)])
def test_the_modules_own_run_time_is_no_skew(monkeypatch, host, database):
    times = itertools.count(1000.0, RUN)
    monkeypatch.setattr(checklist_facts, "time", SimpleNamespace(time=lambda: next(times)))
    began = 1000.0 + host
    facts = {"clock": {"began": began, "ended": began + RUN}, "databases": [{"ahead": database - host}]}
    action = SimpleNamespace(
        store=lambda options: SimpleNamespace(load=lambda: SimpleNamespace(for_host=dict)),
        on_host=lambda module, asked: {"facts": facts},
    )

    found = checklist_facts.ActionModule.act(action, {})["facts"]

    assert found["skew"] == pytest.approx(host)
    assert found["databases"][0]["skew"] == pytest.approx(database)
