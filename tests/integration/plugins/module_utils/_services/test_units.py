# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services that are real processes, and units behind a systemctl that keeps its units in files."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._services import units
from ansible_collections.tetech.key_rotation.plugins.module_utils._services.listed_services import (
    service_of,
    services_of,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._services.maintenance import (
    Maintenance,
    MaintenanceOptions,
    StoppedServices,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._system import child_processes
from ansible_collections.tetech.key_rotation.tests.expected_errors import Containing, expect_error
from ansible_collections.tetech.key_rotation.tests.host_fixtures import unit


@pytest.fixture
def daemon(tmp_path: Path):
    """A process of one's own, by three commands."""
    pid = tmp_path / "pid"
    script = tmp_path / "daemon.sh"
    script.write_text(DAEMON.format(pid=pid))
    entry = {"name": "worker", **{word: ["/bin/sh", str(script), word] for word in ("start", "stop", "status")}}
    assert child_processes.run_command(entry["start"], 5) == 0
    yield entry
    child_processes.run_command(entry["stop"], 5)


def test_the_files_that_a_unit_reads_its_environment_from(systemd):
    assert units.Unit("web").environment_files == {}
    shown = "/srv/a (b)/.env (ignore_errors=no)\n/etc/default/web (ignore_errors=yes)"
    unit(systemd, "web.service", EnvironmentFiles=shown)
    assert units.Unit("web").environment_files == {"/srv/a (b)/.env": False, "/etc/default/web": True}


@pytest.mark.parametrize(("result", "well"), [("success", True), ("exit-code", False)])
def test_a_unit_that_does_its_work_and_ends_is_well_when_it_has_done_it(systemd, result, well):
    unit(systemd, "web.service", Type="oneshot", ActiveState="inactive", Result=result)
    assert units.Unit("web").is_well() is well
    unit(systemd, "web.service", Type="simple", ActiveState="inactive", Result=result)
    assert units.Unit("web").is_well() is False


def orders(systemd: Path) -> list[str]:
    return [line for line in (systemd / "calls").read_text().splitlines() if not line.startswith("show")]


def maintenance(
    tmp_path: Path,
    *names: str,
    rotation_id: str = "first",
    flag: str | None = None,
    patience: float = 5,
    settle: float = 0,
    **options: str,
) -> Maintenance:
    offered = [service_of({"name": name}) for name in names]
    return Maintenance(
        offered,
        MaintenanceOptions(str(tmp_path / "state/memory.json"), rotation_id, flag, patience, settle, **options),
    )


def of(entry: dict[str, object], tmp_path: Path, patience: float = 5) -> Maintenance:
    return Maintenance(
        [service_of(entry)], MaintenanceOptions(str(tmp_path / "memory.json"), "first", None, patience, settle=0)
    )


def test_what_is_up_is_stopped_in_order_and_started_in_the_other(tmp_path, systemd):
    kept = maintenance(tmp_path, "web.socket", "web", "worker.service")
    assert kept.stop(dry=True) == ["web.socket", "web", "worker.service"]
    assert not (systemd / "calls").read_text().count("stop"), "a dry run stops nothing"
    assert kept.stop(dry=False) == ["web.socket", "web", "worker.service"]
    assert kept.stop(dry=False) == [], "it is stopped already"
    assert kept.start(dry=True) == kept.start(dry=False) == ["worker.service", "web", "web.socket"]
    assert kept.start(dry=False) == []
    words = ["web.socket", "web.service", "worker.service"]
    assert orders(systemd) == [f"stop {word}" for word in words] + [f"start {word}" for word in words[::-1]]


def test_what_was_down_before_stays_down_even_for_a_later_run(tmp_path, systemd):
    unit(systemd, "worker.service", ActiveState="inactive")
    maintenance(tmp_path, "web.socket", "web", "worker").stop(dry=False)
    again = maintenance(tmp_path, "web.socket", "web", "worker")
    assert again.stop(dry=False) == []
    assert again.remembered() == StoppedServices("first", ["web.socket", "web"], True, "", ["web.socket", "web"])
    assert again.start(dry=False) == ["web", "web.socket"]
    assert again.start(dry=False) == []


def test_what_has_died_since_its_start_is_started_by_the_rollback_of_the_same_rotation(tmp_path, systemd):
    kept = maintenance(tmp_path, "worker")
    kept.stop(dry=False)
    kept.start(dry=False)
    unit(systemd, "worker.service", ActiveState="failed")
    assert kept.stop(dry=False) == []
    assert kept.start(dry=False) == ["worker"]


@pytest.mark.parametrize("rotation_id", ["second", "maintenance"])
def test_what_somebody_has_stopped_since_stays_down_in_the_next_rotation(tmp_path, systemd, rotation_id):
    for _ in range(2):
        kept = maintenance(tmp_path, "web.socket", "worker", rotation_id=rotation_id)
        kept.stop(dry=False)
        kept.start(dry=False)
        unit(systemd, "worker.service", ActiveState="inactive")
        rotation_id = "third" if rotation_id == "second" else rotation_id
    assert kept.remembered().names == ["web.socket"]


def test_it_is_remembered_before_it_is_stopped(tmp_path, systemd):
    unit(systemd, "stuck.service")
    kept = maintenance(tmp_path, "worker", "stuck", patience=0.2)
    told = r"E_SERVICE_STOP: service stuck .* worker was stopped before that\. Still running, .*: stuck\. See"
    with pytest.raises(RotationError, match=told):
        kept.stop(dry=False)
    assert kept.remembered().names == ["worker", "stuck"]
    assert kept.start(dry=False) == ["worker"], "stuck is up still"


def test_a_flag_is_there_while_the_services_are_stopped(tmp_path, systemd):
    flag = tmp_path / "maintenance.on"
    kept = maintenance(tmp_path, "worker", flag=str(flag))
    kept.stop(dry=True)
    assert not flag.exists()
    kept.stop(dry=False)
    assert stat.S_IMODE(flag.stat().st_mode) == 0o644, "the web server reads it"
    kept.start(dry=False)
    assert not flag.exists()


def test_a_flag_stays_if_a_service_does_not_come_back(tmp_path, systemd):
    unit(systemd, "crash.service")
    flag = tmp_path / "maintenance.on"
    kept = maintenance(tmp_path, "crash", "worker", flag=str(flag))
    kept.stop(dry=False)
    with expect_error(
        "E_SERVICE_START",
        name="crash",
        reason=Containing("systemctl", "exit code 1"),
        changed=Containing("worker"),
    ):
        kept.start(dry=False)
    assert orders(systemd)[-2:] == ["start worker.service", "start crash.service"]
    assert flag.exists()
    assert kept.remembered().down, "the next run tries again"


def test_a_socket_that_would_start_a_service_again_is_named_before_anything_is_stopped(tmp_path, systemd):
    with expect_error("E_SERVICE_TRIGGER", trigger="web.socket", name="web.service"):
        maintenance(tmp_path, "worker", "web").stop(dry=False)
    assert orders(systemd) == []
    unit(systemd, "web.socket", ActiveState="inactive")
    assert maintenance(tmp_path, "worker", "web").stop(dry=False) == ["worker", "web"]


def test_a_unit_that_nobody_knows_is_named_before_anything_is_stopped(tmp_path, systemd):
    with expect_error("E_SERVICE_MISSING", name="wroker.service", changed_nothing=True):
        maintenance(tmp_path, "worker", "wroker").stop(dry=False)
    assert orders(systemd) == []


def test_one_service_that_does_not_start_leaves_no_other_down(tmp_path, systemd):
    unit(systemd, "crash.service")
    kept = maintenance(tmp_path, "worker", "crash")
    kept.stop(dry=False)
    with expect_error("E_SERVICE_START", name="crash", changed=Containing("worker")):
        kept.start(dry=False)
    assert orders(systemd)[-1] == "start worker.service"
    assert kept.remembered().down


def test_a_service_that_comes_up_and_ends_is_no_start(tmp_path, systemd, monkeypatch):
    kept = maintenance(tmp_path, "worker")
    kept.stop(dry=False)
    start = units.start

    def fleeting(*asked: object) -> None:
        start(*asked)
        unit(systemd, "worker.service", ActiveState="activating")

    monkeypatch.setattr(units, "start", fleeting)
    with expect_error("E_SERVICE_START", name="worker", reason=Containing("then ended")):
        kept.start(dry=False)


def ever_again(systemd: Path) -> None:
    """A systemctl that shows one more restart each time it is asked, as of a unit with Restart=always that ends."""
    program = systemd.parent / "bin/systemctl"
    again = 'test "$3" = NRestarts && { echo x >> "$5/again"; wc -l < "$5/again"; exit; }\ncase $1 in'
    program.write_text(program.read_text().replace("case $1 in", again, 1))


def test_a_unit_that_systemd_starts_again_and_again_is_no_start(tmp_path, systemd):
    kept = maintenance(tmp_path, "worker", settle=60)
    kept.stop(dry=False)
    ever_again(systemd)
    with expect_error(
        "E_SERVICE_START",
        name="worker",
        reason=Containing("again and again"),
        look=Containing("journalctl -u worker.service"),
    ):
        kept.start(dry=False)
    assert kept.remembered().down


def test_restarts_of_another_day_count_for_nothing(tmp_path, systemd):
    unit(systemd, "worker.service", NRestarts="7")
    kept = maintenance(tmp_path, "worker")
    kept.stop(dry=False)
    assert kept.start(dry=False) == ["worker"]


@pytest.mark.parametrize(
    ("name", "kind", "seconds"),
    [
        ("web.service", "simple", 5),
        ("web.service", "notify", units.READY),
        ("web.service", "oneshot", 0),
        ("web.socket", "", 0),
    ],
)
def test_what_says_that_it_is_ready_is_looked_at_for_less_long(systemd, name, kind, seconds):
    unit(systemd, name, Type=kind)
    assert units.Unit(name).settles_in(5) == seconds


def test_a_service_is_looked_at_until_it_has_settled(tmp_path, systemd, monkeypatch):
    looks: list[float] = []
    clock = iter(range(100))
    monkeypatch.setattr(units, "time", SimpleNamespace(sleep=looks.append, monotonic=lambda: next(clock)))
    units.refuse_fallen([units.Unit("worker"), units.Unit("web.socket")], 5)
    assert len(looks) == 4, "at 1, 2, 3, 4 and 5 seconds"
    units.refuse_fallen([units.Unit("web.socket")], 5)
    assert len(looks) == 4, "nothing to wait for"


def test_what_was_stopped_by_hand_is_started_by_hand_alone(tmp_path, systemd):
    flag = tmp_path / "maintenance.on"
    rotation = maintenance(tmp_path, "worker", flag=str(flag))
    rotation.stop(dry=False)
    by_hand = maintenance(tmp_path, "worker", rotation_id="maintenance", flag=str(flag))
    assert by_hand.stop(dry=False) == [], "the rotation has stopped it"
    for act in (rotation.start, rotation.stop):
        for dry in (True, False):
            with expect_error("E_SERVICE_HELD", since=by_hand.remembered().held):
                act(dry=dry)
    way_back = maintenance(tmp_path, "worker", flag=str(flag), held="accept")
    assert way_back.stop(dry=False) == []
    with expect_error("E_SERVICE_HELD", changed=Containing("No service")):
        way_back.start(dry=False)
    assert flag.exists()
    assert not any(order.startswith("start") for order in orders(systemd))
    assert by_hand.start(dry=False) == ["worker"]
    assert not flag.exists()
    assert rotation.stop(dry=False) == rotation.start(dry=False) == ["worker"]


@pytest.mark.parametrize("names", [["worker", "web.socket"], ["web.socket"]])
def test_a_stop_by_hand_in_the_middle_of_a_start_holds(tmp_path, systemd, monkeypatch, names):
    rotation = maintenance(tmp_path, *names)
    rotation.stop(dry=False)
    start = units.start

    def stopped_meanwhile(*asked: object) -> None:
        start(*asked)
        maintenance(tmp_path, *names, rotation_id="maintenance").stop(dry=False)

    monkeypatch.setattr(units, "start", stopped_meanwhile)
    with expect_error("E_SERVICE_HELD", changed=Containing("No other service")):
        rotation.start(dry=False)
    assert orders(systemd)[-2:] == ["start web.socket", "stop web.socket"]
    kept = rotation.remembered()
    assert (kept.down, bool(kept.held), kept.names) == (True, True, names)


def test_a_rotation_knows_through_a_stop_by_hand_what_was_up_when_it_began(tmp_path, systemd):
    rotation = maintenance(tmp_path, "web.socket", "worker")
    rotation.stop(dry=False)
    by_hand = maintenance(tmp_path, "web.socket", "worker", rotation_id="maintenance")
    by_hand.stop(dry=False)
    with pytest.raises(RotationError, match="E_SERVICE_HELD"):
        rotation.start(dry=False)
    assert by_hand.start(dry=False) == ["worker", "web.socket"]
    assert rotation.start(dry=False) == []
    unit(systemd, "worker.service", ActiveState="failed")
    with expect_error("E_SERVICE_START", name="worker", reason=Containing("then ended")):
        rotation.start(dry=False)
    assert by_hand.start(dry=False) == ["worker"], "as the error says"
    unit(systemd, "worker.service", ActiveState="failed")
    by_hand.stop(dry=False)
    assert by_hand.start(dry=False) == ["web.socket"], "a hand starts what it has stopped"
    assert rotation.stop(dry=False) == ["web.socket"]
    assert rotation.start(dry=False) == ["worker", "web.socket"]
    assert maintenance(tmp_path, "web.socket", rotation_id="second").start(dry=False) == []


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ([], "unknown: it has no"),
        (["/no/such"], "unknown: its status"),
        (["false"], "stopped"),
        (["true"], "already running"),
    ],
)
def test_each_service_has_a_state_after_a_start(tmp_path, status, state):
    kept = of({"name": "worker", "start": ["true"], "stop": ["true"], "status": status}, tmp_path)
    assert kept.states([])["worker"].startswith(state)
    assert kept.states(["worker"]) == {"worker": "started"}


