# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""monitor.yml on the real application: one bad value among many, a worker under old keys, a key that is due."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres import locks
from ansible_collections.tetech.key_rotation.plugins.module_utils._monitoring import active_run
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.run_lease import describe_holder
from ansible_collections.tetech.key_rotation.plugins.module_utils._system.timestamps import now
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._control_node.monitor_zipapp import (
    program as made_program,
)
from cryptography.fernet import Fernet

from .conftest import ENCRYPTED, PLAYBOOKS, Outcome, Site

ROWS = 100_000
FILL = """
INSERT INTO auth_user (username, password, is_superuser, is_staff, is_active, first_name, last_name, email, date_joined)
SELECT 'many' || n, '', false, false, true, '', '', '', now() FROM generate_series(1, %s) n;
INSERT INTO customer_userprofile (user_id, _full_name_encrypted, _phone_number_encrypted, _address_encrypted, {rest})
SELECT u.id, p._full_name_encrypted, p._phone_number_encrypted, p._address_encrypted, {rest_of_p}
FROM auth_user u CROSS JOIN (SELECT * FROM customer_userprofile WHERE {whole} LIMIT 1) p
WHERE u.username LIKE 'many%%';
"""
# A profile whose three fields all hold a value: which ones do is by chance.
WHOLE = " AND ".join(f"{name} > ''" for name in ENCRYPTED["customer_userprofile"])


def fill(site: Site, rows: int) -> None:
    """That many more profiles, their tokens all the same."""
    named = "SELECT column_name FROM information_schema.columns WHERE table_name = 'customer_userprofile'"
    rest = [str(name) for (name,) in site.sql(named) if name not in ("id", "user_id") and "_encrypted" not in str(name)]
    statement = FILL.format(rest=", ".join(rest), rest_of_p=", ".join(f"p.{name}" for name in rest), whole=WHOLE)
    site.sql(statement, (rows,))


def options(site: Site, **more: object) -> tuple[str, str]:
    """Everything that is written goes below the site; nothing rests, so that the test is fast."""
    ours = {"dir": str(site.folder / "monitoring"), "throttle": {"ratio": 0.0}, "tries": 3}
    settings = {f"key_rotation_monitoring_{name}": value for name, value in ours.items()}
    return "-e", json.dumps({**settings, **more})


def snapshot(site: Site) -> dict[str, Any]:
    (path,) = site.folder.glob(".key_rotation/*/monitoring/app.json")
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture
def serve(site: Site) -> Iterator[Callable[[], str]]:
    """Start the application's own server; its address. A second call stops the first one."""
    running: list[subprocess.Popen[bytes]] = []
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"

    def stop() -> None:
        for process in running:
            process.kill()
            process.wait()
        running.clear()

    def start() -> str:
        stop()
        argv = [str(site.project / ".venv/bin/python"), "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"]
        clean = {"PATH": os.environ["PATH"]}
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        running.append(subprocess.Popen(argv, cwd=site.project, env=clean, **quiet))
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and running[0].poll() is None:
            with suppress(OSError), urllib.request.urlopen(f"{address}/health/") as answer:
                assert answer.status == 200
                return address
            time.sleep(0.1)
        pytest.fail("the application's server does not answer")

    yield start
    stop()


def test_one_bad_value_among_many_is_named_by_table_and_primary_key(site: Site) -> None:
    fill(site, ROWS)
    metrics = site.folder / "key_rotation.prom"
    asked = options(site, key_rotation_monitoring_metrics_file=str(metrics))
    ((pk, token),) = site.sql(
        "SELECT id, _phone_number_encrypted FROM customer_userprofile ORDER BY id OFFSET 77777 LIMIT 1"
    )
    flipped = str(token)[:60] + ("A" if str(token)[60] != "A" else "B") + str(token)[61:]
    site.sql("UPDATE customer_userprofile SET _phone_number_encrypted = %s WHERE id = %s", (flipped, pk))
    with_two_that_show_nothing(site)

    outcome = site.play("monitor", *asked)

    assert outcome.code != 0
    text = " ".join(outcome.text.split())
    assert f"E_UNREADABLE: no known key decrypts 1 value: customer_userprofile._phone_number_encrypted:{pk}" in text
    inventory = os.path.relpath(site.inventory, PLAYBOOKS)
    assert f"then run ansible-playbook rollback.yml -i {inventory} -e key_rotation_prefer=repair" in text
    assert flipped not in outcome.text
    assert re.search(r"\n  gone +NOT REACHED  ", outcome.text)
    assert re.search(r"\n  app +1 finding +99\.999\d+ %  ", outcome.text), "another host tries every value"
    assert re.search(r"\n  broken +NOT CHECKED  ", outcome.text)
    assert "WRONG on gone: E_MONITOR_HOST: gone cannot be reached (Failed to connect to the host via ssh)" in text
    assert "WRONG on broken: E_HOST_PYTHON: there is no Python at /nowhere/python" in text
    for host in ("gone", "app", "broken"):
        assert re.search(rf"\n{host} +: .* failed=1 ", outcome.text), host
    seen = snapshot(site)
    assert seen["census"]["values"] - seen["census"]["current"] == 1
    assert seen["census"]["values"] > 3 * ROWS
    written = metrics.read_text(encoding="utf-8")
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=written, capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    labels = f'project="{site.project}",column="customer_userprofile._phone_number_encrypted"'
    assert f'key_rotation_values{{{labels},class="unreadable"}} 1\n' in written
    assert re.search(r"key_rotation_decryption_success_ratio\S+ 0\.99999\d+\n", written)


