# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Old keys are destroyed by what a census of the real data says, and by nothing less."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import (
    ApplicationSettings,
    Keyring,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.tokens import Opened

from .conftest import BIN, CHECKOUT, Outcome, Site

PLAY = """
- hosts: all
  gather_facts: false
  vars:
    ansible_python_interpreter: "{{ key_rotation_project_dir }}/.venv/bin/python"
    store: "{{ key_rotation_store }}"
    record_dir: "{{ key_rotation_record_dir }}"
  tasks:
    - tetech.key_rotation.django_census_info:
        project_dir: "{{ key_rotation_project_dir }}"
        env_file: "{{ key_rotation_project_dir }}/.env"
        store: "{{ store }}"
      register: census
    - tetech.key_rotation.key_version:
        state: "{{ state }}"
        key_id: "{{ key_id | default(omit) }}"
        census: "{{ census }}"
        store: "{{ store }}"
        rotation_id: "{{ rotation_id }}"
        record_dir: "{{ record_dir }}"
"""


def run(site: Site, folder: Path, state: str, rotation_id: str, **more: str) -> Outcome:
    (folder / "play.yml").write_text(PLAY)
    variables = json.dumps({"state": state, "rotation_id": rotation_id, **more})
    done = subprocess.run(
        [str(BIN / "ansible-playbook"), "-i", str(site.inventory), str(folder / "play.yml"), "-e", variables],
        env=site.environment(ANSIBLE_COLLECTIONS_PATH=str(CHECKOUT / ".ansible/tree")),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Outcome(done.returncode, done.stdout + done.stderr)


@pytest.mark.thorough
def test_what_no_value_is_under_is_destroyed_and_the_rest_is_not(site, tmp_path_factory):
    folder = tmp_path_factory.mktemp("play")
    old = site.env_values()
    assert site.play("rotate").code == 0
    stages = site.stored()["stages"]

    needed = run(site, folder, "destroyed", "retire", key_id=stages["current"])
    assert (needed.code, needed.error()) == (2, "E_VERSION_USED")
    done = run(site, folder, "destroyed", "retire", key_id=stages["previous"])
    assert done.code == 0, done.text
    kept = {version["key_id"]: version for version in site.stored()["versions"]}
    assert (kept[stages["previous"]]["state"], kept[stages["previous"]]["values"]) == ("destroyed", {})
    assert not any(value in json.dumps(site.stored()) for value in old.values())

    assert site.play("verify").code == 0
    assert site.play("rollback").error() == "E_PREVIOUS_DESTROYED"
    assert site.play("rotate").code == 0
    assert site.play("verify").code == 0


@pytest.mark.thorough
def test_a_pending_version_that_no_value_is_under_is_discarded(site, tmp_path_factory):
    folder = tmp_path_factory.mktemp("play")
    assert site.play("rotate").code == 0
    pending = run(site, folder, "pending", "never-mind")
    assert pending.code == 0, pending.text
    assert run(site, folder, "discarded", "never-mind").code == 0
    assert "pending" not in site.stored()["stages"]
    assert run(site, folder, "discarded", "never-mind").code == 0
    assert site.play("rotate").code == 0


@pytest.mark.thorough
def test_retire_destroys_the_previous_version_when_no_backup_needs_it(site):
    assert site.play("rotate", "-e", "key_rotation_id=spring").code == 0
    stages = site.stored()["stages"]
    manifest = site.folder / "backups/spring.json"

    elsewhere = site.folder / "elsewhere"
    inventory = json.loads(site.inventory.read_text())
    for host, folder in {"keeper": str(elsewhere), "other": "/none"}.items():
        more = {"ansible_connection": "local", "key_rotation_backup_dir": folder}
        inventory["application"]["hosts"][host] = more
    site.inventory.write_text(json.dumps(inventory))
    (site.folder / "backups").rename(elsewhere)
    (site.folder / "backups").mkdir()
    limited = site.play("retire", "--limit", "app", "-e", "key_rotation_hold_days=0")
    assert (limited.code != 0, site.stored()["stages"]) == (True, stages), limited.text
    assert "this run leaves out keeper, other" in " ".join(limited.text.split())
    needed = site.play("retire")
    assert (needed.code, needed.error()) == (2, "E_VERSION_KEPT"), needed.text
    (site.folder / "backups").rmdir()
    elsewhere.rename(site.folder / "backups")
    site.write_inventory()
    needed = site.play("retire")
    assert (needed.code, needed.error()) == (2, "E_VERSION_KEPT")
    assert "for 2 reasons: (1) E_VERSION_NEEDED:" in " ".join(needed.text.split())
    assert "(2) E_VERSION_HELD:" in " ".join(needed.text.split())
    assert f"{manifest}: {site.database} as of" in needed.text
    manifest.write_text("{")
    assert site.play("retire").error() == "E_BACKUP_MANIFEST"
    manifest.unlink()
    (site.folder / "backups/spring.dump").unlink()
    held = site.play("retire")
    assert (held.code, held.error()) == (2, "E_VERSION_HELD")
    page = site.folder / "records/spring/report.html"
    assert ("Retire the previous keys" in page.read_text(), "E_VERSION_HELD" in page.read_text()) == (True, True)

    now = ("-e", "key_rotation_hold_days=0")
    files = site.files()
    would = site.play("retire", *now, "--check")
    assert (would.code, site.files()) == (0, files)
    assert f"would destroy the values of the version {stages['previous']}" in would.text

    why = json.dumps({"key_rotation_authorization": {"who": "Zoe", "ticket": "SEC-9"}})
    assert site.play("retire", *now, "-e", why).code == 0
    told = page.read_text()
    assert ("Retire the previous keys" in told, "Zoe, SEC-9" in told) == (False, True)
    assert f"Retirement of <code>{stages['previous']}</code>" in told
    kept = {version["key_id"]: version for version in site.stored()["versions"]}
    assert (kept[stages["previous"]]["state"], kept[stages["previous"]]["values"]) == ("destroyed", {})
    assert (site.folder / f"records/retire-{stages['previous']}/record.jsonl").exists()
    assert site.play("report").code == 0
    checked = site.play("verify", "--tags", "record")
    assert checked.code == 0, checked.text
    assert re.search(rf"retire-{stages['previous']}: intact, (\d+) lines, \1 of them signed", checked.text)
    again = site.play("retire", *now)
    assert (again.code, "changed=0" in again.text) == (0, True)


@pytest.mark.thorough
def test_a_version_that_a_token_inside_a_token_needs_is_kept_until_the_value_is_one_token(site, tmp_path_factory):
    old = KeySet(site.env_values())
    assert site.play("rotate").code == 0
    stages = site.stored()["stages"]
    versions = {"current": KeySet(site.env_values()), "previous": old}
    keyring = Keyring(schemes.parse("auto"), versions, ApplicationSettings(lambda name: None))
    before = site.read_all()
    column = "customer_userprofile._phone_number_encrypted"
    table, name = column.split(".")
    ((row, token),) = site.sql(f"SELECT id, {name} FROM {table} WHERE {name} <> '' ORDER BY id LIMIT 1")
    inner = keyring.cipher("encryption_manager", "current").open(token.encode())
    for stage in ("previous", "current"):
        token = keyring.cipher("encryption_manager", stage).seal(Opened(inner.plaintext, 1)).decode()
        inner = Opened(token.encode())
    site.sql(f"UPDATE {table} SET {name} = %s WHERE id = %s", (token, row))

    bad = site.play("verify")
    assert (bad.code, bad.error(), f"{column}:{row}" in bad.text) == (2, "E_ENCRYPTED_TWICE", True), bad.text
    needed = run(site, tmp_path_factory.mktemp("play"), "destroyed", "retire", key_id=stages["previous"])
    assert (needed.code, needed.error()) == (2, "E_VERSION_USED"), needed.text
    fixed = site.play("rollback", "-e", "key_rotation_prefer=repair")
    assert fixed.code == 0, fixed.text
    assert site.play("verify").code == 0
    assert site.read_all() == before