def test_a_stop_by_hand_continues_after_every_failure_and_reports_all(tmp_path, systemd):
    unit(systemd, "stuck.service")
    unit(systemd, "silent.service")
    flag = tmp_path / "gone/maintenance.on"
    kept = maintenance(tmp_path, "stuck", "wroker", "web", "worker", rotation_id="maintenance", flag=str(flag))
    kept.patience = 0.2
    kept.services["silent"] = units.Service("silent", ["true"], ["true"], ["/no/such/program"])
    with pytest.raises(RotationError, match="E_STOP_INCOMPLETE") as raised:
        kept.stop(dry=False)
    told = str(raised.value)
    for found in ("service stuck did not stop", "wroker.service does not exist", "web.socket would start", str(flag)):
        assert found in told
    assert "web, worker was stopped anyway. Still running, or state unknown: stuck, silent." in told
    assert "The stop stays in effect: no rotation starts anything" in told
    assert f"The file {flag} exists" not in told
    assert [order for order in orders(systemd) if "stuck" not in order] == ["stop web.service", "stop worker.service"]
    assert kept.remembered().held
    with expect_error("E_STOP_INCOMPLETE", changed_nothing=True):
        kept.stop(dry=True)


def test_a_stop_by_hand_says_that_the_flag_is_there(tmp_path, systemd):
    unit(systemd, "stuck.service")
    flag = tmp_path / "maintenance.on"
    kept = maintenance(tmp_path, "stuck", rotation_id="maintenance", flag=str(flag), patience=0.2)
    with expect_error(
        "E_STOP_INCOMPLETE", changed=Containing("No other service was stopped", f"{flag} exists", "stays in effect")
    ):
        kept.stop(dry=False)


