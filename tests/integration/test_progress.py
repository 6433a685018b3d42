# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person and a machine see while a rotation works, and how it is made to wait."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from .conftest import PLAYBOOKS, Site, processes_of, until

SLOW = """
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep({seconds}); RETURN NULL; END $$;
CREATE TRIGGER slow AFTER UPDATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION slow();
"""
MOVING = re.compile(
    r"\r  (\d+) of (\d+) values \(([\d.]+) %\), [\d,]+/s, (?:time left unknown|\S+ min left), \d+ retr(?:y|ies)"
)


def left_behind(site: Site) -> list[Path]:
    """Files of numbers of this site's rotation."""
    mine = {path.name.split(".")[0] for path in (site.folder / "records").glob("*")}
    found = []
    for path in Path("/tmp").glob("key_rotation-*.json"):
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            if json.loads(path.read_text(encoding="utf-8")).get("rotation_id") in mine:
                found.append(path)
    return found


@pytest.mark.thorough
def test_a_line_moves_on_a_terminal_and_a_table_follows(site: Site) -> None:
    site.sql("DELETE FROM restaurant_restaurant WHERE id > 3")  # each row takes as long
    site.sql(SLOW.format(seconds=4, table="restaurant_restaurant"))
    metrics = site.folder / "key_rotation.prom"
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        site.argv("rotate", "-e", f"key_rotation_metrics_file={metrics}"),
        cwd=PLAYBOOKS, env=site.environment(TERM="xterm", CI=""), stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    text = b""
    try:
        while chunk := os.read(ours, 65_536):
            text += chunk
    except OSError:  # the terminal is closed
        pass
    assert process.wait(60) == 0, text.decode()
    shown = text.decode()
    moved = [tuple(map(float, found)) for found in MOVING.findall(shown)]
    assert moved, shown
    assert all(0 <= done <= total and percent <= 100 for done, total, percent in moved)
    assert len({total for _, total, _ in moved}) == 1
    assert re.search(r"customer_userprofile\._address_encrypted +\d+ rows: \d+ values re-encrypted", shown)
    assert re.search(r"[\d.]+ s, \d+ pass(?:es)? over tables, \d+ rows? tried again", shown)
    numbers = metrics.read_text(encoding="utf-8")
    assert re.search(r'key_rotation_values_done\{rotation_id="[^"]+",column="customer_userprofile._address', numbers)
    assert metrics.stat().st_mode & 0o777 == 0o644
    document = json.loads(metrics.with_suffix(".json").read_text(encoding="utf-8"))
    assert document["done"] == document["total"] == moved[0][1]
    assert not left_behind(site)


@pytest.mark.thorough
def test_a_line_now_and_then_if_there_is_no_terminal(site: Site) -> None:
    site.sql("DELETE FROM restaurant_restaurant WHERE id > 1; DELETE FROM restaurant_pendingrestaurant WHERE id > 1")
    site.sql(SLOW.format(seconds=7, table="restaurant_restaurant"))
    site.sql(
        "CREATE TRIGGER slow AFTER UPDATE ON restaurant_pendingrestaurant FOR EACH STATEMENT EXECUTE FUNCTION slow()"
    )
    rotated = site.play("rotate")
    assert rotated.code == 0, rotated.text
    assert re.search(r"^  in all \d+ of \d+ values \([\d.]+ %\), [\d,]+/s, ", rotated.text, re.M), rotated.text
    assert "\r" not in rotated.text


def waits_for(site: Site, what: str) -> bool:
    """Whether a module says that it waits for that."""
    said = []
    for path in left_behind(site):
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            said.append(json.loads(path.read_text(encoding="utf-8")).get("waits_for", ""))
    return any(what in word for word in said)


def waiting(site: Site) -> bool:
    """Whether the engine has committed a batch and works on nothing."""
    ours = "application_name LIKE 'key_rotation %' AND datname = current_database()"
    states = site.sql(f"SELECT state FROM pg_stat_activity WHERE {ours}")
    return bool(states) and all(state == "idle" for (state,) in states)


@pytest.mark.thorough
@pytest.mark.parametrize("ending", ["removed", "stopped", "unheard"])
def test_a_pause_file_holds_the_work_until_it_goes(site: Site, ending: str) -> None:
    before, pause = site.read_all(), site.folder / "pause"
    tokens = site.tokens()
    pause.touch()
    variables = json.dumps({"key_rotation_throttle": {"pause_file": str(pause), "ratio": 0.1}})
    process = site.start("rotate", "-e", variables)
    deadline = time.monotonic() + 240
    while not waits_for(site, str(pause)):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    for _ in range(10):
        time.sleep(0.2)
        assert process.poll() is None
        assert site.tokens() == tokens, "nothing is written while it is there"
    assert waiting(site)
    if ending == "removed":
        pause.unlink()
        assert process.wait(120) == 0, process.stdout.read()
    elif ending == "unheard":
        module = module_of(site)
        cut(site, process)
        deadline = time.monotonic() + 30
        while os.path.exists(f"/proc/{module}"):
            assert time.monotonic() < deadline, "it ends when nobody reads what it will say"
            time.sleep(0.1)
        assert site.tokens() == tokens
        pause.unlink()
        again = site.play("rotate")
        assert again.code == 0, again.text
    else:
        os.kill(module_of(site), 15)
        assert process.wait(120) != 0
        text = process.stdout.read()
        assert "E_STOPPED" in text
        assert "Run the same command again to resume it" in " ".join(text.split())
        assert site.tokens() == tokens
        pause.unlink()
        again = site.play("rotate")
        assert again.code == 0, again.text
    assert site.read_all() == before
    assert not left_behind(site)


def cut(site: Site, process: subprocess.Popen[str]) -> None:
    """SIGKILL for the playbook and its workers, each of which has a session of its own: the module is left alone."""
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        with contextlib.suppress(OSError):
            if str(site.inventory).encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                os.kill(pid, signal.SIGKILL)
    process.wait()


def module_of(site: Site) -> int:
    """The process that re-encrypts in this site, and has started the others."""
    return min(processes_of(site))


def test_after_ctrl_c_a_person_knows_what_to_type_next(site: Site) -> None:
    process = site.start("plan")
    until(lambda: processes_of(site), process)  # its module is at work
    os.killpg(process.pid, signal.SIGINT)
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 99, text
    _, ours = text.split("User interrupted execution")
    assert "What its last step wrote is not known here." in ours
    assert re.search(r"^  ansible-playbook verify\.yml -i \S+$", ours, re.MULTILINE), ours
    assert ours.count(" --check") == 1
