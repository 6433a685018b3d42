# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole checklist of a real application: everything at once, before anything is changed."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._checklist.checklist import CHECKS

from .conftest import Site

# One value in two hundred of random bytes has no random look, so these are the same bytes each time.
CIPHERTEXT = base64.b64encode(hashlib.sha512(b"a value of no known format").digest()).decode()
LINE = re.compile(r"^  (ok  |skip|warn|STOP)  (\w+)  +(\S.*)$", re.MULTILINE)


def table(text: str) -> dict[str, tuple[str, str]]:
    """By item: how it stands, and the first line of what was seen."""
    return {name: (status.strip(), seen) for status, name, seen in LINE.findall(text)}


def test_a_dry_run_in_production_shows_all_that_is_in_the_way_and_changes_nothing(site: Site) -> None:
    site.sql("CREATE TABLE memo (id int PRIMARY KEY, note text)")
    site.sql("INSERT INTO memo SELECT n, 'a plain value ' || n FROM generate_series(1, 500) AS n")
    site.sql(f"UPDATE memo SET note = '{CIPHERTEXT}' WHERE id = 400")
    files, tokens = site.files(), site.tokens()
    with site.connection() as connection, connection.cursor() as cursor:
        cursor.execute("SET application_name = 'nightly report'; SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()

        outcome = site.play("rotate", "--check", "-v", "-e", "key_rotation_environment=production")

    assert outcome.code != 0
    shown = table(outcome.text)
    assert len(shown) == len(CHECKS), outcome.text
    stops = {name for name, (status, _) in shown.items() if status == "STOP"}
    assert {"rehearsal", "authorized", "backup", "rollback_plan", "notified"} == stops, outcome.text
    assert f"E_CHECKLIST: 5 of {len(CHECKS)} checks stop the rotation: " in " ".join(outcome.text.split())
    assert shown["sessions"][0] == "warn"
    assert f"as nightly report, backend {pid}" in " ".join(outcome.text.split())
    assert shown["census"][0] == "warn"
    assert re.match(r"\d+ current: all of them\. memo\.note: 1 of \d+ values", shown["census"][1])
    assert re.search(r"\d+ values take (about \d+ s|less than 1 s), as measured on a sample", outcome.text)
    assert shown["secret_key"][0] == "warn"
    assert site.tokens() == tokens
    assert site.files() == files
    assert not site.store.exists()


@pytest.mark.thorough
def test_the_list_goes_into_the_record_and_next_to_it(site: Site) -> None:
    outcome = site.play("rotate", "-v")

    assert outcome.code == 0, outcome.text
    (path,) = (site.folder / "records").glob("*/checklist.json")
    listed = json.loads(path.read_text())
    assert {item["name"]: item["status"] for item in listed["checks"]} == {
        name: status for name, (status, _) in table(outcome.text).items()
    }
    assert "stop" not in {item["status"] for item in listed["checks"]}
    (recorded,) = [
        event
        for event in map(json.loads, path.with_name("record.jsonl").open())
        if (event["event"], event["phase"]) == ("rotation_checklist", "done")
    ]
    assert recorded["checks"] == listed["checks"]
    assert recorded["environment"] == listed["environment"] == "demo"
