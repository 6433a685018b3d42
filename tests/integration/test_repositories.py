# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pgBackRest on a real cluster that archives its WAL, and an operator's own command on a host of its own."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._backup import dump, external
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._system.timestamps import at
from ansible_collections.tetech.key_rotation.tests.expected_errors import Containing, expect_error

from .conftest import Site
from .servers import postgresql

CONFIGURATION = """
[global]
repo1-path={folder}/repository
repo1-retention-full=9
repo1-cipher-type=aes-256-cbc
repo1-cipher-pass=of the test
log-path={folder}
lock-path={folder}
start-fast=y
[orders]
pg1-path={folder}/data
pg1-socket-path={folder}
pg1-user=postgres
"""
SETTINGS = """
archive_mode = on
archive_command = 'pgbackrest --config={folder}/pgbackrest.conf --stanza=orders archive-push %p'
"""


@pytest.fixture
def stanza(monkeypatch: pytest.MonkeyPatch) -> Iterator[external.PgBackRest]:
    """A cluster of Debian's PostgreSQL and its stanza; the server's user runs both, as it does anywhere."""
    with postgresql(SETTINGS) as cluster:
        folder = cluster.folder
        (folder / "pgbackrest.conf").write_text(CONFIGURATION.format(folder=folder))
        (folder / "bin").mkdir()
        program = " ".join([*cluster.user, str(shutil.which("pgbackrest"))])
        (folder / "bin/pgbackrest").write_text(f'#!/bin/sh\nexec {program} "$@"\n')
        (folder / "bin/pgbackrest").chmod(0o755)
        monkeypatch.setenv("PGBACKREST_CONFIG", str(folder / "pgbackrest.conf"))
        cluster.run("pgbackrest", f"--config={folder}/pgbackrest.conf", "--stanza=orders", "stanza-create")
        monkeypatch.setenv("PATH", f"{folder}/bin:{os.environ['PATH']}")
        yield external.PgBackRest("orders")


def test_a_stanza_is_checked_and_has_one_backup_for_each_rotation(stanza, tmp_path):
    one = dump.Backup(str(tmp_path / "backups"), "spring")
    assert (stanza.check(), stanza.cipher()) == (None, "aes-256-cbc")
    made = stanza.backup(one, "full", ["b", "a"])
    assert made.path.startswith("orders/")
    assert (made.engine, made.key_ids, made.encrypted_to) == ("pgbackrest", ["a", "b"], ["aes-256-cbc"])
    assert (made.size > 0, int(made.system_identifier) > 0, made.proof) == (True, True, None)
    assert made.system_identifier == stanza.system_identifier()
    assert one.find_verified() == made
    os.unlink(one.manifest)  # a run that died before it
    assert stanza.backup(one, "full", ["a"]).path == made.path
    another = stanza.backup(dump.Backup(one.folder, "summer"), "incr", ["a"])
    assert another.path != made.path


