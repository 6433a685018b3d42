# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.database_sessions import (
    format_session,
)
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report import sentences


def test_sessions_that_were_still_connected_at_the_proof_are_named():
    session = {"pid": 7, "user": "app", "address": "", "application_name": "a shell", "state": "idle", "since": "noon"}
    (told,) = sentences.still_connected([session] * 13)
    assert told.startswith("13 sessions from before the .env file was switched were still connected")
    client = "a client on the database's own host (application_name a shell, role app), idle, "
    assert f"{client}connected since noon, backend 7; " in told
    assert "; and 1 more. The processes behind them may have other keys: restart them" in told
    assert list(sentences.still_connected([])) == []


def test_a_session_is_named_by_its_client():
    session = {
        "pid": 7,
        "user": "app",
        "address": "10.0.0.5",
        "port": 4711,
        "application_name": "",
        "state": "",
        "since": "1",
    }
    assert format_session(session) == (
        "a client at 10.0.0.5 port 4711 (application_name not set, role app), connected since 1, backend 7"
    )


def test_who_wrote_under_the_previous_keys_is_named_once_they_are_no_longer_used():
    drain = {"seconds": 60.0, "values": 2, "rows": ["note:7", "note:8"], "writers": ["a client"], "unknown": []}
    (told,) = sentences.drained(drain)
    assert told == (
        "2 values were written under the previous keys although every host had the other ones (note:7, note:8), last "
        "by a client. They were re-encrypted, and nothing was written under them for 60 s afterwards. Restart that "
        "process: it was started with other keys."
    )
    (newer,) = sentences.drained({**drain, "keys": "newer keys"})
    assert newer == told.replace("previous", "newer")
    (unknown,) = sentences.drained({**drain, "values": 1, "writers": [], "unknown": ["the role does not own note"]})
    assert "by sessions that are not known (the role does not own note). It was re-encrypted" in unknown
    assert list(sentences.drained({"seconds": 60.0, "values": 0, "rows": [], "writers": [], "unknown": []})) == []
