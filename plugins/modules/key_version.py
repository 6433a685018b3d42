#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: key_version
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Make, stage and take back versions of an application's keys
description:
  - Keeps the versions of a key set in a store, and which of them is pending, current and previous.
  - New values come from the operating system's random source. They are put into the store, and read back,
    before anything uses them.
  - Values never appear in a result. A version is spoken of by its key id.
options:
  state:
    description:
      - V(adopted) takes the keys of the env file as the current version where the store is empty, and otherwise
        proves that the env file and the store agree.
      - V(pending) has one new version for O(rotation_id), made once and found again ever after. It refuses a store
        without a current version, a rotation that was rolled back, and other O(keys) or values than it made before.
      - V(current) makes the pending version current, and the current one previous.
      - V(rolled_back) makes the version before that of O(rotation_id) current again.
      - V(discarded) takes the pending version of O(rotation_id) back, where O(census) shows no value under it. Its
        values are kept, as one that was rolled back.
      - V(destroyed) removes the values of the version O(key_id) from the store. Its key id, dates and state stay in the
        history. It refuses the current and the pending version, a version while a rotation is open, one that
        O(census) shows in use or a database that a restore kept aside may need, one of O(needed_by_backups), and one of
        which a version with a stage keeps a value in its list (C(keep) of O(keys)). RV(kept_by) names older versions
        that keep one, which should go too.
      - In AWS Secrets Manager V(destroyed) takes the version's labels away, and AWS deletes it later, when it likes.
      - V(agreed) fails unless the env file holds the current version.
      - V(listed) says which versions there are. Its RV(key_id) is O(key_id), or else the previous version, or empty.
      - V(seen) says which stage's version the env file holds, and fails for none.
    type: str
    required: true
    choices: [adopted, pending, current, rolled_back, discarded, destroyed, agreed, listed, seen]
  key_id:
    description:
      - With O(state=adopted), the key id that was proved to open the data.
      - With O(state=destroyed), the version to destroy.
    type: str
  values_file:
    description:
      - With O(state=pending), a file on the control node with values that somebody else made, a dictionary by the name
        of the key, encrypted by Ansible Vault. Keys that it does not name are made here.
      - A value is refused that is weak by Django's check C(security.W009) (shorter than 50 characters, fewer than 5
        different ones, C(django-insecure-)), is not of its type, holds characters that some reader of C(.env) files
        does not give back, cannot be given back from a file in the O(dialect), or was used before.
      - Of an OpenPGP key pair both halves must be there, such as PostgreSQL's pgcrypto can use.
    type: path
  census:
    description: >-
      With O(state=discarded) and O(state=destroyed), the result of M(tetech.key_rotation.django_census), taken with
      every stage just before.
    type: dict
  needed_by_backups:
    description: With O(state=destroyed), key ids of the versions that backups need which you keep.
    type: list
    elements: str
    default: []
  hold_days:
    description: With O(state=destroyed), refuse so many days after the rotation that replaced the version.
    type: int
    default: 0
  compromised:
    description: With O(state=destroyed), remember that the keys had become known to somebody else.
    type: bool
    default: false
  reason:
    description: With O(state=destroyed), why, for the record.
    type: str
  authorization:
    description: With O(state=destroyed), who approved it and the ticket, for the record.
    type: raw
  environment:
    description:
      - With O(state=destroyed), what the keys are of. Without O(reason) and O(authorization), no version of
        V(production) is destroyed.
    type: str
    choices: [demo, staging, production]
  operator:
    description: With O(state=destroyed), who destroys it, where their account does not say it, for the record.
    type: str
  seal_to:
    description: Set by the action plugin. Not for playbooks.
    type: str
notes:
  - By itself, without the roles, a rotation is M(tetech.key_rotation.rotation_record) with C(state=opened),
    O(state=adopted), O(state=pending), M(tetech.key_rotation.django_reencrypt) where data is under the keys,
    M(tetech.key_rotation.env_file) with C(stage=pending), O(state=current), and
    M(tetech.key_rotation.rotation_record) with C(state=completed), each with the same O(rotation_id) and O(record_dir).
  - The rotation stays open until that last step, which refuses a record that was not opened and proves nothing by
    itself. While it is open, another rotation and O(state=destroyed) are refused, and O(state=rolled_back) takes it
    back.
  - After O(state=current) no version is pending any more. A task that is run again after it names C(stage=current).
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.keys
  - tetech.key_rotation.key_rotation.rotation
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Take the application's own keys as the current version
  tetech.key_rotation.key_version:
    state: adopted
    env_file: /srv/app/.env
    rotation_id: "2026-spring"

- name: Make the new version of this rotation
  tetech.key_rotation.key_version:
    state: pending
    rotation_id: "2026-spring"
  register: pending_version

- name: See what every value is under
  tetech.key_rotation.django_census:
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
  description: Key id of the version that was made, found or staged.
  type: str
  returned: success
  sample: 1f0c2b9a7d5e4c31
stages:
  description: Key id of each stage.
  type: dict
  returned: success
versions:
  description: With O(state=listed), each version without its values, oldest first.
  type: list
  elements: dict
  returned: with O(state=listed)
generated:
  description: Of each key its name, type, bits and source of randomness, V(supplied) where the operator had the value.
  type: list
  elements: dict
  returned: with O(state=pending), when a version was made
kept_by:
  description: Versions without a stage that keep a value of this one in a list.
  type: list
  elements: str
  returned: with O(state=destroyed)
holds:
  description: >-
    The stage whose keys the env file holds, V(several) in the middle of a switch of several files, V(rolled back) where
    they are those of a rotation that was taken back, V(other) where they are of none.
  type: str
  returned: with O(state=seen)
store:
  description: Where the versions are kept.
  type: str
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._errors.base import RotationError
from ..module_utils._module.runner import run
from ..module_utils._options.key_options import KEY_VERSION_MODULE


def read_sealed(module: AnsibleModule) -> dict[str, Any]:
    """The host's part: the application's own keys, readable by the action that asked and by nobody else."""
    from ..module_utils._engine.crypto.key_set import KeySet
    from ..module_utils._env_file import key_files
    from ..module_utils._module import sealed_result

    params = module.params
    if not params["seal_to"]:
        raise RotationError("E_OPTION", name="seal_to", found="is not set", advice="Call key_version by its full name.")
    values = key_files.read(params["env_file"], params["keys"], dialect=params["dialect"])
    key_files.refuse_unwritable(params["env_file"], params["keys"])
    return {"changed": False, "sealed": sealed_result.seal(params["seal_to"], values), "key_id": KeySet(values).key_id}


def main() -> None:
    run(AnsibleModule(KEY_VERSION_MODULE, supports_check_mode=True), read_sealed)


if __name__ == "__main__":
    main()