def test_a_damaged_repository_is_no_backup(stanza, tmp_path):
    """The exit code of pgbackrest verify is 0 all the same."""
    first = stanza.backup(dump.Backup(str(tmp_path / "backups"), "spring"), "full", ["a"])
    folder = Path(os.environ["PGBACKREST_CONFIG"]).parent / "repository/backup" / first.path
    kept = max((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    content = bytearray(kept.read_bytes())
    content[len(content) // 2] ^= 1
    kept.write_bytes(content)
    with pytest.raises(RotationError) as refused:
        stanza.backup(dump.Backup(str(tmp_path / "backups"), "summer"), "incr", ["a"])
    assert (refused.value.code, refused.value.where["command"]) == ("E_PGBACKREST", "verify")
    assert "invalid" in refused.value.where["reason"]


def test_an_old_backup_of_the_rotation_does_not_count(stanza, tmp_path):
    one = dump.Backup(str(tmp_path / "backups"), "spring")
    first = stanza.backup(one, "full", ["a"])
    later = stanza.backup(one, "incr", ["a"], oldest=at(time.time() + 1))
    assert later.path != first.path


def test_what_pgbackrest_refuses_is_reported_by_its_error(stanza, tmp_path):
    with expect_error("E_PGBACKREST", reason=Containing("missing")):
        external.PgBackRest("missing").cipher()
    monkey = external.PgBackRest("missing")
    with pytest.raises(RotationError) as refused:
        monkey.check()
    assert (refused.value.code, refused.value.where["command"]) == ("E_PGBACKREST", "check")
    assert "ERROR" in refused.value.where["reason"]


@pytest.mark.parametrize(("argv", "rc"), [(["sh", "-c", "echo no room >&2; exit 3"], 3), (["/none/there"], 127)])
def test_a_snapshot_command_that_fails_leaves_no_manifest(tmp_path, argv, rc):
    one = dump.Backup(str(tmp_path / "backups"), "spring")
    with pytest.raises(RotationError) as refused:
        external.snapshot(one, argv, [])
    assert (refused.value.code, refused.value.where["ended"]) == ("E_SNAPSHOT", f"ended with exit code {rc}")
    assert one.read() is None


def test_a_backup_that_is_recreated_leaves_that_of_before_the_first_write_known(tmp_path):
    one = dump.Backup(str(tmp_path / "backups"), "spring")
    first = external.snapshot(one, ["echo", "before"], ["a"])
    assert (one.find_verified(), os.listdir(one.folder)) == (first, ["spring.json"])
    external.snapshot(one, ["echo", "of mixed rows"], ["a", "b"])
    assert {made.path for made in one.all()} == {"before", "of mixed rows"}


def test_the_backup_of_another_database_is_not_that_of_a_rotation_of_the_same_name(tmp_path):
    folder = str(tmp_path / "backups")
    external.snapshot(dump.Backup(folder, "spring", "second"), ["true"], ["a"])
    assert dump.Backup(folder, "spring").all() == []
    with expect_error(
        "E_BACKUP_NAME",
        rotation_id="spring.second",
        path=f"{folder}/spring.second.json",
        other="spring for DATABASES[second]",
    ):
        dump.Backup(folder, "spring.second").find_verified()


@pytest.mark.thorough
def test_rotate_has_a_snapshot_made_on_the_database_s_host_and_looks_at_the_window_again(site: Site) -> None:
    window = site.folder / "window.json"
    window.write_text(json.dumps({"start": "2026-01-01T00:00:00Z", "end": "2999-01-01T00:00:00Z"}))
    variables = {
        "key_rotation_backup_engine": "snapshot",
        "key_rotation_snapshot_command": ["sh", "-c", f"sed -i s/2999/2026/ {window}; echo snap-$KEY_ROTATION_ID"],
        "key_rotation_window": f"{{{{ lookup('file', '{window}') | from_json }}}}",
        "key_rotation_backup_host": "db",
        "key_rotation_id": "spring",
    }
    site.write_inventory(**variables)
    inventory = json.loads(site.inventory.read_text())
    inventory["database"] = {"hosts": {"db": {"ansible_connection": "local"}}}
    site.inventory.write_text(json.dumps(inventory))
    files = site.tokens(), site.env_values()
    late = site.play("rotate")
    assert (late.code != 0, late.error()) == (True, "E_WINDOW"), late.text
    assert (site.tokens(), site.env_values()) == files
    window.write_text(window.read_text().replace('"2026-01-01T00:00:00Z"}', '"2999-01-01T00:00:00Z"}'))
    outcome = site.play("rotate")
    assert outcome.code == 0, outcome.text
    assert "app -> db" in outcome.text
    described = json.loads((site.folder / "backups/spring.json").read_text())
    assert (described["engine"], described["path"]) == ("snapshot", "snap-spring")
    assert described["key_ids"] == [site.stored()["stages"]["previous"]]