@pytest.mark.parametrize("damaged", ["[", "", '{"names": 5}'])
def test_a_damaged_memory_holds_up_no_stop_by_hand(tmp_path, systemd, damaged):
    kept = maintenance(tmp_path, "worker", rotation_id="maintenance")
    Path(kept.path).parent.mkdir()
    Path(kept.path).write_text(damaged)
    with pytest.raises(RotationError, match="E_MAINTENANCE_FILE"):
        maintenance(tmp_path, "worker").stop(dry=False)
    assert kept.stop(dry=False) == ["worker"]
    assert (kept.remembered().names, len(kept.warnings)) == (["worker"], 1)


def test_a_stop_by_hand_that_cannot_be_remembered_is_one_that_does_not_hold(tmp_path, systemd):
    kept = maintenance(tmp_path, "worker", rotation_id="maintenance")
    Path(kept.path).mkdir(parents=True)
    with expect_error("E_STOP_INCOMPLETE", changed=Containing("worker was stopped", "not in effect")):
        kept.stop(dry=False)
    assert orders(systemd) == ["stop worker.service"]


def test_that_they_may_continue_is_known_before_the_first_is_started(tmp_path, systemd):
    unit(systemd, "crash.service")
    by_hand = maintenance(tmp_path, "crash", rotation_id="maintenance")
    by_hand.stop(dry=False)
    with pytest.raises(RotationError, match="E_SERVICE_START"):
        by_hand.start(dry=False)
    assert not by_hand.remembered().held


