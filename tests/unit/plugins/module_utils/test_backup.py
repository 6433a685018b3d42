# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils import backup
from ansible_collections.tetech.key_rotation.plugins.module_utils.engine.database import Libpq
from ansible_collections.tetech.key_rotation.plugins.module_utils.errors import RotationError

CONNECTION = Libpq("db.example", "5433", "app", "orders", "CANARY:pass\\word", {"sslmode": "require"})


@pytest.fixture
def dump(tmp_path: Path) -> backup.Dump:
    return backup.Dump(str(tmp_path / "backups"), "r1")


def files(dump: backup.Dump) -> list[str]:
    return sorted(os.listdir(dump.folder))


def test_a_dump_is_named_by_its_rotation_and_described(dump, tools):
    result = dump.make(tools(), CONNECTION)
    content = Path(dump.path).read_bytes()
    assert files(dump) == ["r1.dump", "r1.json"]
    assert result == {
        "path": dump.path,
        "manifest": dump.manifest,
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    described = json.loads(Path(dump.manifest).read_text())
    assert described["pg_dump"] == "17.6"
    assert (described["rotation_id"], described["database"], described["server"]) == ("r1", "orders", "db.example")
    assert dump.known() == result


def test_a_folder_is_one_of_the_working_directory_then_and_later(tools, tmp_path, monkeypatch):
    programs = tools()
    monkeypatch.chdir(tmp_path)
    relative = backup.Dump("kept/backups", "r1")
    result = relative.make(programs, CONNECTION)
    assert result["path"] == str(tmp_path / "kept" / "backups" / "r1.dump")
    assert result["manifest"] == str(tmp_path / "kept" / "backups" / "r1.json")
    monkeypatch.chdir("/")
    assert relative.known() == result


def test_a_relative_folder_that_is_not_there_yet_can_be_used(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert backup.Dump("none/yet", "r1").refuse_unusable(1) is None


def test_each_database_has_a_dump_of_its_own(tmp_path, tools):
    folder, programs = str(tmp_path / "backups"), tools()
    for alias in ("default", "reports"):
        backup.Dump(folder, "r1", alias).make(programs, CONNECTION)
    assert sorted(os.listdir(folder)) == ["r1.dump", "r1.json", "r1.reports.dump", "r1.reports.json"]
    assert backup.Dump(folder, "r1", "reports").known()["path"] == f"{folder}/r1.reports.dump"


def test_only_its_user_reads_a_dump(dump, tools):
    dump.make(tools(), CONNECTION)
    modes = [stat.S_IMODE(os.stat(path).st_mode) for path in (dump.folder, dump.path, dump.manifest)]
    assert modes == [0o700, 0o600, 0o600]


def test_pg_dump_has_the_connection_by_its_environment_and_the_password_by_a_file_without_a_name(
    dump, tools, monkeypatch
):
    monkeypatch.setenv("SECRET_KEY", "CANARY of the application")
    dump.make(tools(), CONNECTION)
    lines = Path(dump.path).read_text().splitlines()
    given = {"PGHOST=db.example", "PGPORT=5433", "PGUSER=app", "PGDATABASE=orders", "PGSSLMODE=require"}
    assert given <= set(lines)
    assert "--format=custom --no-password --lock-wait-timeout=10s" in lines
    assert [line for line in lines if "CANARY" in line] == [r"*:*:*:*:CANARY\:pass\\word"]
    assert lines[-1] == "passfile mode 600, names 0"


def test_a_local_socket_needs_no_host(dump, tools):
    dump.make(tools(), Libpq("", "", "app", "orders", ""))
    text = Path(dump.path).read_text()
    assert "PGHOST" not in text
    assert "PGPORT" not in text
    assert "PGPASSFILE" not in text
    assert json.loads(Path(dump.manifest).read_text())["server"] == "local socket"


def test_a_pg_dump_that_fails_after_output_leaves_nothing(dump, tools):
    failing = "echo half; echo 'pg_dump: error: no room' >&2; echo more >&2; exit 3"
    with pytest.raises(RotationError) as refused:
        dump.make(tools(dump=failing), CONNECTION)
    assert refused.value.code == "E_PG_DUMP"
    assert refused.value.where == {"rc": 3, "reason": "pg_dump: error: no room"}
    assert files(dump) == []


def test_an_archive_that_does_not_read_to_its_end_leaves_nothing(dump, tools):
    with pytest.raises(RotationError) as refused:
        dump.make(tools(restore="exit 1"), CONNECTION)
    assert refused.value.code == "E_BACKUP_READ"
    assert files(dump) == []


def test_the_whole_archive_is_read_back(dump, tools, tmp_path):
    dump.make(tools(restore=f'echo "$@" > {tmp_path}/asked'), CONNECTION)
    assert (tmp_path / "asked").read_text() == f"--file=/dev/null {dump.path}.partial\n"


def test_what_a_killed_run_left_is_replaced(dump, tools):
    os.mkdir(dump.folder)
    Path(f"{dump.path}.partial").write_text("half")
    dump.make(tools(), CONNECTION)
    assert files(dump) == ["r1.dump", "r1.json"]
    assert "half" not in Path(dump.path).read_text()


def test_a_disk_that_is_full_is_told(dump, tools, full_disk):
    program = tools()
    os.mkdir(dump.folder)
    with full_disk(), pytest.raises(RotationError) as refused:
        dump.make(program, CONNECTION)
    assert refused.value.code == "E_BACKUP_DIR"
    assert files(dump) == []


def test_without_an_earlier_dump_none_is_known(dump):
    assert dump.known() is None


@pytest.mark.parametrize("damage", ["cut", "gone", "manifest"])
def test_a_dump_that_does_not_match_its_manifest_is_refused(dump, tools, damage):
    dump.make(tools(), CONNECTION)
    if damage == "cut":
        os.truncate(dump.path, 10)
    elif damage == "gone":
        os.unlink(dump.path)
    else:
        Path(dump.manifest).write_text("{")
    with pytest.raises(RotationError) as refused:
        dump.known()
    assert refused.value.code == "E_BACKUP_CHECKSUM"


def test_a_dump_that_may_not_fit_is_refused_before_it_is_begun(dump):
    with pytest.raises(RotationError) as refused:
        dump.refuse_unusable(1 << 60)
    assert refused.value.code == "E_BACKUP_SPACE"
    assert refused.value.where["need"] > 1 << 60 > refused.value.where["free"]
    assert not os.path.exists(dump.folder)


def test_a_dump_that_fits_is_not_refused_and_no_folder_is_made(dump):
    assert dump.refuse_unusable(1) is None
    assert not os.path.exists(dump.folder)


def test_a_folder_without_write_permission_is_refused(public_folder, as_ordinary_user):
    public_folder.chmod(0o555)

    def asked() -> str:
        with pytest.raises(RotationError) as refused:
            backup.Dump(str(public_folder / "a" / "b"), "r1").refuse_unusable(1)
        return refused.value.code

    assert as_ordinary_user(asked) == "E_BACKUP_DIR"


def test_a_folder_below_a_file_is_refused_as_that(tmp_path):
    (tmp_path / "taken").write_text("")
    below = backup.Dump(str(tmp_path / "taken" / "backups"), "r1")
    assert below.known() is None
    with pytest.raises(RotationError) as refused:
        below.refuse_unusable(1)
    assert (refused.value.code, refused.value.where["reason"]) == ("E_BACKUP_DIR", f"{tmp_path / 'taken'} is no folder")
