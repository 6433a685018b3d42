# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reference pages that are written by hand name what the source has. Those that are generated have a test of their
own, test_generated_options.py."""

from __future__ import annotations

import re

from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres import catalog, lease
from ansible_collections.tetech.key_rotation.plugins.module_utils._record import page_checksums, run_lease, writer
from ansible_collections.tetech.key_rotation.plugins.module_utils._system.state_folder import STATE_FOLDER
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._checklist import checklist

from .conftest import CHECKOUT
from .yaml_files import read_yaml

CHECKLIST = (CHECKOUT / "roles/checklist/README.md").read_text(encoding="utf-8")
FILES = (CHECKOUT / "docs/files.md").read_text(encoding="utf-8")


def test_the_table_of_the_checklist_has_every_item_once():
    rows = re.findall(r"^\| ([a-z_, ]+) \|", CHECKLIST, re.MULTILINE)
    named = [name for row in rows for name in row.split(", ") if name != "item"]
    assert sorted(named) == sorted(checklist.CHECKS)


def test_the_page_names_the_items_that_can_be_accepted():
    (listed,) = re.findall(r"You can accept (.*?),?\s+which", CHECKLIST, re.DOTALL)
    assert sorted(re.findall(r"`(\w+)`", listed)) == sorted(checklist.ACCEPTABLE)


def test_the_page_of_files_names_those_of_a_record():
    own = {writer.FILE_NAME, writer.SIGNATURE, writer.NEXT, writer.SIGNERS, f"{writer.REFUSED}/", run_lease.FILE_NAME}
    pages = {*page_checksums.PAGES, page_checksums.INDEX, page_checksums.SUMS, page_checksums.SIGNATURE}
    named = set(re.findall(r"`records/(?:ID/)?([\w./]+)`", FILES))
    assert own | pages <= named


def test_the_page_of_files_names_what_a_database_gets():
    for name in (lease.TABLE, catalog.FENCE, catalog.PREPARED, catalog.JOURNAL):
        assert f"`{name}" in FILES, name


def test_the_page_of_files_names_what_a_host_remembers():
    values = read_yaml(CHECKOUT / "roles/variable_defaults/vars/main.yml")
    for name in ("__key_rotation_stopped_services", "__key_rotation_row_digests"):
        file = values[name].rsplit("/", 1)[1].replace("{{ __key_rotation_project }}", "-PROJECT")
        for of_host in ("", "@HOST"):
            assert f"`{file.replace('{{ __key_rotation_services_of }}', of_host)}`" in FILES
    assert values["__key_rotation_state_folder"] == STATE_FOLDER
    defaults = read_yaml(CHECKOUT / "roles/variable_defaults/defaults/main.yml")
    assert defaults["key_rotation_backup_dir"] == f"{STATE_FOLDER}/backups"