def test_a_flag_alone_is_shown_and_taken_away(tmp_path):
    flag = tmp_path / "maintenance.on"
    kept = maintenance(tmp_path, flag=str(flag))
    assert (kept.stop(dry=False), flag.exists()) == ([], True)
    assert (kept.start(dry=False), flag.exists()) == ([], False)


def job(systemd: Path, monkeypatch: pytest.MonkeyPatch, *, ends: bool) -> None:
    """A unit that is at work, and may end while somebody waits for it."""
    unit(systemd, "job.service", Type="oneshot", ActiveState="activating", Result="success")
    state = "inactive" if ends else "activating"
    clock = SimpleNamespace(sleep=lambda _: unit(systemd, "job.service", ActiveState=state), monotonic=time.monotonic)
    monkeypatch.setattr(units, "time", clock)


def test_a_job_that_is_at_work_is_waited_for_and_not_started_again(tmp_path, systemd, monkeypatch):
    job(systemd, monkeypatch, ends=True)
    kept = maintenance(tmp_path, "web.socket", "job", "worker")
    assert kept.stop(dry=True) == ["web.socket", "worker"]
    assert kept.stop(dry=False) == ["web.socket", "worker"]
    assert units.Unit("job").is_up(unknown=False) is False
    assert kept.start(dry=False) == ["worker", "web.socket"]
    assert not [order for order in orders(systemd) if "job" in order]


def test_a_job_that_does_not_end_is_reported_with_the_option_that_ends_it(tmp_path, systemd, monkeypatch):
    job(systemd, monkeypatch, ends=False)
    with expect_error(
        "E_SERVICE_STOP", name="job", reason=Containing("O(services_jobs)"), changed=Containing("web.socket was")
    ):
        maintenance(tmp_path, "web.socket", "job", patience=0.1).stop(dry=False)
    kept = maintenance(tmp_path, "web.socket", "job", jobs="stop")
    assert kept.stop(dry=False) == ["job"]
    assert kept.start(dry=False) == ["job", "web.socket"]


def test_a_job_that_something_else_has_started_is_not_started_twice(tmp_path, systemd, monkeypatch):
    kept = maintenance(tmp_path, "worker", jobs="stop")
    kept.stop(dry=False)
    unit(systemd, "worker.service", Type="oneshot", ActiveState="activating", Result="success")
    assert kept.start(dry=False) == []
    assert "start worker.service" not in orders(systemd)


def test_what_was_stopped_and_is_not_listed_any_more_is_reported(tmp_path, systemd):
    maintenance(tmp_path, "worker").stop(dry=False)
    with expect_error("E_SERVICE_FORGOTTEN", name="worker"):
        maintenance(tmp_path, "web.socket").start(dry=False)


