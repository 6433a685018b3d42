# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""control.yml, key_rotation_switch and two queries: a run is paused, held before the switch, or ended."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator

import pytest

from .conftest import Outcome, Site, thorough, until
from .served import Served
from .test_progress import waits_for

QUERY = "SELECT busy FROM operations"


@pytest.fixture
def operated(site: Site) -> Site:
    """A table of the operator that says whether the application is busy."""
    site.sql("CREATE TABLE operations (busy boolean NOT NULL)")
    site.sql("INSERT INTO operations VALUES (true)")
    return site


def order(site: Site, words: str) -> Outcome:
    return site.play("control", "-e", f"key_rotation_control={words}")


def start_busy(site: Site) -> subprocess.Popen[str]:
    """A rotation that waits for the operator's query before its first write."""
    process = site.start("rotate", "-e", json.dumps({"key_rotation_throttle": {"query": QUERY}}))
    until(lambda: waits_for(site, "the query of its throttle"), process)
    return process


def refuse_change(site: Site, tokens: object, process: subprocess.Popen[str]) -> None:
    """The run goes on and changes no value for longer than a worker waits between two looks."""
    for _ in range(10):
        time.sleep(0.3)
        assert process.poll() is None
        assert site.tokens() == tokens


def steps(site: Site) -> Iterator[dict[str, object]]:
    """The lines of the record."""
    (path,) = (site.folder / "records").glob("*/record.jsonl")
    return map(json.loads, path.read_text(encoding="utf-8").splitlines())


def test_a_run_waits_for_a_query_and_a_person_and_records_its_orders(operated: Site) -> None:
    before, tokens = operated.read_all(), operated.tokens()
    process = start_busy(operated)
    refuse_change(operated, tokens, process)

    ordered = [order(operated, words) for words in ("pause", "workers=1", "batch_seconds=0.05")]
    operated.sql("UPDATE operations SET busy = false")
    until(lambda: waits_for(operated, "who paused it at"), process)
    refuse_change(operated, tokens, process)
    shown, resumed = order(operated, "status"), order(operated, "resume")

    text = process.communicate(timeout=240)[0]
    assert process.returncode == 0, text
    assert [each.code for each in (*ordered, shown, resumed)] == [0] * 5, shown.text
    lines = [line.split() for line in shown.text.splitlines()]
    assert ["paused", "by"] in [words[:2] for words in lines], shown.text
    assert ["order", "workers=1,", "by"] in [words[:3] for words in lines], shown.text
    controlled = [line["control"]["orders"] for line in steps(operated) if "control" in line]
    assert [each["order"] for each in controlled[-1]] == ["pause", "workers=1", "batch_seconds=0.05", "resume"]
    assert operated.read_all() == before
    assert operated.tokens() != tokens


def test_an_abort_ends_a_paused_run_and_rolls_it_back(operated: Site) -> None:
    before, keys = operated.read_all(), operated.env_file.read_bytes()
    process = start_busy(operated)
    assert order(operated, "pause").code == 0

    aborted = order(operated, "abort")

    assert aborted.code == 0, aborted.text
    text = process.communicate(timeout=240)[0]
    assert process.returncode != 0
    assert "E_ABORTED" in text
    assert operated.env_file.read_bytes() == keys
    assert operated.read_all() == before
    operated.sql("UPDATE operations SET busy = false")
    again = operated.play("rotate")
    assert again.code == 0, "the order has ended with the run" + again.text


@pytest.mark.thorough
def test_a_critical_query_ends_the_run_and_rolls_it_back(operated: Site) -> None:
    before, keys = operated.read_all(), operated.env_file.read_bytes()

    throttle = {"query": "SELECT NOT busy FROM operations", "critical_query": QUERY}
    operated.sql("UPDATE operations SET busy = false")
    process = operated.start("rotate", "-e", json.dumps({"key_rotation_throttle": throttle}))
    until(lambda: waits_for(operated, "the query of its throttle"), process)

    operated.sql("UPDATE operations SET busy = true")

    text = process.communicate(timeout=240)[0]
    assert process.returncode != 0
    assert "E_CRITICAL_QUERY" in text
    assert operated.env_file.read_bytes() == keys
    assert operated.read_all() == before


