#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: env_file
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Set an application's keys in its environment file
description:
  - Sets the keys of one stage in an environment file (C(.env)).
  - Leaves every other byte of the file unchanged, and its owner, mode and attributes.
  - Replaces the file in one durable step. Then reads it back with a model of the O(dialect), and with the real reader
    if the host's Python has it (python-dotenv, django-environ, python-decouple).
  - Refuses symbolic links, hard links, files that other users can read or write, mount points, bytes that are not
    UTF-8, keys that are set twice, and lines or values that the reader would change.
options:
  path:
    description: Absolute path of the file.
    type: path
    required: true
  state:
    description:
      - V(present) sets the values.
      - V(prepared) does everything that V(present) does except the switch. It writes the new file next to the old one,
        reads it back and removes it, so that no second file holds a key. Run it on every host before V(present) on the
        first.
    type: str
    choices: [present, prepared]
    default: present
  dialect:
    description:
      - The reader of the file. No quoting is right for all readers.
      - V(dotenv) is python-dotenv, V(systemd) is C(EnvironmentFile=), V(shell) is C(set -a; . file).
    type: str
    choices: [dotenv, django-environ, systemd, shell, compose, python-decouple]
    default: dotenv
  stage:
    description:
      - The stage whose values are set. It must be the version that O(rotation_id) created, or the previous version,
        which a rollback restores.
    type: str
    required: true
    choices: [current, pending, previous]
  values:
    description:
      - The values from the store, sent through a pipe. Set by the action plugin. Not for playbooks. Never logged.
    type: dict
    default: {}
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.named_keys
  - tetech.key_rotation.key_rotation.rotation
  - tetech.key_rotation.key_rotation.attributes
attributes:
  diff_mode:
    support: full
"""

EXAMPLES = r"""
- name: Check on every host that the switch will work
  tetech.key_rotation.env_file:
    state: prepared
    path: /srv/food_ordering/.env
    stage: pending
    keys:
      - name: SECRET_KEY
      - name: ENCRYPTION_SALT
    rotation_id: "2026-spring"

- name: Switch the application to the new keys
  tetech.key_rotation.env_file:
    path: /srv/food_ordering/.env
    stage: pending
    keys:
      - name: SECRET_KEY
      - name: ENCRYPTION_SALT
    rotation_id: "2026-spring"
"""

RETURN = r"""
key_id:
  description: Key ID of the keys that the file has after O(state=present).
  type: str
  returned: success
settings:
  description: Names of the settings that were set.
  type: list
  elements: str
  returned: success
path:
  description: The file.
  type: str
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._errors.options import InvalidOption
from ..module_utils._module.runner import run
from ..module_utils._options.key_options import ENV_FILE_MODULE


def set_values(module: AnsibleModule) -> dict[str, Any]:
    """Rewrite the files where a value differs. Without values (in a dry run) say what would be set."""
    from ..module_utils._env_file import editor, key_files

    places = key_files.paths(module.params["path"], module.params["keys"])
    if module.check_mode:
        return _set(module)
    if not module.params["values"]:
        raise InvalidOption(name="values", found="is not set", advice="Call env_file by its full name.")
    with editor.held(places):
        for place in places:
            editor.discard_leftover(place)
        return _set(module)


def _set(module: AnsibleModule) -> dict[str, Any]:
    from ..module_utils._engine.crypto.key_set import KeySet
    from ..module_utils._env_file import editor, key_files

    state, path, dialect = module.params["state"], module.params["path"], module.params["dialect"]
    keys, values = module.params["keys"], module.params["values"]
    names = [key["name"] for key in keys]
    before = KeySet(key_files.read(path, keys, dialect=dialect))
    after = KeySet(values).key_id if values else "(made by a real run)"
    differs = after != before.key_id
    if differs:
        key_files.refuse_unwritable(path, keys)
    if differs and values:
        changes = key_files.changes(path, keys, values, dialect)
        if not module.check_mode:
            (editor.write if state == "present" else editor.rehearse)(changes)
    changed = differs and state == "present"
    result = {"changed": changed, "path": path, "key_id": after, "settings": names if changed else []}
    if module._diff and state == "present":
        result["diff"] = [
            {
                "before_header": place,
                "after_header": place,
                "before": _shown(there, before.key_id),
                "after": _shown(there, after),
            }
            for place, there in key_files.places(path, keys).items()
        ]
    return result


def _shown(names: list[str], key_id: str) -> str:
    return "".join(f"{name}=<of key set {key_id}>\n" for name in names)


def main() -> None:
    run(AnsibleModule(ENV_FILE_MODULE, supports_check_mode=True), set_values)


if __name__ == "__main__":
    main()
