# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""key_rotation_mode: prepared, by the playbooks: before the window, in it, killed anywhere, rolled back."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from .conftest import Site, kill_group
from .test_resume import wait_until_gone

TABLE = "tetech_key_rotation_prepared"
PREPARED = ("-e", "key_rotation_mode=prepared")


def is_left(site: Site) -> bool:
    return site.sql(f"SELECT to_regclass('{TABLE}') IS NOT NULL") == [(True,)]


def rows_prepared(site: Site) -> int:
    return site.sql(f"SELECT count(*) FROM {TABLE}")[0][0] if is_left(site) else 0


def steps(site: Site, event: str) -> list[dict[str, object]]:
    """What the record of the newest rotation has of a step that is done."""
    newest = max((site.folder / "records").glob("*/record.jsonl"), key=lambda path: path.stat().st_mtime)
    lines = (json.loads(line) for line in newest.read_text().splitlines())
    return [line for line in lines if line["event"] == event and line["phase"] == "done"]


def test_what_is_prepared_while_the_application_serves_is_all_that_the_window_has_to_write(site: Site) -> None:
    plain = site.read_all()

    dry = site.play("rotate", *PREPARED, "--check")
    assert "would prepare the re-encryption while the application serves" in dry.text, dry.text
    assert not is_left(site)
    done = site.play("rotate", *PREPARED)

    assert done.code == 0, done.text
    assert site.read_all() == plain
    assert not is_left(site)
    work = steps(site, "django_reencrypt")[0]
    values = sum(target["reencrypted"] for target in work["targets"])
    assert work["work"]["by_sets"] == values > 300
    assert "  prepared   135 rows in " in done.text
    assert f"{values} values were changed by it" in " ".join(done.text.split())
    assert site.play("verify").code == 0


def preparing(site: Site) -> Iterator[subprocess.Popen[str]]:
    """Some rows are prepared, and not all."""
    slow = '{"key_rotation_mode": "prepared", "key_rotation_throttle": {"ratio": 300}}'
    process = site.start("rotate", "-e", slow)
    until(lambda: 0 < rows_prepared(site) < 135, process)
    yield process


def applying(site: Site) -> Iterator[subprocess.Popen[str]]:
    """The profiles are changed by what was prepared, and others have locked the restaurants."""
    before = site.tokens()["customer_userprofile"]
    with site.connection() as blocker, blocker.cursor() as cursor:
        cursor.execute("SELECT 1 FROM restaurant_restaurant FOR UPDATE")
        process = site.start("rotate", *PREPARED)
        until(lambda: site.tokens()["customer_userprofile"] != before, process)
        yield process
        blocker.rollback()


def switched(site: Site) -> Iterator[subprocess.Popen[str]]:
    """Every value is under the new keys, and so is the .env file."""
    before = site.env_file.read_text()
    process = site.start("rotate", *PREPARED)
    until(lambda: site.env_file.read_text() != before, process)
    yield process


def until(reached: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 300
    while not reached():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.thorough
@pytest.mark.parametrize("then", ["rotate", "rollback"])
@pytest.mark.parametrize("moment", [preparing, applying, switched])
def test_killed_it_is_resumed_or_rolled_back_and_nothing_prepared_is_left(
    site: Site, moment: Callable[[Site], Iterator[subprocess.Popen[str]]], then: str
) -> None:
    plain, tokens = site.read_all(), site.tokens()
    with contextmanager(moment)(site) as process:
        kill_group(process)
    wait_until_gone(site)
    assert is_left(site)
    looked = site.play("verify")
    assert looked.code != 0
    assert "E_PREPARED_LEFT" in looked.text or "E_FENCED" in looked.text, looked.text
    if moment is preparing:
        assert site.tokens() == tokens, "the data is not changed before the window"
        assert site.read_all() == plain

    after = site.play(then, *PREPARED, "-e", "key_rotation_backup_max_age=0")

    assert after.code == 0, after.text
    assert site.read_all() == plain
    assert not is_left(site)
    assert len(site.stored()["versions"]) == 2, "the old and one new"
    assert site.play("verify").code == 0


def test_a_failure_before_the_window_leaves_nothing_prepared(site: Site) -> None:
    plain = site.read_all()
    site.sql(f"CREATE VIEW {TABLE} AS SELECT 1 AS number")  # what is in the way of the table

    done = site.play("rotate", *PREPARED)

    assert done.code != 0
    assert "Prepare | Encrypt every value with the new keys next to the data" in " ".join(done.text.split())
    assert "No value and no key of the application was written." in " ".join(done.text.split())
    assert site.sql("SELECT to_regclass('tetech_key_rotation_lease')") == [(None,)]
    site.sql(f"DROP VIEW {TABLE}")
    again = site.play("rotate", *PREPARED)
    assert again.code == 0, again.text
    assert site.read_all() == plain
    assert not is_left(site)
