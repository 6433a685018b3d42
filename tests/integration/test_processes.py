# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The application's own processes beside a rotation: named before it where they would not take new keys, and after."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from .conftest import Site

# A process of the application: it has read its settings when it says so, and stays.
SERVE = "from django.conf import settings; settings.SECRET_KEY; print('up', flush=True); import time; time.sleep(600)"


@pytest.fixture
def serve(site: Site) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    running: list[subprocess.Popen[str]] = []

    def begin(**environment: str) -> subprocess.Popen[str]:
        argv = [str(site.project / ".venv/bin/python"), "manage.py", "shell", "--verbosity=0", "--command", SERVE]
        clean = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        process = subprocess.Popen(
            argv, cwd=site.project, env={**clean, **environment}, stdout=subprocess.PIPE, text=True
        )
        running.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def processes(**about: object) -> str:
    return json.dumps({"key_rotation_processes": about})


@pytest.mark.thorough
def test_a_process_that_runs_on_under_the_old_keys_takes_the_rotation_back(site: Site, serve) -> None:
    plain, env = site.read_all(), site.env_file.read_bytes()
    process = serve()
    named = processes(pids=[process.pid])

    outcome = site.play("rotate", "-e", named)

    assert outcome.code != 0
    text = " ".join(outcome.text.split())
    assert f"E_PROCESS_STALE: 1 of 1 processes could not be shown to use the keys {_made(site)}: " in text
    assert f"(pid {process.pid}): it was started " in text
    assert "was rolled back" in text
    assert site.env_file.read_bytes() == env, "what was started before has the right keys"
    assert site.read_all() == plain
    assert site.stored()["versions"][-1]["outcome"] == "rolled back"


@pytest.mark.thorough
def test_an_application_that_is_stopped_for_the_rotation_is_seen_to_be(site: Site, serve) -> None:
    plain = site.read_all()
    named = processes(patterns=[f"{site.project}/.venv/bin/[p]ython manage.py shell"], absent="accept")
    missing = processes(patterns=[f"{site.project}/.venv/bin/[p]ython manage.py shell"])
    refused = site.play("rotate", "-e", missing)
    assert (refused.code != 0, refused.error()) == (True, "E_PROCESS_NONE")
    assert not site.store.exists(), "asked before anything is changed"

    outcome = site.play("rotate", "-e", named)

    assert outcome.code == 0, outcome.text
    _clock_goes_on(site)
    serve()
    assert site.play("verify", "-e", missing).code == 0, "what was started after it has the new keys"
    assert site.read_all() == plain


@pytest.mark.thorough
def test_a_key_that_is_exported_to_a_process_is_named_before_anything_is_changed(site: Site, serve) -> None:
    process = serve(**site.env_values())
    files, tokens = site.files(), site.tokens()

    outcome = site.play("rotate", "-e", processes(pids=[process.pid]))

    assert (outcome.code != 0, outcome.error()) == (True, "E_PROCESS_EXPORTED")
    text = " ".join(outcome.text.split())
    assert f"(pid {process.pid}): SECRET_KEY, ENCRYPTION_SALT was exported to it and overrides the file" in text
    assert site.tokens() == tokens
    after = site.files()
    assert {name: after[name] for name in files} == files
    assert not any(value in outcome.text for value in site.env_values().values())


def test_a_process_that_was_started_late_with_the_old_keys_is_named_and_keeps_them_from_being_destroyed(
    site: Site, serve
) -> None:
    old = site.env_values()
    assert site.play("rotate").code == 0
    _clock_goes_on(site)
    late = serve(**old)
    for backup in (site.folder / "backups").iterdir():
        backup.unlink()
    now = ("-e", processes(pids=[late.pid], absent="accept"), "-e", "key_rotation_hold_days=0")

    would, held = site.play("retire", *now, "--check"), site.play("retire", *now)

    for refused in (would, held):
        assert (refused.code, refused.error()) == (2, "E_VERSION_IN_PROCESS"), refused.text
        assert f"(pid {late.pid})" in refused.text
    assert site.stored()["versions"][0]["values"] == old, "they are still there"
    late.kill()
    late.wait()
    retired = site.play("retire", *now)
    assert retired.code == 0, retired.text
    assert site.stored()["versions"][0]["values"] == {}


def _made(site: Site) -> str:
    """The key id of the version that was made."""
    return str(site.stored()["versions"][-1]["key_id"])


def _clock_goes_on(site: Site) -> None:
    """A start is known to 20 ms: let those pass that would leave it open which was first."""
    while time.time() <= site.env_file.stat().st_ctime + 0.1:
        time.sleep(0.01)
