# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The application as services: it is stopped for the rotation, started after it, and taken back when it is not well."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from typing import Any

import pytest

from .conftest import Site, kill_group, until
from .served import Served


def events(site: Site, name: str) -> list[dict[str, Any]]:
    """What the newest record says of one module's acts."""
    (path,) = (site.folder / "records").glob("*/record.jsonl")
    return [event for event in map(json.loads, path.open()) if event["event"] == name and event["phase"] != "intent"]


@pytest.fixture
def stop_all(site: Site) -> Callable[..., Any]:
    flag = site.folder / "maintenance.on"
    return lambda *options: (site.play("maintenance", "-e", f"key_rotation_maintenance_file={flag}", *options), flag)


@pytest.mark.thorough
def test_a_run_that_was_killed_has_its_services_started_by_the_next(site: Site, served: Served) -> None:
    before = served.reads()
    served.order("stop", "web")
    with site.connection() as connection, connection.cursor() as cursor:
        cursor.execute("SET application_name = 'metrics'; SELECT 1")  # the run waits for this session
        process = site.start("rotate", "-e", '{"key_rotation_accept": ["health"]}')
        until(lambda: not served.up(), process)
        kill_group(process)
        log = site.folder / "application.log"
        log.write_text("decrypt_failed of yesterday\n")
        options = {
            "key_rotation_sessions_allowed": ["metrics"],
            "key_rotation_health_url": "",
            "key_rotation_log_files": [str(log)],
            "key_rotation_verification_commands": [["sh", "-c", f"echo InvalidToken CANARY >> {log}"]],
        }

        outcome = site.play("rotate", "-e", json.dumps(options))

    assert outcome.code == 0, outcome.text
    shown = " ".join(outcome.text.split())
    assert f"1 line about failed decryption was logged since the application was started: {log}: 1" in shown
    assert outcome.text.count("CANARY") == 0
    assert served.up() == ["worker"], "what was down before stays down"
    served.order("start", "web")
    served.wait()
    assert served.reads() == before
    ended = [(event["asked"]["state"], event["services"]) for event in events(site, "application_services")]
    assert ended[-2:] == [("stopped", []), ("started", ["worker"])]


@pytest.mark.thorough  # the story rollback
def test_a_health_check_that_fails_after_the_switch_takes_everything_back(site: Site, served: Served) -> None:
    before, env = served.reads(), site.env_file.read_bytes()
    # an application that starts under new keys, and then answers nobody
    settings = site.project / "food_ordering/settings.py"
    old = site.env_values()["SECRET_KEY"]
    with settings.open("a") as handle:
        handle.write(f'\nif SECRET_KEY != "{old}":\n    ALLOWED_HOSTS = ["nowhere.example"]\n')
    options = ("-e", "key_rotation_health_timeout=20")

    outcome = site.play("rotate", *options)

    assert outcome.code != 0
    assert "E_HEALTH: " in outcome.text  # the checklist names another error before, in an advice
    assert "Nothing was changed" not in outcome.text
    assert "was rolled back" in " ".join(outcome.text.split()), outcome.text
    assert site.env_file.read_bytes() == env
    assert served.up() == ["web", "worker"]
    assert served.reads() == before, "healthy under the old keys"
    assert [event["asked"]["state"] for event in events(site, "application_services")] == ["stopped", "started"] * 2


def test_decryption_errors_that_the_started_application_logs_roll_it_back(site: Site, served: Served) -> None:
    before, env, log = served.reads(), site.env_file.read_bytes(), site.folder / "application.log"
    log.touch()
    settings = site.project / "food_ordering/settings.py"
    old = site.env_values()["SECRET_KEY"]
    with settings.open("a") as handle:
        handle.write(f'\nif SECRET_KEY != "{old}":\n    open({str(log)!r}, "a").write("ERROR Decryption failed\\n")\n')
    wanted = {"key_rotation_log_files": [str(log)], "key_rotation_verification_log_errors": "refuse"}

    outcome = site.play("rotate", "-e", json.dumps(wanted))

    assert outcome.code != 0
    assert "E_LOG_ERRORS: " in outcome.text, outcome.text
    assert (site.env_file.read_bytes(), served.reads()) == (env, before)