def with_two_that_show_nothing(site: Site) -> None:
    """A host before the application's that is gone, and one after it without the application's Python."""
    ssh = site.folder / "ssh"
    ssh.write_text("#!/bin/sh\nexit 255\n")
    ssh.chmod(0o755)
    inventory = json.loads(site.inventory.read_text())
    hosts = inventory["application"]["hosts"]
    broken = {"ansible_connection": "local", "key_rotation_python": "/nowhere/python"}
    inventory["application"]["hosts"] = {"gone": {"ansible_ssh_executable": str(ssh)}, **hosts, "broken": broken}
    site.inventory.write_text(json.dumps(inventory))


@pytest.mark.thorough
def test_a_server_that_was_not_restarted_shows_in_its_log(site: Site, serve: Callable[[], str]) -> None:
    address, log = serve(), site.project / "logs/security.log"
    ((pk,),) = site.sql(f"SELECT min(id) FROM customer_userprofile WHERE {WHOLE}")
    asked = options(site, key_rotation_health_url=f"{address}/health/")

    rotated = site.play("rotate", *asked)

    assert rotated.code == 0, rotated.text
    before, after = snapshots(site)
    (timed,) = before["response"]
    assert (timed["what"], timed["errors"], timed["baseline"]) == (f"{address}/health/", 0, None)
    assert after["response"][0]["baseline"] == timed["seconds"]
    for _ in range(2):
        urllib.request.urlopen(f"{address}/profiles/{pk}/").close()  # three fields, read with the old keys
    log.rename(f"{log}.1")  # as logrotate does
    log.touch()

    stale = site.play("monitor", *asked)

    assert stale.code != 0
    text = " ".join(stale.text.split())
    unwrapped = "".join(stale.text.split())  # a long path is wrapped at its hyphens
    assert re.search(rf"E_MONITOR_LOG_ERRORS:{log}\S*?:6linesreportfaileddecryptionsincethefirstlook\(6Dec", unwrapped)
    assert "the current keys decrypt 100.00 % of the values" in text
    assert re.search(r"decryption: \S+ ms per value by the engine, .* from before rotation \S+, ratio", text)
    assert re.search(r"retire +[0-9a-f]{16} \(previous\): not yet, it is held until 20", text)
    log.with_name("security.log.1").unlink()
    serve()
    urllib.request.urlopen(f"{address}/profiles/{pk}/").close()
    over = {"key_rotation_health_url": f"{address}/health/", "key_rotation_hold_days": 0}
    over["key_rotation_monitoring_slower"] = 1000  # of a first answer it is no measure
    held = site.files()
    (site.folder / "none").mkdir()
    asked = options(site, **over, key_rotation_backup_dir=str(site.folder / "none"))

    dry = site.play("monitor", "--check", *asked)

    assert dry.code == 0, dry.text
    assert site.files() == held, "a dry run remembers nothing"
    text = " ".join(dry.text.split())
    assert ": no findings" in text
    previous = site.stored()["stages"]["previous"]
    inventory = os.path.relpath(site.inventory, PLAYBOOKS)
    assert f"{previous} (previous) can be retired, nothing needs it (no backup was found): " in text
    assert f"ansible-playbook retire.yml -i {inventory}" in text


