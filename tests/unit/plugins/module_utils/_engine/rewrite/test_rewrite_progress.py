# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import random
import subprocess
from collections import Counter

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite import rewrite_progress, throttle
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite.rewrite_progress import ProgressFiles
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite.rewriter import BatchResult
from ansible_collections.tetech.key_rotation.plugins.module_utils._monitoring import metrics


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 100.0

    monkeypatch.setattr(rewrite_progress.time, "monotonic", lambda: Clock.now)
    return Clock


@pytest.fixture
def slept(monkeypatch):
    found = []
    monkeypatch.setattr(throttle.time, "sleep", found.append)
    monkeypatch.setattr(throttle.time, "monotonic", lambda: sum(found))
    return found


def batch(**values: int) -> BatchResult:
    return BatchResult("profile", values=Counter({name.replace("__", "."): count for name, count in values.items()}))


def test_the_numbers_are_those_of_the_batches(clock, tmp_path):
    seen = rewrite_progress.Progress("r1", {"profile.name": 300, "profile.phone": 100, "profile.none": 0})
    clock.now += 10
    seen.add(batch(profile__name=150, profile__phone=50))
    seen.add(BatchResult("profile", conflicts=2, yielded=1))
    found = seen.as_document()
    assert (found["done"], found["total"], found["retries"]) == (200, 400, 3)
    assert (found["seconds"], found["values_per_second"], found["seconds_left"]) == (10, 20, 10)
    pace = {"retries": 0, "seconds_left": 10}
    assert found["targets"] == [
        {"column": "profile.name", "done": 150, "total": 300, "values_per_second": 15, **pace},
        {"column": "profile.phone", "done": 50, "total": 100, "values_per_second": 5, **pace},
    ]


def test_the_rate_is_of_the_time_at_work_and_none_is_foretold_while_it_waits(clock):
    seen = rewrite_progress.Progress("r1", {"profile.name": 300})
    clock.now += 10
    seen.add(batch(profile__name=100))
    for _ in range(60):
        clock.now += 1
        seen.add(BatchResult("profile", waits_for="the pause file /p"))
    found = seen.as_document()
    assert (found["values_per_second"], found["seconds_left"], found["seconds"]) == (10, None, 70)
    clock.now += 5
    seen.add(batch(profile__name=50))
    found = seen.as_document()
    assert (found["values_per_second"], found["seconds_left"]) == (10, 15)


def test_each_target_has_numbers_of_its_own_from_its_beginning_on(clock):
    seen = rewrite_progress.Progress("r1", {"order.note": 100, "profile.name": 300})
    seen.add(BatchResult("order", portions={"order.note": 1.0}))
    clock.now += 10
    seen.add(BatchResult("order", values=Counter({"order.note": 100}), conflicts=3))
    seen.add(BatchResult("profile", portions={"profile.name": 1.0}))
    clock.now += 10
    seen.add(batch(profile__name=100))
    note, name = seen.as_document()["targets"]
    assert (note["values_per_second"], note["seconds_left"], note["retries"]) == (5, 0, 3)
    assert (name["values_per_second"], name["seconds_left"], name["retries"]) == (10, 20, 0)


