#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: key_version
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Create, stage and roll back versions of an application's keys
description:
  - Manages the versions of a key set in a key store, and which of them is pending, current and previous.
  - New values come from the operating system's random source. They are written to the store, and read back, before
    anything uses them.
  - Results never contain values. A version is identified by its key ID.
options:
  state:
    description:
      - V(adopted) stores the keys of the .env file as the current version if the store is empty. Otherwise it
        verifies that the .env file and the store agree.
      - V(pending) creates one new version for O(rotation_id). Every later call finds the same version. It refuses a
        store without a current version, a rotation that was rolled back, and other O(keys) or values than in the first
        call.
      - V(current) makes the pending version current, and the current version previous.
      - V(rolled_back) makes the version that preceded the one of O(rotation_id) current again.
      - V(discarded) removes the stage of the pending version of O(rotation_id), if O(census) shows that no value is
        under it. Its values are kept, like those of a version that was rolled back.
      - V(destroyed) removes the values of the version O(key_id) from the store. Its key ID, dates and state stay in the
        history.
      - V(destroyed) refuses the current and the pending version, and any version while a rotation is open.
      - It also refuses a version that O(census) shows in use, that a database kept by a restore may need, or that one
        of O(kept_backups) needs.
      - It also refuses a version if a version with a stage keeps one of its values in a list (C(keep) of O(keys)).
        RV(kept_by) lists older versions that keep such a value and should be destroyed too.
      - In AWS Secrets Manager V(destroyed) removes the labels of the version. AWS deletes it at a later time.
    type: str
    required: true
    choices: [adopted, pending, current, rolled_back, discarded, destroyed]
  key_id:
    description:
      - With O(state=adopted), the key ID of the keys that were verified to decrypt the data.
      - With O(state=destroyed), the version to destroy.
    type: str
  values_file:
    description:
      - With O(state=pending), a file on the control node with your own values, encrypted with Ansible Vault. It is a
        dictionary by key name. Other keys get a generated value.
      - A value is refused if Django's check C(security.W009) calls it weak (shorter than 50 characters, fewer than 5
        different characters, C(django-insecure-)), if it does not have its type, if a reader of .env files or
        the file's O(dialect) would change it, or if it was used before.
      - For an OpenPGP key pair, give both halves in a form that PostgreSQL's pgcrypto can use.
    type: path
  census:
    description:
      - With O(state=discarded) and O(state=destroyed), the result of M(tetech.key_rotation.django_census_info), taken
        just before with every stage.
    type: dict
  kept_backups:
    description:
      - With O(state=destroyed), the backups that are kept on all hosts, as
        M(tetech.key_rotation.postgresql_backup_info) returns them, each with its C(manifest) and the C(key_ids) that
        it needs.
    type: list
    elements: dict
    default: []
  processes:
    description:
      - With O(state=destroyed), the results of M(tetech.key_rotation.process_keys_info) by host. A host whose processes
        do not all have the current keys, or could not be checked, refuses the destruction. A process that has the
        version may still write under it.
    type: dict
    default: {}
  hold_days:
    description: With O(state=destroyed), refuse for this number of days after the rotation that replaced the version.
    type: int
    default: 0
  compromised:
    description:
      - With O(state=destroyed), record that the keys were exposed.
      - With O(state=pending), mark the version that is to be replaced as compromised, from then on. The rollback
        playbook then refuses to make it current again.
    type: bool
    default: false
  reason:
    description: With O(state=destroyed), the reason, for the record.
  authorization:
    description: With O(state=destroyed), the approver and the ticket, for the record.
  environment:
    description:
      - With O(state=destroyed), the environment of the keys. In V(production), no version is destroyed without
        O(reason) and O(authorization).
    type: str
    choices: [demo, staging, production]
  operator:
    description:
      - With O(state=destroyed), the person who destroys the version, for the record. Needed if the account does not
        identify them.
    type: str
notes:
  - Without the roles, a rotation consists of M(tetech.key_rotation.rotation_record) with C(state=opened),
    O(state=adopted), O(state=pending), M(tetech.key_rotation.django_reencrypt) if data is under the keys,
    M(tetech.key_rotation.env_file) with C(stage=pending), O(state=current), and M(tetech.key_rotation.rotation_record)
    with C(state=completed). Each step has the same O(rotation_id) and O(record_dir).
  - The rotation stays open until the last step, which refuses a record that was not opened and verifies nothing by
    itself. While it is open, other rotations and O(state=destroyed) are refused, and O(state=rolled_back) rolls it
    back.
  - After O(state=current) no version is pending. A task that runs again after that must use C(stage=current).
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.sealed
  - tetech.key_rotation.key_rotation.grounds
  - tetech.key_rotation.key_rotation.keys
  - tetech.key_rotation.key_rotation.rotation
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Adopt the application's own keys as the current version
  tetech.key_rotation.key_version:
    state: adopted
    env_file: /srv/app/.env
    rotation_id: "2026-spring"

- name: Create the new version of this rotation
  tetech.key_rotation.key_version:
    state: pending
    rotation_id: "2026-spring"
  register: pending_version

- name: Report under which version each value is
  tetech.key_rotation.django_census_info:
    project_dir: /srv/app
    env_file: /srv/app/.env
  register: census

- name: Destroy the keys of the year before last
  tetech.key_rotation.key_version:
    state: destroyed
    key_id: 1f0c2b9a7d5e4c31
    census: "{{ census }}"
    rotation_id: "2026-spring"
"""

RETURN = r"""
key_id:
  description: Key ID of the version that was created, found or staged.
  type: str
  returned: success
  sample: 1f0c2b9a7d5e4c31
stages:
  description: Key ID of each stage.
  type: dict
  returned: success
generated:
  description:
    - For each key its name, type, bits and source of randomness. The source is V(supplied) for a value of the operator.
  type: list
  elements: dict
  returned: with O(state=pending), when a version was created
kept_by:
  description: Versions without a stage that keep a value of this version in a list.
  type: list
  elements: str
  returned: with O(state=destroyed)
store:
  description: The key store.
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.runner import run
from ..module_utils._options.key_options import KEY_VERSION_MODULE
from ..module_utils._tasks.read_keys import read_keys


def main() -> None:
    run(AnsibleModule(KEY_VERSION_MODULE, supports_check_mode=True), read_keys)


if __name__ == "__main__":
    main()
