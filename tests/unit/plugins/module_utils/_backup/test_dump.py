# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._backup import dump, manifest
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._tasks import list_backups
from ansible_collections.tetech.key_rotation.tests.expected_errors import expect_error


@pytest.fixture
def one(tmp_path: Path) -> dump.Backup:
    return dump.Backup(str(tmp_path / "backups"), "r1")


def test_a_relative_folder_that_is_not_there_yet_can_be_used(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert dump.Backup("none/yet", "r1").refuse_unusable(1) is None


def test_without_an_earlier_backup_none_is_known(one):
    assert one.find_verified() is None


@pytest.mark.parametrize("content", ["{", "[]", '{"format": "pg_dump custom"}'])
def test_a_manifest_that_is_not_ours_is_never_passed_over(one, content):
    os.mkdir(one.folder)
    Path(one.manifest).write_text(content)
    for read in (one.find_verified, lambda: list(manifest.in_folder(one.folder))):
        with pytest.raises(RotationError) as refused:
            read()
        assert refused.value.code == "E_BACKUP_MANIFEST"


def test_no_byte_of_a_manifest_changes_unseen(one):
    os.mkdir(one.folder)
    files = {"path": "r1.dump.age", "parts": [], "settings": None}
    needs = {"key_ids": ["0123456789abcdef"], "size": 12}
    one.describe(manifest.Manifest.from_document("r1", {"engine": "pg_dump", **needs, **files}))
    whole = Path(one.manifest).read_bytes()
    ((_, described),) = manifest.in_folder(one.folder)
    for place, byte in enumerate(whole):
        turned = bytes([byte ^ 1 << place % 8])  # each of the eight in turn: the checksum is over all of them
        Path(one.manifest).write_bytes(whole[:place] + turned + whole[place + 1 :])
        found = described
        with contextlib.suppress(RotationError):
            ((_, found),) = manifest.in_folder(one.folder)
        assert found == described, place  # else the checksum's own name was hit


def test_the_backups_of_a_folder_are_found_by_their_manifests(one):
    os.mkdir(one.folder)
    for name in ("r1", "r1.reports", "r2"):
        Path(one.folder, f"{name}.json").write_text(json.dumps({"format": manifest.FORMAT, "name": name}))
    assert [described.name for _, described in manifest.in_folder(one.folder)] == ["r1", "r1.reports", "r2"]


def test_a_backup_that_may_not_fit_is_refused_before_it_is_begun(one):
    with pytest.raises(RotationError) as refused:
        one.refuse_unusable(1 << 60)
    assert refused.value.code == "E_BACKUP_SPACE"
    assert refused.value.where["need"] > 1 << 60 > refused.value.where["free"]
    assert not os.path.exists(one.folder)


def test_a_backup_that_fits_is_not_refused_and_no_folder_is_made(one):
    assert one.refuse_unusable(1) is None
    assert not os.path.exists(one.folder)


def test_a_folder_without_write_permission_is_refused(public_folder, as_ordinary_user):
    public_folder.chmod(0o555)

    def asked() -> str:
        with pytest.raises(RotationError) as refused:
            dump.Backup(str(public_folder / "a" / "b"), "r1").refuse_unusable(1)
        return refused.value.code

    assert as_ordinary_user(asked) == "E_BACKUP_DIR"


def test_a_folder_into_which_everybody_may_write_is_refused(one):
    os.mkdir(one.folder)
    os.chmod(one.folder, 0o777)
    with pytest.raises(RotationError) as refused:
        one.refuse_unusable(1)
    assert (refused.value.code, "chmod o-w" in refused.value.where["reason"]) == ("E_BACKUP_DIR", True)


def test_a_folder_below_a_file_is_refused_as_that(tmp_path):
    (tmp_path / "taken").write_text("")
    below = dump.Backup(str(tmp_path / "taken" / "backups"), "r1")
    assert below.find_verified() is None
    with pytest.raises(RotationError) as refused:
        below.refuse_unusable(1)
    reason = f"{tmp_path / 'taken'} is not a folder"
    assert (refused.value.code, refused.value.where["reason"]) == ("E_BACKUP_DIR", reason)


def test_a_folder_that_cannot_be_looked_into_does_not_count_as_without_backups(tmp_path):
    (tmp_path / "backups").write_text("no folder")
    with pytest.raises(RotationError) as refused:
        list(manifest.in_folder(str(tmp_path / "backups")))
    assert (refused.value.code, refused.value.where["reason"]) == ("E_BACKUP_LIST", "Not a directory")


def test_before_a_key_is_destroyed_the_folder_has_to_be_there(tmp_path):
    asked = SimpleNamespace(params={"backup_dir": str(tmp_path / "not mounted"), "absent": "refuse"})
    with pytest.raises(RotationError) as refused:
        list_backups.list_backups(asked)
    assert refused.value.code == "E_BACKUP_LIST"
    asked.params["absent"] = "accept"  # on hosts that back up nothing
    assert list_backups.list_backups(asked)["key_ids"] == []
    asked.params["absent"] = "refuse"
    (tmp_path / "not mounted").mkdir()
    assert list_backups.list_backups(asked)["key_ids"] == []


def test_a_whole_dump_without_a_manifest_counts_as_one_of_which_nobody_knows_what_it_needs(one):
    os.mkdir(one.folder)
    described = {"engine": "pg_dump", "path": "r1.dump.age", "parts": [], "settings": None}
    one.describe(manifest.Manifest.from_document("r1", described))
    for name in ("r1.dump.age", "r2.dump.age.partial", "r2.settings.tar.age"):
        Path(one.folder, name).write_text("")
    assert manifest.refuse_undescribed(one.folder) is None
    Path(one.folder, "r2.20260501T000000Z.dump").mkdir()
    with expect_error("E_BACKUP_UNDESCRIBED", path=f"{one.folder}/r2.20260501T000000Z.dump"):
        manifest.refuse_undescribed(one.folder)


@pytest.mark.parametrize(
    ("recipients", "archives", "suffix"),
    [(["age1"], 1, ".dump.age"), ([], 1, ".dump"), (["age1"], 3, ".dump")],
    ids=["encrypted", "not encrypted", "a folder of encrypted ones"],
)
def test_a_dry_run_names_the_file_that_a_dump_would_make(one, monkeypatch, recipients, archives, suffix):
    monkeypatch.setattr(dump.dump_shards, "archives", lambda database, jobs: dict.fromkeys(map(str, range(archives))))
    planned = one.as_planned(None, dump.DumpOrder(recipients, [], {}))
    assert planned == {"path": f"{one.folder}/r1{suffix}", "manifest": one.manifest}
