#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: django_census
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
  others:
    description: The C(others) that the last M(tetech.key_rotation.django_reencrypt) of the run returned.
    type: dict
  report_only:
    description:
      - Report what is found, and refuse nothing. Values that no version decrypts are counted. Where the application
        takes its keys from is not checked.
      - Fails while a step of a rotation or rollback is running. M(tetech.key_rotation.database_lease) reports a run
        that is between two steps.
    type: bool
    default: false
  leaving:
    description:
      - The stages whose keys a rollback is about to remove from the environment file. The list is empty before
        re-encryption.
      - Fail if the application may need one of them to read a value, and list those values, unless they are
        acknowledged.
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
  rotation_id:
    description: The rotation to whose record this is written. Without it, nothing is recorded.
    type: str
  run:
    description: The run that takes the census, with O(report_only=true). Set by the action plugin. Not for playbooks.
    type: str
    default: ""
  record_dir:
    description:
      - Folder of the records on the control node.
      - The default is C(.key_rotation/PROJECT/records) next to the inventory.
    type: path
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.project
  - tetech.key_rotation.key_rotation.keys
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Check that every value is under the current keys
  tetech.key_rotation.django_census:
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
meanwhile:
  description:
    - For each table to which other processes wrote since O(baseline), how many rows were C(changed), C(inserted) and
      C(deleted). All other rows were verified to be the same.
  type: dict
  returned: success
unwrapped:
  description: For each table how many values of O(baseline) were encrypted twice, as C(unwrapped).
  type: dict
  returned: success
written:
  description:
    - For each column, the primary keys of the rows in which another process changed the value since O(baseline).
  type: dict
  returned: success
unopened:
  description: With O(unopened=as_before), the C(count) of these values and the first C(rows), if there are any.
  type: dict
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

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._errors.base import RotationError
from ..module_utils._errors.env_file import EnvNotSwitched
from ..module_utils._module.runner import run
from ..module_utils._options.data_options import DJANGO_CENSUS_MODULE


def take_census(module: AnsibleModule) -> dict[str, Any]:
    """Open the application, class every value, and hold it against what was expected."""
    from ..module_utils._backup.database_swap import kept_aside
    from ..module_utils._engine import migration, rotation
    from ..module_utils._engine.application import django_project
    from ..module_utils._options.engine_request import request_of

    params = module.params
    with rotation.opened(request_of(params, "census", run=params["run"], leased=False)) as application:
        application.refuse_unproved()
        if params["accounted"]:
            application.refuse_unaccounted()
        aside = kept_aside(database for database, _ in application.parts)
        tallies = application.census(params["digest_stage"])
        meanwhile: dict[str, Any] = {}
        written: dict[str, list[str]] = {}
        if not params["report_only"] and params["leaving"] is None:
            _refuse(params, application, tallies)
            tallies, meanwhile, written = _compared(params, application, tallies)
    return {
        "changed": False,
        "targets": [tally.as_result() for tally in tallies],
        "meanwhile": meanwhile,
        "unwrapped": _unwrapped(params["baseline"]),
        "written": written,
        "unopened": _unopened(params, tallies),
        "kept_aside": aside,
        "key_ids": {stage: application.keyring.key_id(stage) for stage in application.keyring.stages},
        "versions": django_project.versions(),
        **({"migrations": migration.made()} if params["report_only"] else {}),
        **_needing(params, application, tallies),
    }


def _needing(params: dict[str, Any], application: Any, tallies: Any) -> dict[str, Any]:
    """The values that may need a version that is about to leave the env file; the action judges them."""
    from ..module_utils._engine.proof import census

    if params["leaving"] is None:
        return {}
    return {"needing": census.needing(tallies, application.keyring, params["leaving"])}


def _refuse(params: dict[str, Any], application: Any, tallies: Any) -> None:
    """Raise where the data, the env file or the application is not what it should be."""
    from ..module_utils._engine.proof import census
    from ..module_utils._options.engine_request import refuse_other_source

    if params["unopened"] == "as_before":
        tallies = census.beyond(tallies, params["baseline"])
    # Who has the expected keys alone cannot tell a ruined value from one that was written under other keys.
    alone = list(application.keyring.stages) == [params["expect_stage"]]
    census.refuse_unreadable(tallies, census.UNOPENED_ALONE if alone else census.UNOPENED)
    keys = refuse_other_source(params, application.started)
    if params["expect_stage"]:
        census.refuse_nested(tallies)
        census.refuse_other_than(params["expect_stage"], tallies, application.keyring)
        _refuse_other_env(params, keys.key_id, application.keyring.key_id(params["expect_stage"]))


def _unwrapped(baseline: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """By table, the values that were encrypted twice and are one token now: the application reads them in another way
    than before."""
    from ..module_utils._engine.proof import census

    found: dict[str, dict[str, int]] = {}
    for target in baseline:
        if count := target["classes"].get(census.NESTED, 0):
            counts = found.setdefault(target["table"], {"unwrapped": 0})
            counts["unwrapped"] += count
    return found


def _unopened(params: dict[str, Any], tallies: Any) -> dict[str, Any]:
    """Those that were let pass."""
    from ..module_utils._engine.proof import census

    count, rows = census.odd(tallies, census.UNOPENED.__contains__)
    return {"count": count, "rows": rows} if count and params["unopened"] == "as_before" else {}


def _compared(params: dict[str, Any], application: Any, tallies: Any) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """Compare it with the baseline: the digests of all, or else every row. The census that proved it, how many rows
    another process wrote by table, and of which rows it changed the value by column."""
    from ..module_utils._engine.proof import census, row_digests
    from ..module_utils._engine.rewrite.concurrent_writers import ConcurrentWrites

    baseline, others = params["baseline"], ConcurrentWrites.of([params["others"]] if params["others"] else [])
    differs: RotationError | None = None
    try:
        census.refuse_difference(baseline, [tally.as_result() for tally in tallies])
    except RotationError as exc:
        differs = exc
    strict = application.unauthenticated
    with row_digests.comparison(params["row_digests"], baseline, others, strict) as rows:
        if rows is None or not (differs or rows.earlier):
            if differs:
                raise differs
            return tallies, {}, {}
        again = application.census(params["digest_stage"], each_row=rows)
        looks = rows.looks({tally["table"] for tally in baseline})
    _refuse(params, application, again)
    census.refuse_difference(baseline, [tally.as_result() for tally in again], looks)
    found = {table: look.as_result() for table, look in looks.items()}
    wrote = {table: counts for table, counts in found.items() if any(counts.values())}
    return again, wrote, _written(again, looks)


def _written(tallies: Any, looks: Any) -> dict[str, list[str]]:
    """By column, as table.column, the rows of which another process changed the value."""
    found = {tally.target.name: (tally.target.table.label, tally.target.column) for tally in tallies}
    rows = {name: looks[table].values.get(column) for name, (table, column) in found.items() if table in looks}
    return {name: each for name, each in rows.items() if each}


def _refuse_other_env(params: dict[str, Any], found: str, expected: str) -> None:
    """The application reads its keys from the env file: they must be the ones that were proved."""
    if found != expected:
        raise EnvNotSwitched(path=params["env_file"], found=found, expected=expected)


def main() -> None:
    run(AnsibleModule(DJANGO_CENSUS_MODULE, supports_check_mode=True), take_census)


if __name__ == "__main__":
    main()
