#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: application_reading
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Compare how the application reads its data before and after a rotation
description:
  - Starts a fresh process of the application with its .env file unchanged.
  - Reads everything that may depend on a key through the models, in a read-only transaction, and keeps keyed digests.
    This includes encrypted columns, properties and descriptors derived from them, and every field that is not a plain
    Django field.
  - Encrypts a text with the application's own encryption, decrypts it again, and determines the keys of the token.
  - Runs C(manage.py check --deploy), and C(manage.py verify_encryption) if the application has it, and counts the
    problems that they report. Their output is not shown.
  - With O(state=verified), fails if a value that was read before is read differently, if a text cannot be decrypted
    again or is encrypted under other keys, or if one of the two commands reports more problems than before.
options:
  state:
    description:
      - V(recorded) before a rotation, V(verified) after it.
      - If a rotation is resumed, its reading is in the record, from before its first write.
    type: str
    required: true
    choices: [recorded, verified]
  fence:
    description:
      - With O(state=recorded) and V(auto), no other session can write to a target column from before this reading.
        Nothing is then written between it and the census of M(tetech.key_rotation.django_reencrypt).
    type: str
    choices: [auto, "off"]
    default: "off"
  baseline:
    description: The RV(reading) that was returned before. Without it, nothing is compared.
    type: dict
    default: {}
  concurrent_rows:
    description:
      - The C(concurrent_rows) that M(tetech.key_rotation.django_census) returned.
      - In tables to which other processes wrote, no more values may fail than before. A smaller number of values must
        be explained by what they wrote.
      - In M(tetech.key_rotation.host_tasks), this, O(unwrapped) and O(written) come from the census before it.
    type: dict
    default: {}
  unwrapped:
    description:
      - The C(unwrapped) that M(tetech.key_rotation.django_census) returned.
      - The application reads values that were encrypted twice in another way than before. Their number per table must
        explain it, like what was written.
    type: dict
    default: {}
  written:
    description:
      - The C(written) that M(tetech.key_rotation.django_census) returned.
      - RV(reading) reports as C(written) what the application reads of these values, if it is nothing, a token, an
        error, or the text of a failed decryption. With O(state=verified), all of these but nothing fail.
    type: dict
    default: {}
  serving:
    description:
      - Whether the application serves. With O(state=recorded), RV(reading) then counts what was written to each table
        (C(counters)). With O(state=verified), the write fence is not touched.
      - If O(baseline) has such counters, rows that may have been written since explain fewer values. No more values may
        fail than before.
    type: bool
    default: false
  since_preparation:
    description:
      - What M(tetech.key_rotation.django_reencrypt) returned under this name. Without it, any number of rows may have
        been written since a O(baseline) with counters.
    type: dict
  concurrent_writes:
    description: The C(concurrent_writes) that the last M(tetech.key_rotation.django_reencrypt) of the run returned.
    type: dict
  rows:
    description: How many rows of each model are read, in the order of the primary key. 0 means all rows.
    type: int
    default: 0
  application_ignore:
    description:
      - Fields and properties that are not read, each as C(app.Model.name), such as an age that changes every day.
      - M(tetech.key_rotation.checklist_facts) reports names in this list that do not exist.
  timeout:
    description: Maximum number of seconds for each of the two commands.
    type: int
    default: 600
  digest_key:
    description: The key of the digests. Set by the action plugin. Not for playbooks. Never logged.
    type: str
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.unread
  - tetech.key_rotation.key_rotation.application
  - tetech.key_rotation.key_rotation.project
  - tetech.key_rotation.key_rotation.keys
  - tetech.key_rotation.key_rotation.rotation
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Record how the application reads its values
  tetech.key_rotation.application_reading:
    state: recorded
    project_dir: /srv/food_ordering
    env_file: /srv/food_ordering/.env
    rotation_id: "{{ record_opened.rotation_id }}"
  register: before
  vars:
    ansible_python_interpreter: /srv/food_ordering/.venv/bin/python
"""

RETURN = r"""
reading:
  description:
    - The C(readings), each with its model and attribute (C(name)), its C(table), the encrypted C(columns) that it is
      derived from, and how many values were C(read), read as C(tokens), and C(failed). The keyed C(digest) covers all
      values. Rows that are not read are named by keyed digests (C(unread_rows)), and C(read_digest) covers the others;
      C(read_before_digest) covers those that were read according to O(baseline). A column that is not encrypted has
      C(parts), digests of the stored and the read values of groups of its rows. One that is computed
      from ciphertext (C(of_ciphertext)), or from the date or the time (C(dated)), is only counted.
    - With O(written), the values that the application reads as something other than a value (C(written)).
    - The C(round_trips), each with its C(outcome) (C(well), C(not_tried), C(not_returned) or C(other_keys)), and the
      columns that no model reads (C(unread)).
    - With O(state=verified), the readings that are C(unsteady), because a second reading under the same keys gave
      another result.
    - The C(opening), how many C(seconds) per value the engine needed to decrypt the first values of each table, and the
      number of those values (C(tries)).
    - Message IDs of C(check) with their counts, and the counts of C(verify_encryption).
  type: dict
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.runner import run
from ..module_utils._options.application_options import APPLICATION_READING_MODULE
from ..module_utils._tasks.compare_readings import compare_readings


def main() -> None:
    run(AnsibleModule(APPLICATION_READING_MODULE, supports_check_mode=True), compare_readings)


if __name__ == "__main__":
    main()