@pytest.mark.parametrize(
    ("name", "query", "code"),
    [("query", "SELECT busy FROM nothing", "E_OPTION"), ("critical_query", "SELECT true", "E_CRITICAL_QUERY")],
)
def test_a_query_that_fails_or_is_critical_stops_before_anything_is_changed(
    site: Site, name: str, query: str, code: str
) -> None:
    refused = site.play("rotate", "-e", json.dumps({"key_rotation_throttle": {name: query}}))
    assert refused.code != 0
    assert code in refused.text, refused.text
    assert "No value and no key of the application was written." in " ".join(refused.text.split())
    assert not [*(site.folder / "backups").glob("*.dump")]


@pytest.fixture
def served(site: Site) -> Iterator[Served]:
    served = Served(site)
    served.order("start")
    served.wait()
    site.write_inventory(key_rotation_services=served.entries(), key_rotation_health_url=served.profile)
    yield served
    served.order("stop")


@pytest.mark.parametrize("mode", ["prepared", thorough("window")])
def test_the_switch_waits_for_a_person_while_the_application_serves(served: Served, mode: str) -> None:
    site = served.site
    before, tokens = site.read_all(), site.tokens()
    process = site.start("rotate", "-e", f"key_rotation_mode={mode}", "-e", "key_rotation_switch=wait")
    waits = "SELECT holder::json->>'waits_since' FROM tetech_key_rotation_lease"
    leased = "SELECT to_regclass('tetech_key_rotation_lease') IS NOT NULL"
    until(lambda: site.sql(leased) == [(True,)] and site.sql(waits)[0][0], process)
    refuse_change(site, tokens, process)
    assert served.reads()
    shown = order(site, "status")

    switched = order(site, "switch")

    text = process.communicate(timeout=240)[0]
    assert (shown.code, switched.code, process.returncode) == (0, 0, 0), text
    assert "for the order to switch, since" in shown.text
    assert "all is ready: waiting for the order to switch" in text
    assert "key_rotation_control=switch" in text
    assert site.read_all() == before
    assert site.tokens() != tokens


@pytest.mark.thorough
def test_a_run_that_waits_for_the_switch_is_ended_without_a_change(served: Served) -> None:
    site = served.site
    tokens, keys = site.tokens(), site.env_file.read_bytes()
    process = site.start("rotate", "-e", "key_rotation_mode=prepared", "-e", "key_rotation_switch=wait")
    until(lambda: order(site, "abort").code == 0, process)

    text = process.communicate(timeout=240)[0]

    assert process.returncode != 0
    assert "E_ABORTED" in text
    assert "No value and no key of the application was written." in " ".join(text.split())
    assert (site.tokens(), site.env_file.read_bytes()) == (tokens, keys)
    assert served.up() == [*served.commands]
    assert site.play("verify").code == 0


def test_an_abort_that_comes_too_late_is_named_with_what_undoes_the_rotation(site: Site) -> None:
    reached, ordered = site.folder / "reached", site.folder / "ordered"
    wait = ["sh", "-c", f"touch {reached}; until test -e {ordered}; do sleep 0.2; done"]
    process = site.start("rotate", "-e", json.dumps({"key_rotation_verification_commands": [wait]}))
    until(reached.exists, process)

    assert order(site, "abort").code == 0
    ordered.touch()

    text = " ".join(process.communicate(timeout=240)[0].split())
    assert process.returncode == 0, text
    assert "to abort came after the re-encryption" in text
    assert "To undo it, run the rollback playbook." in text


@pytest.mark.parametrize("words", ["puase", "workers=0", "batch_seconds=fast"])
def test_an_order_that_nobody_knows_is_refused(site: Site, words: str) -> None:
    refused = order(site, words)
    assert (refused.code != 0, refused.error()) == (True, "E_OPTION"), refused.text
    assert "key_rotation_control" in refused.text


def test_nothing_is_ordered_if_nothing_is_at_work(site: Site) -> None:
    refused, shown = order(site, "pause"), order(site, "status")
    assert (refused.code != 0, refused.error()) == (True, "E_NOTHING_AT_WORK"), refused.text
    assert shown.code == 0, shown.text
    assert "no rotation and no rollback is at work" in shown.text