def test_a_memory_that_is_damaged_is_reported(tmp_path, systemd):
    kept = maintenance(tmp_path, "worker")
    kept.stop(dry=False)
    Path(kept.path).write_text("[")
    with pytest.raises(RotationError, match="E_MAINTENANCE_FILE"):
        kept.start(dry=False)


DAEMON = """
case $1 in
  start) sleep 600 & echo $! > {pid} ;;
  stop) kill $(cat {pid}); while kill -0 $(cat {pid}); do sleep 0.02; done ;;
  status) kill -0 $(cat {pid}) ;;
esac
"""


@pytest.mark.parametrize(("command", "code"), [(["/bin/sh", "-c", "exit 4"], 4), (["/no/such/program"], 127)])
def test_a_status_that_says_nothing_is_no_word_that_it_is_down(command, code):
    entry = {"name": "worker", "start": ["true"], "stop": ["true"], "status": command}
    with expect_error("E_SERVICE_STATUS", name="worker", rc=code):
        service_of(entry).is_up(unknown=False)
    assert service_of({**entry, "status": ["/bin/sh", "-c", "exit 3"]}).is_up(unknown=True) is False


@pytest.mark.parametrize("status", [True, False])
def test_commands_stop_and_start_a_process(tmp_path, daemon, status):
    known = service_of(daemon)
    entry = daemon if status else {**daemon, "status": None}
    kept = of(entry, tmp_path, 5)
    assert kept.stop(dry=False) == ["worker"]
    assert not known.is_up(unknown=True)
    assert kept.stop(dry=False) == []
    assert kept.start(dry=False) == ["worker"]
    assert known.is_up(unknown=False)


def test_a_command_that_never_ends_is_ended(tmp_path, daemon):
    entry = {**daemon, "stop": ["/bin/sleep", "60"]}
    kept = of(entry, tmp_path, 0.3)
    with expect_error("E_SERVICE_STOP", name="worker", reason=Containing("within 0 seconds")):
        kept.stop(dry=False)


def test_a_command_that_is_not_there_any_more_is_reported(tmp_path, daemon):
    entry = {**daemon, "stop": [str(tmp_path / "nothing")]}
    with expect_error("E_STOP_INCOMPLETE", reason=Containing("exit code 127")):
        by_hand(tmp_path, entry, 1).stop(dry=False)


@pytest.mark.parametrize("act", ["stop", "start"])
def test_of_a_whole_line_that_a_hand_cannot_run_no_more_than_its_program_is_reported(tmp_path, daemon, act):
    if act == "start":
        by_hand(tmp_path, daemon).stop(dry=False)
    hand = by_hand(tmp_path, {**daemon, act: ["svc.sh --token CANARY"]}, 1)
    with pytest.raises(RotationError, match=r": svc\.sh ended with exit code 127") as raised:
        getattr(hand, act)(dry=False)
    assert "CANARY" not in str(raised.value)


def test_half_an_entry_is_refused():
    with pytest.raises(RotationError, match="E_OPTION"):
        service_of({"name": "worker", "start": ["true"]})


@pytest.mark.parametrize("word", ["start", "stop", "status"])
@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["/no/such/program"], ("/no/such/program", "is not a program")),
        (["/etc/passwd"], ("/etc/passwd", "is not a program")),
        (["svc.sh stop --token CANARY"], ("svc.sh", "is a whole command line instead of a program")),
    ],
)
def test_a_command_without_a_program_is_reported_before_anything_is_stopped(tmp_path, daemon, word, argv, told):
    entry = {**daemon, word: argv}
    program, fault = told
    with expect_error("E_SERVICE_PROGRAM", name="worker", word=word, program=program, fault=fault) as raised:
        of(entry, tmp_path).stop(dry=True)
    assert "CANARY" not in str(raised.value)
    assert service_of(daemon).is_up(unknown=False)
    if word == "start":  # nothing keeps a hand from stopping it, or data from its way back
        assert by_hand(tmp_path, entry).stop(dry=False) == ["worker"]
        way_back = Maintenance(
            [service_of(entry)], MaintenanceOptions(str(tmp_path / "m"), "first", None, 5, held="accept")
        )
        assert way_back.stop(dry=False) == []


def test_no_time_to_stop_and_start_is_refused_before_anything_is_stopped(tmp_path, daemon):
    with expect_error("E_OPTION", option="services_timeout", fault="is 0"):
        of(daemon, tmp_path, patience=0).stop(dry=True)
    assert service_of(daemon).is_up(unknown=False)
    way_back = Maintenance(
        [service_of(daemon)], MaintenanceOptions(str(tmp_path / "m"), "first", None, 0, held="accept")
    )
    assert way_back.stop(dry=True) == ["worker"]


def test_two_services_of_one_name_are_refused():
    entries = [{"name": "web", "start": ["true"], "stop": ["true"]}, {"name": "web"}, {"name": "worker"}]
    _, (wrong,) = services_of(entries)
    assert re.match(r"E_OPTION: key_rotation_services has more than one .* the name web\.", str(wrong))
    services, none = services_of(entries[1:])
    assert ([service.name for service in services], none) == (["web", "worker"], [])


