#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: django_census_info
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Report under which keys each encrypted value is
description:
  - Decrypts every value of every target of a Django application, read-only and in one snapshot of the database.
  - Each run is a fresh process that has only the given key sets.
  - If the store has no version, the keys in O(env_file) are used.
  - Fails unless the application, as it starts, reads O(env_file) and takes its keys from it.
options:
  stages:
    description: The stages of the store whose key sets are tried. The default is all versions.
    type: list
    elements: str
    default: []
  digest_stage:
    description: The stage whose key set keys the digest of all plaintexts.
    type: str
    default: current
  expect_stage:
    description: Fail unless every value is empty or under this stage, and O(env_file) has its keys.
    type: str
  baseline:
    description: The RV(targets) of an earlier census. Fail unless counts and digests are the same.
    type: list
    elements: dict
    default: []
  unopened:
    description:
      - What to do about values that no key decrypts.
      - They are V(refused), or may stay V(as_before) if there are no more of them than in O(baseline). RV(unopened)
        then reports them.
    type: str
    choices: [refused, as_before]
    default: refused
  row_digests:
    description:
      - The file that M(tetech.key_rotation.django_reencrypt) wrote with the O(baseline).
      - If counts or digests differ, a second pass compares every row. Rows that another process wrote may differ, be
        new, or be deleted.
      - Does not work for formats without authentication, because the keys of such a row cannot be determined.
    type: path
  preparation:
    description:
      - The RV(ignore:preparation) that M(tetech.key_rotation.django_prepare) returned with C(state=verified).
      - A row that is exactly a token which was verified then is counted without being decrypted again. All others are
        decrypted, and tables that are not prepared.
    type: dict
    default: {}
  reopened:
    description: With O(preparation), the C(reopened) that M(tetech.key_rotation.django_reencrypt) returned.
    type: list
    elements: dict
    default: []
  serving:
    description:
      - Whether the application serves again. Every value of the columns in O(reopened) is decrypted. The others were,
        before the application was started.
      - Rows that were written since O(concurrent_writes) may differ, be new, or be deleted. RV(served) counts them.
    type: bool
    default: false
  users_write:
    description:
      - Whether the application served since the first write, so that its users wrote the rows that other processes
        wrote since. RV(served) counts them.
    type: bool
    default: false
  concurrent_writes:
    description: The C(concurrent_writes) that the last M(tetech.key_rotation.django_reencrypt) of the run returned.
    type: dict
  written:
    description:
      - Rows by column, as C(table.column), of which another process wrote the value before the O(baseline).
      - RV(damaged) then has those that the application cannot read, and the ones that were written since.
    type: dict
  report_only:
    description:
      - Report what is found, and refuse nothing. Values that no version decrypts are counted. Where the application
        takes its keys from is not checked.
      - With O(row_digests) of an unfinished rotation or rollback, RV(since) says what differs from before its first
        write.
      - Fails while a step of a rotation or rollback is running. M(tetech.key_rotation.database_lease) reports a run
        that is between two steps.
    type: bool
    default: false
  leaving:
    description:
      - The stages whose keys a rollback is about to remove from the .env file. The list is empty before
        re-encryption.
      - Fail if the application may need one of them to read a value, and list those values, unless they are
        acknowledged.
      - With O(users_write=true), values that open are not listed. They were written since the last pass, and the next
        pass re-encrypts them.
      - Refuses nothing else, as with O(report_only=true).
    type: list
    elements: str
  acknowledge:
    description: With O(leaving), the values whose loss is accepted, as C(table.column:count), copied from the error.
    type: str
    default: ""
  accounted:
    description:
      - Fail unless every column and every key is accounted for.
      - A column is accounted for if it is a target, is explained by its content, or is in O(settlements). A key is
        accounted for if a value is under it, or if its V(use) is V(signing).
    type: bool
    default: false
  rehearsed:
    description:
      - Also fail if the application could not be rotated to new keys, as M(tetech.key_rotation.django_reencrypt) would
        before its first write. This tries the pending version, or new values that are then discarded. A few rows are
        read under these too, and nothing that the application makes of them may depend on the keys.
    type: bool
    default: false
  supplied:
    description: With O(rehearsed), new values come from a file. Only what no new value would change is tried.
    type: bool
    default: false
  application_ignore:
    description: With O(rehearsed), fields and properties that are not read, as for
      M(tetech.key_rotation.application_reading).
  sessions_allowed:
    description: C(application_name) of database sessions of the application's role that hold no key, for RV(sessions).
  run:
    description: The run that takes the census, with O(report_only=true). Set by the action plugin. Not for playbooks.
    type: str
    default: ""
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.sessions
  - tetech.key_rotation.key_rotation.unread
  - tetech.key_rotation.key_rotation.mode
  - tetech.key_rotation.key_rotation.recorded
  - tetech.key_rotation.key_rotation.outside
  - tetech.key_rotation.key_rotation.application
  - tetech.key_rotation.key_rotation.project
  - tetech.key_rotation.key_rotation.keys
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Check that every value is under the current keys
  tetech.key_rotation.django_census_info:
    project_dir: /srv/food_ordering
    env_file: /srv/food_ordering/.env
    stages: [current]
    expect_stage: current
  vars:
    ansible_python_interpreter: /srv/food_ordering/.venv/bin/python