@pytest.mark.thorough
def test_the_program_of_the_timer_needs_the_env_file_alone(site: Site) -> None:
    metrics, program, configuration = (site.folder / name for name in ("k.prom", "monitor.pyz", "monitor.json"))
    program.write_bytes(made_program())
    asked = {"project_dir": str(site.project), "settings_module": None, "environment_from": [],
             "schemes": "auto", "targets": "auto", "leave_alone": [], "settlements": {}, "ignore": [], "direct": {},
             "env_file": str(site.env_file), "dialect": "dotenv",
             "keys": [{"name": "SECRET_KEY"}, {"name": "ENCRYPTION_SALT"}], "census": True, "throttle": {"ratio": 1.0},
             "urls": [], "host": None, "tries": 3, "slower": 2.0, "success": 1.0, "log_errors": 0, "log_files": [],
             "usual_log_files": [], "headers": {}, "ca_file": None, "answer_timeout": 10,
             "log_units": [], "log_patterns": ["InvalidToken"],
             "memory_dir": str(site.folder / "memory"), "metrics_file": str(metrics)}  # fmt: skip
    configuration.write_text(json.dumps(asked), encoding="utf-8")

    def look() -> Outcome:
        """As the unit does: the application's Python, and nothing in the environment."""
        argv = [str(site.project / ".venv/bin/python"), str(program), str(configuration)]
        done = subprocess.run(argv, env={}, cwd="/", capture_output=True, text=True, check=False)
        return Outcome(done.returncode, done.stdout + done.stderr)

    well = look()
    assert well.code == 0, well.text
    assert "the current keys decrypt 100.00 % of the values" in well.text
    site.sql(
        "UPDATE restaurant_restaurant SET _email_encrypted = overlay(_email_encrypted placing 'X' from 9) WHERE id = 3"
    )
    wrong = look()
    # Another key may open it: to restore or delete it is no advice of who has the current keys alone.
    assert (wrong.code, wrong.error()) == (1, "E_NOT_CURRENT")
    assert "delete" not in wrong.text
    assert "restaurant_restaurant._email_encrypted:3" in wrong.text
    numbers = metrics.read_text(encoding="utf-8")
    assert f'key_rotation_monitoring_findings{{project="{site.project}"}} 1\n' in numbers
    assert 'column="restaurant_restaurant._email_encrypted",class="not_current"} 1\n' in numbers
    assert 'class="unreadable"' not in numbers
    # A column in which nothing opens counts too, and is left alone once its loss is accepted.
    (opening,) = re.findall(r"current keys: ([\d,]+) of", wrong.text)
    sealed = Fernet(Fernet.generate_key())
    site.sql("CREATE TABLE lost (id int PRIMARY KEY, a text)")
    site.sql("INSERT INTO lost VALUES (1, %s), (2, %s)", tuple(sealed.encrypt(b"x").decode() for _ in range(2)))
    gone = look()
    total = int(opening.replace(",", "")) + 3
    assert "E_UNPROVED: lost.a: no known key or scheme decrypts any of the 2" in gone.text
    assert f"current keys: {opening} of {total:,}\n" in gone.text
    assert "\n              lost.a: 2 not_current\n" in gone.text
    asked["settlements"] = {"lost.a": {"unreadable": "its key is lost"}}
    configuration.write_text(json.dumps(asked), encoding="utf-8")
    accepted = look()
    assert f"current keys: {opening} of {total - 2:,}\n" in accepted.text
    assert "\n              lost.a: 2 left alone\n" in accepted.text
    site.sql("DROP TABLE lost")
    asked["settlements"] = {}
    configuration.write_text(json.dumps(asked), encoding="utf-8")
    # A table that no rotation could change, for it names no row, keeps no look from the others.
    site.sql("CREATE TABLE saved AS SELECT * FROM restaurant_restaurant")
    stray = look()
    assert (stray.code, stray.error()) == (1, "E_TABLE_KEY")
    assert "WRONG       E_NOT_CURRENT: 1 value is" in stray.text
    numbers = metrics.read_text(encoding="utf-8")
    assert f'key_rotation_census_failed{{project="{site.project}"}} 1\n' in numbers
    site.sql("DROP TABLE saved")
    ours, elsewhere = describe_holder("r1", os.getpid()), {"machine": "another"}
    site.sql("CREATE TABLE tetech_key_rotation_lease (holder text NOT NULL)")
    for held, found in (
        (ours, ""),
        ({**ours, **elsewhere}, ""),
        ({**ours, **elsewhere, "since": "2026-01-01T00:00:00Z"}, "E_NOT_CURRENT"),
        ({**ours, "started": "1"}, "E_NOT_CURRENT"),
    ):
        site.sql("DELETE FROM tetech_key_rotation_lease")
        site.sql("INSERT INTO tetech_key_rotation_lease VALUES (%s)", (json.dumps(held),))
        amid = look()
        assert (amid.code, amid.error()) == (1 if found else 0, found), held
        assert ("E_MONITOR_OPEN: rotation r1 is open" in amid.text) is bool(found)
        assert ("rotation r1 has been in progress since" in amid.text) is not bool(found)
    site.sql("DROP TABLE tetech_key_rotation_lease")
    site.set_env("SECRET_KEY", "SECRET_KEY='CANARY-of-somebody-else'\n")
    closed = look()
    assert (closed.code, closed.error()) == (1, "E_UNPROVED")
    assert "CANARY" not in closed.text
    written = metrics.read_text(encoding="utf-8")
    assert f'key_rotation_census_failed{{project="{site.project}"}} 1\n' in written
    assert "success_ratio" not in written
    (site.folder / "memory/seen.json").write_text("{}", encoding="utf-8")
    lost = look()
    assert (lost.code, lost.error()) == (2, "E_MONITOR_DIR")


def test_a_run_of_another_machine_continues_while_it_has_a_session_or_is_young(database: Any) -> None:
    old = {**describe_holder("r1", os.getpid()), "machine": "another", "since": "2026-01-01T00:00:00Z"}
    assert active_run._goes_on({**old, "since": now()}, database)
    assert not active_run._goes_on(old, database)
    with closing(database.another()) as session:
        locks.lock(session, "r1")
        assert active_run._goes_on(old, database)


def snapshots(site: Site) -> list[dict[str, Any]]:
    """Those in the record of the rotation, in their order."""
    (path,) = (site.folder / "records").glob("*/record.jsonl")
    events = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [event["snapshot"] for event in events if (event["event"], event["phase"]) == ("monitoring_probe", "done")]