def test_a_wrong_entry_keeps_no_stop_by_hand_from_the_others(tmp_path, daemon):
    half = {"name": "half", "stop": ["touch", str(tmp_path / "stopped")]}
    entries = [half, {"name": "lone", "start": ["true"]}, daemon, {**daemon, "stop": ["false"]}]
    offered, wrong = services_of(entries)
    hand = Maintenance(offered, MaintenanceOptions(str(tmp_path / "memory.json"), "maintenance", None, 5), wrong)
    with expect_error("E_STOP_INCOMPLETE", reason=Containing("only one of start and stop for half")) as raised:
        hand.stop(dry=False)
    for told in ("only one of start and stop for lone", "more than one entry with the name worker", "half, worker was"):
        assert told in str(raised.value)
    assert (tmp_path / "stopped").exists()
    assert not service_of(daemon).is_up(unknown=False)


def test_entries_of_one_name_are_all_stopped_by_hand_and_what_nothing_can_stop_is_called_up(tmp_path, daemon):
    other = tmp_path / "other"
    other.touch()
    second = {"name": "worker", "start": ["true"], "stop": ["rm", str(other)], "status": ["test", "-e", str(other)]}
    lone = {"name": "lone", "start": ["true"], "status": ["true"]}
    mute = tmp_path / "mute"
    mute.touch()
    third = {"name": "worker", "start": ["true"], "stop": ["rm", str(mute)], "status": ["/nowhere/status"]}
    rest = {**lone, "name": "rest", "status": ["false"]}
    offered, wrong = services_of([daemon, second, third, daemon, lone, rest])
    hand = Maintenance(offered, MaintenanceOptions(str(tmp_path / "memory.json"), "maintenance", None, 5), wrong)
    with pytest.raises(RotationError, match=r"Still running, or state unknown: .*lone"):
        hand.stop(dry=False)
    assert not service_of(daemon).is_up(unknown=False)
    assert not other.exists()
    assert not mute.exists(), "what cannot tell is stopped"


@pytest.mark.parametrize("order", [1, -1])
def test_of_entries_of_one_name_every_failed_stop_is_reported(tmp_path, daemon, order):
    mute = {"name": "worker", "start": ["true"], "stop": ["true"], "status": ["/nowhere/status"]}
    stays = {**mute, "stop": ["sh", "-c", "exit 7"], "status": ["true"]}
    offered, _ = services_of([mute, stays][::order])
    reasons = ("sh ended with exit code 7", "the status command of service worker")
    with expect_error("E_SERVICE_STOP", name="worker", reason=Containing(*reasons)):
        units.stop(offered[0], 1)


def test_a_start_by_hand_that_waited_holds_what_was_stopped_meanwhile(tmp_path, daemon, monkeypatch):
    by_hand(tmp_path, daemon).stop(dry=False)
    late = by_hand(tmp_path, daemon)

    def waits(*words):
        late._remember(replace(late.remembered(), held="2030-01-01T00:00:00Z"))

    monkeypatch.setattr(late, "_outlast", waits)
    with pytest.raises(RotationError, match="E_SERVICE_HELD"):
        late.start(dry=False)
    assert late.remembered().held == "2030-01-01T00:00:00Z"
    assert not service_of(daemon).is_up(unknown=False)


def while_asked(monkeypatch: pytest.MonkeyPatch, kept: Maintenance, act: Callable[[], object]) -> None:
    """Have that happen once, while a run asks each of its services whether it is up."""
    *_, last = kept.services.values()
    plain, done = type(last)._property, []

    def asked(unit: units.Unit, name: str) -> str:
        if unit is last and name == "ActiveState" and not done:
            done.append(act)
            act()
        return plain(unit, name)

    monkeypatch.setattr(type(last), "_property", asked)


def test_what_a_rotation_stops_while_a_stop_by_hand_asks_is_started_by_hand(tmp_path, systemd, monkeypatch):
    hand = maintenance(tmp_path, "web", "worker", "web.socket", rotation_id="maintenance")
    rotation = maintenance(tmp_path, "web", "worker", "web.socket", held="accept")
    while_asked(monkeypatch, hand, lambda: rotation.stop(dry=False))
    hand.stop(dry=False)
    assert hand.remembered().held
    assert hand.start(dry=False) == ["web.socket", "worker", "web"], "all, where none was remembered"
    assert hand.remembered().rotation_id == "first"


def test_a_stop_by_hand_while_a_rotation_asks_holds(tmp_path, systemd, monkeypatch):
    hand = maintenance(tmp_path, "worker", rotation_id="maintenance")
    rotation = maintenance(tmp_path, "worker")
    while_asked(monkeypatch, rotation, lambda: hand.stop(dry=False))
    with expect_error("E_SERVICE_HELD", changed_nothing=True):
        rotation.stop(dry=False)
    assert hand.remembered().held
    assert hand.start(dry=False) == ["worker"]