"""

RETURN = r"""
targets:
  description:
    - For each target its model, table, column, scheme, rows, counts by class, and digest.
    - For values that are encrypted twice, C(layers) counts those that have a layer under each stage.
  type: list
  elements: dict
  returned: success
concurrent_rows:
  description:
    - For each table to which other processes wrote since O(baseline), how many rows were C(changed), C(inserted) and
      C(deleted). All other rows were verified to be the same.
  type: dict
  returned: success
served:
  description: The same as RV(concurrent_rows), with O(serving=true) or O(users_write=true).
  type: dict
  returned: with O(serving=true) or O(users_write=true)
unwrapped:
  description: For each table how many values of O(baseline) were encrypted twice, as C(unwrapped).
  type: dict
  returned: success
written:
  description:
    - For each column, the primary keys of the rows in which another process changed the value since O(baseline).
  type: dict
  returned: success
since:
  description:
    - With O(report_only=true) and O(row_digests), whether every row is the C(same) as before the first write, and the
      first C(written_rows) by column and C(added_rows) by table that are not.
    - Also returned by a census that fails, if it has O(row_digests) and no O(baseline).
    - Empty without such a file, or if other columns are encrypted than when it was written.
  type: dict
  returned: success
damaged:
  description: With O(written), the values that the application cannot read, each with what it reads in their place.
  type: list
  elements: list
  returned: success
doubtful:
  description:
    - With O(accounted=true), columns that stop nothing and of which some values may be under a key that is rotated, or
      hashes that may be computed with one.
      Each has C(column), C(what) and C(todo).
  type: list
  elements: dict
  returned: success
unopened:
  description: With O(unopened=as_before), the C(count) of these values and the first C(rows), if there are any, and the
    same by class in C(classes).
  type: dict
  returned: success
outside:
  description:
    - With O(outside=report), the columns that were no part of the last rotation and of which nothing opens, each with
      C(column) and C(what).
  type: list
  elements: dict
  returned: success
needing:
  description:
    - The values that may need one of these stages, by C(column) and C(class), with C(count) and the first C(rows).
  type: list
  elements: dict
  returned: with O(leaving)
migrations:
  description: Migration files that rotations created, by rotation.
  type: dict
  returned: with O(report_only=true)
sessions:
  description:
    - With O(baseline), the database sessions of the application's role that were opened before O(env_file) was written
      last, as M(tetech.key_rotation.application_sessions) returns them. Without databases behind a connection pooler.
  type: list
  elements: dict
  returned: success
kept_aside:
  description: Databases on the same servers that a restore kept, with the key IDs that each may need.
  type: dict
  returned: success
key_ids:
  description: Key ID of each key set that was tried.
  type: dict
  returned: success
versions:
  description: Versions of Python, Django and the libraries of the application.
  type: dict
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.runner import run
from ..module_utils._options.data_options import DJANGO_CENSUS_INFO_MODULE
from ..module_utils._tasks.take_census import take_census


def main() -> None:
    run(AnsibleModule(DJANGO_CENSUS_INFO_MODULE, supports_check_mode=True), take_census)


if __name__ == "__main__":
    main()
