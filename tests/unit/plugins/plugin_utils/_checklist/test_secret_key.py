# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What SECRET_KEY signs, and what ends with it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._checklist.secret_key import ENDED, NO_ROWS

from .observations import SIGNS, both, fact, facts, item, option


def test_every_host_is_asked_what_signs_with_the_secret_key():
    def change(made: dict[str, Any]) -> None:
        for host, queued, sessions in (("app1", 0, "db"), ("app2", 3, "")):
            found = {"sessions": sessions, "logins": False, "packages": [], "queued": queued}
            made["hosts"].setdefault(host, {}).setdefault("facts", {"facts": dict(facts(made))})
            made["hosts"][host]["facts"] = {"facts": {**facts(made), "secret_key": found}}

    assert (item("secret_key", change).status, item("secret_key", change).facts) == ("stop", {"queued": 3})


@pytest.mark.parametrize(
    ("chosen", "ends"),
    [
        ("", ["db", "password_reset", "allauth.account", "two_factor"]),
        ("drop", ["db", "password_reset", "allauth.account", "two_factor"]),
        ("resign", ["password_reset", "allauth.account", "two_factor"]),
        ("fallbacks", ["two_factor"]),
    ],
)
def test_what_ends_with_the_old_key_depends_on_what_is_done_about_the_sessions(chosen, ends):
    packages = ["allauth.account", "two_factor"]
    users = fact(secret_key={"sessions": "db", "logins": True, "packages": packages, "queued": 0})
    found = item("secret_key", both(option(sessions=chosen), users))
    assert (found.status, found.facts) == ("warn", {"ends": ends, "can_be_kept": not chosen})
    assert found.seen.count("; ") == len(ends) - 1
    assert ("key_rotation_sessions" in found.todo) == (not chosen)
    assert ("two_factor" in found.seen, "SECRET_KEY_FALLBACKS" in found.seen) == (True, True)


@pytest.mark.parametrize(("keep", "ends"), [(0, ["db", "password_reset"]), (1, [])])
def test_a_list_that_keeps_the_old_key_keeps_what_it_signed(keep, ends):
    users = fact(secret_key={"keys": ["SECRET_KEY"], "sessions": "db", "logins": True, "packages": [], "queued": 0})
    listed = option(mode="online", settings=[{"name": "SECRET_KEY", "use": "signing", "keep": keep}])
    found = item("secret_key", both(listed, users))
    assert list(found.facts.get("ends", ())) == ends
    assert ("keep: 1" in found.todo) == (not keep)


def test_in_the_mode_online_the_list_takes_the_place_of_fallbacks():
    users = fact(secret_key={"keys": ["SECRET_KEY"], "sessions": "db", "logins": True, "packages": [], "queued": 0})
    listed = option(mode="online", sessions="fallbacks", settings=[{"name": "SECRET_KEY", "use": "signing"}])
    found = item("logins", both(listed, users))
    assert (found.status, found.facts, "keep: 1" in found.todo) == ("stop", {"sessions": "fallbacks"}, True)


@pytest.mark.parametrize(("in_table", "what"), [(True, ENDED), (False, NO_ROWS)])
def test_what_drop_ends_depends_on_where_the_sessions_are(in_table, what):
    change = both(option(sessions="drop"), fact(secret_key={"keys": SIGNS, "in_table": in_table}))
    found = item("logins", change)
    assert (found.status, found.facts, found.seen) == ("ok", {"in_table": in_table}, what)