def test_a_stop_by_hand_while_a_start_by_hand_asks_holds(tmp_path, systemd, monkeypatch):
    late, hand = (maintenance(tmp_path, "worker", rotation_id="maintenance") for _ in range(2))
    hand.stop(dry=False)
    hand._remember(replace(hand.remembered(), held="long ago"))
    while_asked(monkeypatch, late, lambda: hand.stop(dry=False))
    with pytest.raises(RotationError, match="E_SERVICE_HELD"):
        late.start(dry=False)
    assert orders(systemd) == ["stop worker.service"]
    assert hand.remembered().held not in ("", "long ago")


def test_a_start_whose_flag_stays_says_what_it_has_started(tmp_path, systemd):
    flag = tmp_path / "flag"
    kept = maintenance(tmp_path, "web.socket", "web", flag=str(flag))
    kept.stop(dry=False)
    flag.unlink()
    flag.mkdir()
    with expect_error("E_MAINTENANCE_FILE", path=str(flag), changed=Containing("web, web.socket")):
        kept.start(dry=False)
    with expect_error("E_MAINTENANCE_FILE", path=str(flag), changed=Containing("No service")):
        kept.start(dry=False)


def test_a_stop_by_hand_stops_again_what_no_status_shows(tmp_path, daemon):
    hand = by_hand(tmp_path, {**daemon, "status": None})
    assert hand.stop(dry=False) == ["worker"]
    assert child_processes.run_command(daemon["start"], 5) == 0, "somebody starts it"
    assert hand.stop(dry=False) == ["worker"]
    assert not service_of(daemon).is_up(unknown=True)


def test_nothing_that_a_command_prints_is_shown(capfd):
    assert (
        child_processes.run_command([sys.executable, "-c", "import sys; print('CANARY'); sys.exit('CANARY')"], 5) == 1
    )
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("groups", ["", "set -m; "])
def test_what_a_command_has_started_ends_with_it_when_its_time_is_over(tmp_path, groups):
    pid = tmp_path / "pid"
    command = ["bash", "-c", f"{groups}sleep 600 & echo $! > {pid}; wait"]
    assert child_processes.run_command(command, 0.5) == child_processes.TIMED_OUT
    end = time.monotonic() + 5
    while alive(pid.read_text().strip()):
        assert time.monotonic() < end