@pytest.mark.thorough
def test_if_nothing_starts_under_any_keys_each_end_names_what_starts_it(site: Site, served: Served) -> None:
    before = served.reads()
    broken = [{**entry, "start": ["sh", "-c", "exit 1"]} for entry in served.entries()]
    off = "start the stopped services with the maintenance playbook and -e key_rotation_maintenance=off"

    failed = site.play("rotate", "-e", json.dumps({"key_rotation_services": broken}))
    back = site.play("rollback")

    assert (failed.code != 0, served.up()) == (True, [])
    assert "There is nothing more to roll back" in " ".join(failed.text.split()), failed.text
    assert off in " ".join(failed.text.split())
    assert (back.code != 0, back.error()) == (True, "E_NOTHING_TO_ROLL_BACK")
    assert "run the maintenance playbook with -e key_rotation_maintenance=off" in " ".join(back.text.split())
    started = site.play("maintenance", "-e", "key_rotation_maintenance=off")
    assert started.code == 0, started.text
    assert served.up() == ["web", "worker"]
    served.wait()
    assert served.reads() == before


def test_services_of_another_host_are_stopped_and_started_there(site: Site, served: Served) -> None:
    """As those of an application host that is a container."""
    python, calls = site.folder / "containers-python", site.folder / "calls"
    python.write_text(f'#!/bin/sh\necho called >> {calls}\nexec {sys.executable} "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    hosts = json.loads(site.inventory.read_text(encoding="utf-8"))
    hosts["application"]["vars"]["key_rotation_services_host"] = "containers"
    machine = {"ansible_connection": "local", "ansible_python_interpreter": str(python)}
    hosts["machines"] = {"hosts": {"containers": machine}}
    site.inventory.write_text(json.dumps(hosts), encoding="utf-8")
    remembered = site.folder / ".local/state/key_rotation"

    stopped = site.play("maintenance")
    assert (stopped.code, served.up()) == (0, []), stopped.text
    stopped_calls = calls.read_text().count("called")
    assert [*remembered.glob("maintenance*@app.json")], "several application hosts may name one host"
    started = site.play("maintenance", "-e", "key_rotation_maintenance=off")

    assert (started.code, served.up()) == (0, ["web", "worker"]), started.text
    assert calls.read_text().count("called") > stopped_calls > 0


THROTTLE, COMMANDS, PATTERNS = (
    f"key_rotation_{name}" for name in ("throttle", "verification_commands", "log_patterns")
)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        pytest.param({THROTTLE: {"sleep_ratio": 3}}, "sleep_ratio", marks=pytest.mark.thorough),
        pytest.param({THROTTLE: {"ratio": -1}}, "ratio", marks=pytest.mark.thorough),
        pytest.param({THROTTLE: {"batch_seconds": "fast"}}, "batch_seconds", marks=pytest.mark.thorough),
        pytest.param(
            {"key_rotation_test_record": {"create": ["true"]}},
            "key_rotation_test_record.remove",
            marks=pytest.mark.thorough,
        ),
        ({"key_rotation_application_rows": -1}, "is negative. Nothing was changed. Set it to the number of rows"),
        pytest.param(
            {"key_rotation_verification_timeout": 0},
            "is not positive. Nothing was changed. Set it to a number of seconds",
            marks=pytest.mark.thorough,
        ),
        pytest.param({COMMANDS: [[]]}, "[0] is not a list of words", marks=pytest.mark.thorough),
        pytest.param({PATTERNS: ["["]}, "[0] is not a regular expression", marks=pytest.mark.thorough),
    ],
)
def test_an_option_that_is_wrong_stops_no_service_and_makes_no_key(site: Site, served: Served, wrong, told) -> None:
    site.write_inventory(key_rotation_services=served.entries(), **wrong)
    outcome = site.play("rotate")
    assert outcome.code != 0
    assert told in " ".join(outcome.text.split())
    assert served.up() == list(served.commands)
    assert not site.store.exists()
    assert not (site.folder / "backups").exists()


