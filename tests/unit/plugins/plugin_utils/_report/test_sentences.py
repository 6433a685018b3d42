# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report import sentences


def test_sessions_that_were_still_connected_at_the_proof_are_named():
    session = {"pid": 7, "user": "app", "address": "", "application_name": "a shell", "state": "idle", "since": "noon"}
    (told,) = sentences.still_connected([session] * 13)
    assert told.startswith("13 sessions from before the .env file was switched were still connected")
    assert "pid 7 of app from the database's own host as a shell, idle, since noon; " in told
    assert "; and 1 more. What holds them may have other keys: restart it" in told
    assert list(sentences.still_connected([])) == []