def alive(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


KILLED = """
import sys
from ansible_collections.tetech.key_rotation.plugins.module_utils._services.listed_services import service_of
from ansible_collections.tetech.key_rotation.plugins.module_utils._services.maintenance import (
    Maintenance,
    MaintenanceOptions,
)

entry, memory, rotation_id, act = {entry}, {memory!r}, {rotation_id!r}, {act!r}
getattr(Maintenance([service_of(entry)], MaintenanceOptions(memory, rotation_id, None, 60, settle=0)), act)(dry=False)
"""


def killed(tmp_path: Path, entry: dict[str, object], rotation_id: str, act: str, *, whole: bool = True) -> None:
    """A run that is killed while its command is at work; or one whose process lives on, as over SSH."""
    memory = str(tmp_path / "state/memory.json")
    code = KILLED.format(entry=entry, memory=memory, rotation_id=rotation_id, act=act)
    run = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    end = time.monotonic() + 20
    while not (tmp_path / "at work").exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    if whole:
        run.kill()
        run.wait()


def slow(tmp_path: Path, daemon: dict[str, list[str]], word: str, seconds: str = "1") -> dict[str, object]:
    """The same daemon with one command that takes its time before it does anything."""
    shell = f'touch "{tmp_path}/at work"; sleep {seconds}; exec "$@"'
    return {**daemon, word: ["/bin/sh", "-c", shell, "slow", *daemon[word]]}


def by_hand(tmp_path: Path, entry: dict[str, object], patience: float = 20) -> Maintenance:
    memory = str(tmp_path / "state/memory.json")
    return Maintenance([service_of(entry)], MaintenanceOptions(memory, "maintenance", None, patience, settle=0))


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("rotation_id", ["first", "maintenance"])
def test_a_start_waits_for_the_stop_of_a_run_that_was_killed(tmp_path, daemon, rotation_id, whole):
    killed(tmp_path, slow(tmp_path, daemon, "stop"), rotation_id, "stop", whole=whole)
    hand = by_hand(tmp_path, daemon)
    assert hand.start(dry=False) == ["worker"]
    assert hand.warnings == ["A stop by an earlier run was still running; this run waited for it."]
    assert service_of(daemon).is_up(unknown=False)


def test_a_stop_waits_for_the_start_of_a_run_that_was_killed(tmp_path, daemon):
    before = by_hand(tmp_path, daemon)
    before.stop(dry=False)
    os.unlink(before.notes["stop"])  # the process of this test is the run that has stopped it, and lives on
    killed(tmp_path, slow(tmp_path, daemon, "start"), "maintenance", "start")
    assert by_hand(tmp_path, daemon).stop(dry=False) == ["worker"]
    assert not service_of(daemon).is_up(unknown=True)


def test_a_stop_by_hand_stops_the_others_before_it_waits_for_a_start(tmp_path, daemon):
    """Nothing stays up in an emergency because something else takes long to come up."""
    before = by_hand(tmp_path, daemon)
    before.stop(dry=False)
    os.unlink(before.notes["stop"])
    killed(tmp_path, slow(tmp_path, daemon, "start", "5"), "maintenance", "start")
    gone = tmp_path / "other is down"
    other = {"name": "other", "start": ["true"], "stop": ["touch", str(gone)], "status": ["test", "!", "-e", str(gone)]}
    hand = by_hand(tmp_path, daemon)
    hand.services["other"] = service_of(other)
    assert hand.stop(dry=False) == ["worker", "other"]
    assert not service_of(daemon).is_up(unknown=True)
    assert gone.stat().st_mtime < (tmp_path / "pid").stat().st_mtime, "which the start writes in the end"
    assert hand.start(dry=True) == ["other", "worker"]


def test_a_stop_by_hand_outlasts_a_start_by_hand_that_is_at_work(tmp_path, daemon):
    """The start, which has let all go on when it began, goes no further, and forgets nothing of what is stopped."""
    before = by_hand(tmp_path, daemon)
    before.stop(dry=False)
    os.unlink(before.notes["stop"])
    killed(tmp_path, slow(tmp_path, daemon, "start"), "maintenance", "start", whole=False)
    assert by_hand(tmp_path, daemon).stop(dry=False) == ["worker"]
    assert not service_of(daemon).is_up(unknown=True)
    with pytest.raises(RotationError, match="E_SERVICE_HELD"):
        of_state(tmp_path, daemon).start(dry=False)
    os.unlink(before.notes["stop"])
    assert by_hand(tmp_path, daemon).start(dry=False) == ["worker"]


def of_state(tmp_path: Path, entry: dict[str, object]) -> Maintenance:
    """A rotation's, with the memory of what is done by hand."""
    return Maintenance(
        [service_of(entry)], MaintenanceOptions(str(tmp_path / "state/memory.json"), "first", None, 20, settle=0)
    )


def test_what_an_earlier_run_has_left_is_ended_as_that_run_would_have(tmp_path, daemon):
    killed(tmp_path, slow(tmp_path, daemon, "stop", "600"), "first", "stop")
    hand = by_hand(tmp_path, daemon, patience=0.3)
    assert hand.start(dry=False) == []
    assert (len(hand.warnings), child_processes.find_running(hand.notes["stop"])) == (1, {})
    assert service_of(daemon).is_up(unknown=False)


def test_a_run_that_keeps_running_is_reported_by_its_process(tmp_path, daemon):
    hand = by_hand(tmp_path, daemon)
    hand.stop(dry=False)
    hand.patience = 0.2
    with subprocess.Popen(["sleep", "600"]) as other:
        Path(hand.notes["start"]).write_text(f"run {other.pid} {child_processes._start_ticks(other.pid)}\n")
        with expect_error("E_SERVICE_AT_WORK", word="start", pids=str(other.pid)):
            hand.start(dry=False)
        with expect_error("E_STOP_INCOMPLETE", reason=Containing("a start of services", str(other.pid))):
            hand.stop(dry=False)
        Path(hand.notes["start"]).write_text(f"run {other.pid} 1\n")
        hand.patience = 20
        assert hand.start(dry=False) == ["worker"], "another process of the same number is none of ours"
        other.kill()


def test_a_command_at_work_is_waited_for_though_others_were_run_after_it(tmp_path):
    """A stop that the next run finds no use for, since its service is down, may end long after that run's own."""
    note = str(tmp_path / "note")
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as earlier:
        Path(note).write_text(f"command {earlier.pid} {child_processes._start_ticks(earlier.pid)}\n")
        assert [child_processes.run_command(["true"], 5, note=note) for _ in range(2)] == [0, 0]
        assert child_processes.find_running(note) == {earlier.pid: "command"}
        assert child_processes.outlast(note, 0.2) == {}
        assert earlier.wait(5) < 0


def test_a_unit_that_is_being_stopped_is_started(tmp_path, systemd):
    kept = maintenance(tmp_path, "worker")
    kept.stop(dry=False)
    unit(systemd, "worker.service", ActiveState="deactivating")
    assert kept.start(dry=False) == ["worker"]


def test_changed_unit_files_are_read_before_a_start(systemd):
    """A drop-in with keys is without effect until then."""
    units.start(units.Unit("web"), 5)
    assert orders(systemd) == ["start web.service"]
    unit(systemd, "web.service", NeedDaemonReload="yes")
    units.start(units.Unit("web"), 5)
    assert orders(systemd)[1:] == ["daemon-reload", "start web.service"]
    program = systemd.parent / "bin/systemctl"
    program.write_text(program.read_text().replace("  stop)", "  daemon-reload) exit 1 ;;\n  stop)"))
    with expect_error("E_SERVICE_START", name="web", reason=Containing("daemon-reload")):
        units.start(units.Unit("web"), 5)
    assert orders(systemd)[-1] == "daemon-reload", "it is not started with the previous keys"
