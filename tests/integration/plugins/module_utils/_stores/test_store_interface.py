# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract of a store: what every kind does."""

from __future__ import annotations

import base64
import json
import subprocess
import threading
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._stores.history import History
from ansible_collections.tetech.key_rotation.plugins.module_utils._stores.store_interface import Store

from ....servers import BIN, clean_environment
from .store_contract import AWS, NEW, OLD, THIRD, TREE, Place, change, refused


def test_a_store_in_which_nothing_was_put_is_empty_and_stays_so(place):
    assert place.open().load().versions == []
    change(place.open(), lambda history: None)
    assert place.open().load().versions == []


def test_what_was_put_is_there_for_the_next_one_value_by_value(place, begin):
    history = begin(place).open().load()
    assert history.stages == {"current": OLD.key_id, "pending": NEW.key_id}
    assert (history.stage("current").values, history.stage("pending").values) == (OLD.values, NEW.values)
    assert (history.open_rotation, history.path) == ("r1", place.open().path)


def test_a_rotation_is_promoted_closed_and_followed_by_another(place, begin):
    begin(place)
    change(place.open(), History.promote)
    assert place.open().load().stages == {"previous": OLD.key_id, "current": NEW.key_id}
    change(place.open(), lambda history: history.close("r1"))
    change(place.open(), lambda history: history.add_pending(THIRD, "r2"))
    change(place.open(), History.promote)
    history = place.open().load()
    assert history.for_host()["key_sets"] == {
        "current": THIRD.values,
        "previous": NEW.values,
        f"older-{OLD.key_id}": OLD.values,
    }
    assert [(version.state, version.outcome) for version in history.versions] == [
        ("deactivated", "completed"),
        ("deactivated", "completed"),
        ("active", None),
    ]


@pytest.mark.parametrize("promoted", [False, True])
def test_a_rotation_is_rolled_back_and_its_version_kept(place, begin, promoted):
    begin(place)
    if promoted:
        change(place.open(), History.promote)
    change(place.open(), History.roll_back)
    history = place.open().load()
    assert history.stages == {"current": OLD.key_id}
    assert (history.outcome("r1"), history.version(NEW.key_id).values) == ("rolled back", NEW.values)


def test_the_head_of_the_record_and_the_key_that_signs_it_are_kept(place, begin):
    assert place.open().anchor() is None
    begin(place)
    place.open().set_anchor(f"r1 1 {'a' * 64}")
    assert [place.open().kept_signing_key() for _ in range(2)] == [None, None], "asking makes none"
    key = place.open().signing_key()
    change(place.open(), History.promote)
    longest = f"{'r' * 64} 12345 {'b' * 64} {'a-z.' * 16} ada:/srv/{'a_b@c+d=' * 5}".ljust(256, "z")
    assert len(longest) == 256
    place.open().set_anchor(longest)
    assert place.open().anchor() == longest
    assert place.open().signing_key() == place.open().kept_signing_key() == key
    history = place.open().load()
    assert history.stages == {"previous": OLD.key_id, "current": NEW.key_id}
    assert len(base64.b64decode(key)) == 32
    assert key not in str(history)


def test_a_change_that_is_given_up_changes_nothing(place, begin):
    before = begin(place).open().load()

    def give_up(history: History) -> None:
        history.promote()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        change(place.open(), give_up)
    assert place.open().load() == before


def test_keys_that_were_used_before_are_not_put_again(place, begin):
    begin(place)
    change(place.open(), History.roll_back)
    before = place.open().load()
    for keys in (OLD, NEW):
        assert refused(change, place.open(), lambda history, keys=keys: history.add_pending(keys, "r2")).code == (
            "E_KEY_REUSED"
        )
    assert place.open().load() == before


def test_of_many_changes_at_once_on_one_control_node_none_is_lost(place):
    """As the forks of one playbook for many hosts: one adopts, the others find it."""

    def adopt(store: Store) -> None:
        with store.change() as history:
            if not history.versions:
                history.adopt(OLD)
            history.versions[0].origin += "+"

    forks = [threading.Thread(target=adopt, args=[place.open()]) for _ in range(5)]
    for fork in forks:
        fork.start()
    for fork in forks:
        fork.join()
    (version,) = place.open().load().versions
    assert version.origin == "adopted+++++"


@pytest.mark.parametrize("compromised", [False, True])
def test_a_destroyed_version_is_remembered_and_its_values_are_gone(place, begin, compromised):
    begin(place)
    change(place.open(), History.promote)
    change(place.open(), lambda history: history.close("r1"))
    place.may_destroy()
    change(place.open(), lambda history: history.destroy(OLD.key_id, compromised=compromised))
    for _ in range(2):  # doing it again changes nothing
        place.open().destroy_values(f"adopted {OLD.key_id}")
    history = place.open().load()
    kept = history.version(OLD.key_id)
    assert (kept.values, kept.outcome, kept.origin) == ({}, "completed", "adopted")
    assert kept.state == ("destroyed compromised" if compromised else "destroyed")
    assert history.stages == {"current": NEW.key_id}
    assert history.for_host()["key_sets"] == {"current": NEW.values}
    change(place.open(), lambda history: history.add_pending(THIRD, "r2"))
    assert place.open().load().stage("pending").values == THIRD.values


# As an operator uses them: ansible-playbook and the lookup

PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - tetech.key_rotation.key_version: {state: adopted, env_file: "{{ env_file }}", store: "{{ key_rotation_store }}",
        rotation_id: r1, record_dir: "{{ playbook_dir }}/records"}
      register: adopted
    - tetech.key_rotation.key_version: {state: pending, store: "{{ key_rotation_store }}", rotation_id: r1,
        record_dir: "{{ playbook_dir }}/records"}
      register: pending
    - ansible.builtin.copy:
        content: "{{ lookup('tetech.key_rotation.keys', 'SECRET_KEY', 'ENCRYPTION_SALT', stage='pending') | to_json }}"
        dest: "{{ playbook_dir }}/pending"
        mode: "0600"
      no_log: true
      diff: false
    - tetech.key_rotation.key_version: {state: current, store: "{{ key_rotation_store }}", rotation_id: r1,
        record_dir: "{{ playbook_dir }}/records"}
    - tetech.key_rotation.key_version: {state: rolled_back, store: "{{ key_rotation_store }}", rotation_id: r1,
        record_dir: "{{ playbook_dir }}/records"}
    - tetech.key_rotation.key_version:
        state: destroyed
        key_id: "{{ pending.key_id }}"
        census: {key_ids: {pending: "{{ pending.key_id }}"}, targets: [], kept_aside: {}}
        store: "{{ key_rotation_store }}"
        rotation_id: r1
        record_dir: "{{ playbook_dir }}/records"
      register: destroyed
    - ansible.builtin.debug: {var: "{{ item }}"}
      loop: [adopted, pending, destroyed]
    - tetech.key_rotation.key_version: {state: current, store: "{{ key_rotation_store }}", rotation_id: r9,
        record_dir: "{{ playbook_dir }}/records"}
      ignore_errors: true
"""


def play(place: Place, folder: Path, text: str, *options: str, **environment: str) -> str:
    """What ansible-playbook prints, at the verbosity at which it prints most."""
    (folder / "play.yml").write_text(text)
    (folder / "dev").write_text("CANARY-dev\n")
    (folder / "prod").write_text("CANARY-prod\n")
    ids = [f"--vault-id={name}@{folder / name}" for name in ("dev", "prod")]
    done = subprocess.run(
        [str(BIN / "ansible-playbook"), "-i", "localhost,", "-vvvvv", "--diff", *ids, *options, "play.yml"],
        cwd=folder,
        env=clean_environment(
            **place.environment,
            **environment,
            ANSIBLE_COLLECTIONS_PATH=str(TREE),
            ANSIBLE_LOG_PATH=str(folder / "log"),
            ANSIBLE_NOCOLOR="1",
            HOME=str(folder),
        ),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_no_key_and_no_credential_is_in_results_output_log_or_record(place, tmp_path):
    (tmp_path / ".env").write_text("".join(f"{name}='{value}'\n" for name, value in OLD.values.items()))
    (tmp_path / ".env").chmod(0o600)
    place.may_destroy()
    (tmp_path / "vars.json").write_text(
        json.dumps({"key_rotation_store": place.options, "env_file": str(tmp_path / ".env")})
    )
    shown = play(place, tmp_path, PLAY, "-e", f"@{tmp_path / 'vars.json'}")
    made = json.loads((tmp_path / "pending").read_text()).split(",")
    assert [len(value) for value in made] == [32, 32]
    history = place.open().load()
    (left,) = [version for version in history.versions if version.rotation_id == "r1"]
    assert (left.state, left.values, history.stage("current").values) == ("destroyed", {}, OLD.values)
    assert left.key_id in shown
    assert "E_STORE_STAGE" in shown

    made = [value[at : at + 12] for value in made for at in range(len(value) - 11)]
    credentials = [place.options.get("secret_id"), *place.environment.values(), "CANARY-dev", "CANARY-prod"]
    secrets = {secret for secret in (*made, *OLD.values.values(), *credentials) if secret} - {AWS["AWS_REGION"]}
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.name not in (".env", "pending", "vars.json", "keys.vault.yml", "dev", "prod"):
            shown += path.read_text(errors="replace")
    assert {secret for secret in secrets if secret in shown} == set()


READ = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars:
    key_rotation_store_path: "{{ here }}"
  tasks:
    - ansible.builtin.copy:
        content: "{{ {'one': lookup('tetech.key_rotation.keys', 'SECRET_KEY', stage='current'),
                      'pending': lookup('tetech.key_rotation.keys', 'SECRET_KEY', stage='pending'),
                      'set': lookup('tetech.key_rotation.keys')} | to_json }}"
        dest: "{{ playbook_dir }}/read"
        mode: "0600"
      no_log: true
      diff: false
"""


def test_people_outside_our_roles_read_with_options_from_variables_environment_and_ini(place, begin, tmp_path):
    begin(place)
    options = dict(place.options)
    path = options.pop("path")
    taken = {"url": "VAULT_ADDR", "role_id": "VAULT_ROLE_ID", "secret_id": "VAULT_SECRET_ID"}
    taken = {**taken, "endpoint_url": "AWS_ENDPOINT_URL", "type": "KEY_ROTATION_STORE_TYPE"}
    environment = {variable: options.pop(name) for name, variable in taken.items() if name in options}
    ini = "".join(f"{name} = {value}\n" for name, value in options.items())
    (tmp_path / "ansible.cfg").write_text(f"[key_rotation_store]\n{ini}")
    play(place, tmp_path, READ, "-e", f"here={path}", **environment)
    read = json.loads((tmp_path / "read").read_text())
    values = {"one": OLD.values["SECRET_KEY"], "pending": NEW.values["SECRET_KEY"], "set": OLD.values}
    assert read == values