def test_prometheus_has_the_same_numbers(clock):
    seen = rewrite_progress.Progress("r1", {"profile.name": 300})
    clock.now += 10
    seen.add(batch(profile__name=100))
    told = seen.as_metrics()
    checked = subprocess.run(["promtool", "check", "metrics"], input=told, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    assert not set(rewrite_progress.METRICS) & set(metrics.METRICS), "those of monitor.yml may lie beside it"
    labels = '{rotation_id="r1",column="profile.name"}'
    for line in (
        f"key_rotation_target_retries{labels} 0",
        f"key_rotation_target_values_per_second{labels} 10",
        f"key_rotation_target_seconds_left{labels} 20",
        'key_rotation_step_seconds{rotation_id="r1"} 10',
        'key_rotation_seconds_left{rotation_id="r1"} 20',
        'key_rotation_waiting{rotation_id="r1"} 0',
    ):
        assert f"\n{line}\n" in told
    seen.add(BatchResult("profile", waits_for="the pause file /p"))
    assert "seconds_left{" not in seen.as_metrics()
    assert 'key_rotation_waiting{rotation_id="r1"} 1' in seen.as_metrics()


def test_more_done_than_was_there_is_no_more_than_all_of_it(clock):
    seen = rewrite_progress.Progress("r1", {"profile.name": 3})
    seen.add(batch(profile__name=5))
    assert (seen.as_document()["done"], seen.as_document()["total"]) == (5, 5)


def test_a_later_step_of_the_same_rotation_adds_to_the_numbers_and_another_starts_at_zero(clock, tmp_path):
    path = str(tmp_path / "key_rotation.prom")
    first = rewrite_progress.Progress(
        "r1", {"profile.name": 300, "order.note": 10}, ProgressFiles(metrics=path), key_id="new"
    )
    first.add(BatchResult("profile", values=Counter({"profile.name": 300, "order.note": 10}), conflicts=2))
    first.end()
    second = rewrite_progress.Progress("r1", {"profile.name": 2}, ProgressFiles(metrics=path), key_id="new")
    clock.now += 1
    second.add(batch(profile__name=2))
    second.end()
    told = json.loads((tmp_path / "key_rotation.json").read_text())
    assert (told["done"], told["total"], told["retries"], told["values_per_second"]) == (312, 312, 2, 2)
    assert {each["column"]: each["done"] for each in told["targets"]} == {"profile.name": 302, "order.note": 10}
    for other in ({"rotation_id": "r2", "key_id": "new"}, {"rotation_id": "r1", "key_id": "old"}):
        assert (
            rewrite_progress.Progress(
                totals={"profile.name": 1}, files=ProgressFiles(metrics=path), **other
            ).as_document()["done"]
            == 0
        )


def test_one_of_several_hosts_counts_against_its_own_part(clock):
    seen = rewrite_progress.Progress("r1", {"profile.name": 300, "order.note": 100}, hosts=2)
    assert seen.as_document()["total"] == 200
    seen.add(BatchResult("profile", portions={"profile.name": 2 / 3, "profile.none": 2 / 3}))
    assert [target["total"] for target in seen.as_document()["targets"]] == [200, 50]
    seen.add(batch(profile__name=200))
    assert (seen.as_document()["done"], seen.as_document()["total"]) == (200, 250)


def test_nothing_is_said_of_the_time_left_before_the_first_value(clock):
    assert rewrite_progress.Progress("r1", {"profile.name": 3}).as_document()["seconds_left"] is None


def test_the_file_is_written_once_a_second_and_goes_at_the_end(clock, tmp_path):
    path, metrics = tmp_path / "numbers.json", tmp_path / "key_rotation.prom"
    seen = rewrite_progress.Progress('r"1', {"profile.name": 3}, ProgressFiles(str(path), str(metrics)))
    seen.add(batch(profile__name=1))
    assert not path.exists()
    clock.now += 1
    seen.add(batch(profile__name=1))
    assert json.loads(path.read_text())["done"] == 2
    assert 'key_rotation_values_done{rotation_id="r\\"1",column="profile.name"} 2\n' in metrics.read_text()
    assert 'key_rotation_retries{rotation_id="r\\"1"} 0\n' in metrics.read_text()
    seen.add(batch(profile__name=1))
    seen.end()
    assert not path.exists()
    assert 'column="profile.name"} 3\n' in metrics.read_text()
    assert json.loads((tmp_path / "key_rotation.json").read_text())["done"] == 3


def test_a_pass_that_finds_nothing_leaves_the_numbers_of_the_one_before(clock, tmp_path):
    path = tmp_path / "key_rotation.prom"
    path.write_text("as before")
    seen = rewrite_progress.Progress("r1", {"profile.name": 0}, ProgressFiles(metrics=str(path)))
    seen.tell()
    seen.end()
    assert path.read_text() == "as before"


def test_a_place_that_cannot_be_written_is_no_error(clock):
    seen = rewrite_progress.Progress(
        "r1", {"profile.name": 3}, ProgressFiles("/nonexistent/numbers.json", "/nonexistent/x.prom")
    )
    seen.tell()
    seen.end()


class Server:
    def __init__(self, *lags, backlog=()):
        self.lags, self.backlog = list(lags), list(backlog)

    def rows(self, query):
        return [((self.lags if "replay_lag" in query else self.backlog).pop(0),)]


def rested(server, worked=0.0, stopped=lambda: False, **options):
    return list(throttle.Throttle(**options).rest(server, worked, stopped))


def test_rest_is_in_proportion_to_the_work(slept):
    assert rested(Server(), 5.0, ratio=0.5) == []
    assert slept == [1.0, 1.0, 0.5], "in pieces, between which a wish to stop is heard"


def test_a_wish_to_stop_ends_a_rest(slept):
    assert rested(Server(), 500.0, stopped=lambda: len(slept) == 2, ratio=0.5) == []
    assert slept == [1.0, 1.0]


def test_the_slowest_replica_is_waited_for(slept):
    server = Server(9.0, 5.0, 0.2)
    assert rested(server, replica_lag=1.0) == ["a replica that is 9 s behind", "a replica that is 5 s behind"]
    assert (slept, server.lags) == ([1.0, 1.0], [])


def test_wal_that_nobody_took_yet_is_waited_for(slept):
    server = Server(backlog=[2_000 << 20, 900 << 20])
    assert rested(server, wal_backlog=1000) == ["2,000 MB of WAL to be archived or fetched"]
    assert slept == [1.0]


def test_a_wish_to_stop_ends_every_wait(slept, tmp_path):
    pause = tmp_path / "pause"
    pause.touch()
    asked = iter([False, False, True])
    assert rested(Server(), 0.0, lambda: next(asked), pause_file=str(pause)) == [f"the pause file {pause}"] * 2
    assert slept == [1.0, 1.0]


def test_who_watches_learns_what_the_work_waits_for(clock):
    seen = rewrite_progress.Progress("r1", {"profile.name": 300})
    seen.add(BatchResult("profile", waits_for="the pause file /p"))
    assert seen.as_document()["waits_for"] == "the pause file /p"
    seen.add(batch(profile__name=1))
    assert seen.as_document()["waits_for"] == ""


def test_the_size_of_a_batch_follows_from_what_the_last_ones_took():
    pace = throttle.Pace(lambda: 0.25)
    assert pace.rows(1000) == 1000
    pace.took(1000, 2.5)
    assert pace.rows(1000) == 100
    for _ in range(20):
        pace.took(100, 0.05)
    assert 450 < pace.rows(1000) <= 500
    pace.took(1, 60.0)
    assert pace.rows(1000) == 1
    assert throttle.Pace(lambda: 0).rows(1000) == 1000


@pytest.mark.parametrize(
    ("fixed", "each", "rows"), [(0.3, 0.00002, 1000), (0.0, 0.002, 125), (0.1, 0.001, 150), (0.0, 0.00002, 1000)]
)
def test_the_size_of_a_batch_is_not_of_what_it_takes_whatever_its_size(fixed, each, rows):
    """Seconds of a batch are a part that is always the same and one for each row, and some chance."""
    chance, pace, size, last = random.Random(1), throttle.Pace(lambda: 0.25), 16, []
    for _ in range(60):
        pace.took(size, (fixed + each * size) * chance.uniform(0.95, 1.05))
        size = min(pace.rows(1000), 8 * size)  # as pages grow
        last = [*last[-19:], size]
    assert 0.7 * rows <= min(last) <= max(last) <= 1.1 * rows


@pytest.mark.parametrize(("fixed", "target"), [(1.0, 0.25), (0.2, 0.05)])
def test_what_a_batch_takes_at_least_makes_none_of_one_row(fixed, target):
    """As a COMMIT that waits for a replica in another place."""
    chance, pace, size, last = random.Random(1), throttle.Pace(lambda: target), 16, []
    for _ in range(60):
        pace.took(size, (fixed + 0.00002 * size) * chance.uniform(0.95, 1.05))
        size = min(pace.rows(1000), 8 * size)
        last = [*last[-39:], size]
    assert min(last) > 100


def test_a_batch_that_took_far_too_long_makes_the_next_one_small_whatever_was_before():
    pace = throttle.Pace(lambda: 0.25)
    for _ in range(20):
        pace.took(1000, 0.02)
    pace.took(1000, 5.0)
    assert pace.rows(1000) == 50
    pace.took(50, 0.25)
    assert pace.rows(1000) <= 100


def test_metrics_that_cannot_be_written_are_reported_and_stop_nothing(tmp_path):
    seen = rewrite_progress.Progress(
        "r1", {"profile.name": 3}, ProgressFiles(metrics=str(tmp_path / "nowhere/key_rotation.prom"))
    )
    seen.end()
    assert seen.unwritten == f"{tmp_path}/nowhere/key_rotation.json: No such file or directory"
    well = rewrite_progress.Progress(
        "r1", {"profile.name": 3}, ProgressFiles(metrics=str(tmp_path / "key_rotation.prom"))
    )
    well.end()
    assert well.unwritten == ""
