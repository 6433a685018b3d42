# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.tetech.key_rotation.plugins.module_utils._record.events import decode
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report.phase_times import PhaseTimes


def test_steps_that_shared_a_process_have_what_each_took():
    times = PhaseTimes()
    for second, name, phase, more in (
        (0, "rotate", "intent", {}),
        (1, "env_file", "intent", {}),
        (1, "django_reencrypt", "intent", {}),
        (11, "env_file", "done", {"took": 0.5}),
        (11, "django_reencrypt", "done", {}),
        (13, "key_version", "intent", {"asked": {"state": "current"}}),
    ):
        line = {"event": name, "phase": phase, "time": f"2026-11-28T09:00:{second:02}Z", "monotonic_ns": second * 10**9}
        times.apply(decode({**line, **more}))
    assert times.whole == {"switch": 1 + 0.5 + 2, "re-encrypt": 9.5}