@pytest.mark.parametrize("mode", ["window", pytest.param("prepared", marks=pytest.mark.thorough)])
def test_whoever_stays_connected_is_named_and_the_services_are_started_again(
    site: Site, served: Served, mode: str
) -> None:
    before = site.tokens()
    with site.connection() as connection, connection.cursor() as cursor:
        cursor.execute("SET application_name = 'nightly report'; SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()

        outcome = site.play("rotate", "-e", f"key_rotation_sessions_timeout=1 key_rotation_mode={mode}")

        assert outcome.code != 0, outcome.text
        text = " ".join(outcome.text.split())
        assert "failed E_SESSIONS: 1 database session of the application is still open" in text, text
        client = "a client on the database's own host (application_name nightly report, role postgres)"
        state = "idle in transaction, connected since [-0-9: ]+UTC"
        assert re.search(rf"{re.escape(client)}, {state}, backend {pid}", text), text
        assert site.tokens() == before
        assert served.up() == ["web", "worker"]


@pytest.mark.thorough
def test_all_operations_are_stopped_by_one_command_and_started_by_another(site: Site, served: Served, stop_all) -> None:
    looked = site.play("rotate", "--check")
    assert looked.code == 0, looked.text
    assert "would stop web, worker\n" in looked.text
    assert re.search(r"would wait for a client on the database's own host \(.*\), idle, connected since 2", looked.text)
    assert served.up() == ["web", "worker"], "a dry run stops nothing"

    stopped, flag = stop_all()
    assert stopped.code == 0, stopped.text
    assert (served.up(), flag.exists()) == ([], True)
    again, _ = stop_all()
    assert (again.code, "changed=0" in again.text) == (0, True)
    held = site.play("rotate", "--check", "-e", '{"key_rotation_accept": ["health"]}')
    assert held.code != 0
    assert re.search(
        r"STOP services +E_SERVICE_HELD.* E_CHECKLIST: 1 of \d+ checks stop the rotation: services\.",
        " ".join(held.text.split()),
    ), held.text
    assert not site.store.exists()
    started, _ = stop_all("-e", "key_rotation_maintenance=off")
    assert started.code == 0, started.text
    assert (served.up(), flag.exists()) == (["web", "worker"], False)
    assert [event["services"] for event in events(site, "application_services")] == [
        ["web", "worker"],
        [],
        ["worker", "web"],
    ]


@pytest.mark.thorough
def test_a_rotation_that_runs_when_all_is_stopped_by_hand_starts_nothing(site: Site, served: Served, stop_all) -> None:
    before, pause = served.reads(), site.folder / "pause"
    pause.touch()
    running = site.start("rotate", "-e", json.dumps({"key_rotation_throttle": {"pause_file": str(pause)}}))
    while "django_reencrypt" not in "".join(path.read_text() for path in site.folder.glob("records/*/record.jsonl")):
        assert running.poll() is None

    stopped, flag = stop_all()

    assert stopped.code == 0, stopped.text
    pause.unlink()
    text, _ = running.communicate(timeout=300)
    assert running.returncode != 0
    assert "E_SERVICE_HELD" in text
    assert "was rolled back" not in " ".join(text.split())
    assert (served.up(), flag.exists()) == ([], True)

    started, _ = stop_all("-e", "key_rotation_maintenance=off")

    assert started.code == 0, started.text
    assert served.reads() == before, "under the new keys"
    assert site.play("rotate").code == 0
    assert (served.up(), flag.exists()) == (["web", "worker"], False)
