#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: application_reading
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Ask the application itself, before a rotation and after it
description:
  - Each run is a fresh process of the application that is started under its env file as that is.
  - Reads, in a transaction that cannot write, through the models, all that may depend on a key, and keeps keyed
    digests. These are encrypted columns, properties and descriptors made from them, and every field of every model that
    is not a plain field of Django.
  - Brings a text through the application's own encryption and back, and sees under which keys the token is.
  - Runs C(manage.py check --deploy), and C(manage.py verify_encryption) where there is one, and counts what they
    complain of. What they print is not shown.
  - With O(state=compared), fails where a value is read in another way than before, a text does not come back or is
    encrypted under other keys, or one of the two commands complains of more than before.
options:
  state:
    description:
      - V(taken) before a rotation, V(compared) after it.
      - A rotation that is gone on with has its picture in the record, from before its first write.
    type: str
    required: true
    choices: [taken, compared]
  fence:
    description:
      - With O(state=taken) and V(auto), no other session can write a target column from before the reading on, so that
        nothing is written between it and the census of M(tetech.key_rotation.django_reencrypt).
    type: str
    choices: [auto, "off"]
    default: "off"
  baseline:
    description: The RV(picture) that was taken. Without one nothing is compared with it.
    type: dict
    default: {}
  meanwhile:
    description:
      - What M(tetech.key_rotation.django_census) returned as C(meanwhile). Of tables in which other processes have
        written no more values may fail than before, and no fewer may be read than what they wrote explains.
    type: dict
    default: {}
  written:
    description:
      - What M(tetech.key_rotation.django_census) returned as C(written). What the application reads of these values is
        in the RV(picture) as C(written), if it is nothing, a token, an error, or the text of a failed decryption.
        With O(state=compared), all but nothing fails.
    type: dict
    default: {}
  rows:
    description: How many rows of each model are read, the first ones by primary key. 0 is all.
    type: int
    default: 0
  left_out:
    description:
      - Fields and properties that are not read, each as C(app.Model.name), such as an age.
      - M(tetech.key_rotation.checklist_facts) says which of them are none.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds that each of the two commands may take.
    type: int
    default: 600
  digest_key:
    description: Set by the action plugin. Not for playbooks. Never logged.
    type: str
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.project
  - tetech.key_rotation.key_rotation.keys
  - tetech.key_rotation.key_rotation.rotation
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: See how the application reads its values
  tetech.key_rotation.application_reading:
    state: taken
    project_dir: /srv/food_ordering
    env_file: /srv/food_ordering/.env
    rotation_id: "{{ record_opened.rotation_id }}"
  register: before
  vars:
    ansible_python_interpreter: /srv/food_ordering/.venv/bin/python
"""

RETURN = r"""
picture:
  description:
    - The C(readings), each with its model and attribute as C(name), its C(table), the encrypted C(columns) it is made
      from, how many values were C(read), how many of them as C(tokens), and how many C(failed). The keyed C(digest) is
      over all; a column that is not encrypted has C(parts), digests of what is stored and read in parts of its rows.
    - With O(written), what the application reads of these values in another way than a value, as C(written).
    - The C(round_trips), each C(well), C(not tried), or what is wrong; the columns that are C(unread) by any model.
    - With O(state=compared), what is C(unsteady), since a second reading under the same keys was another one.
    - The C(opening), how many C(seconds) per value the engine took to decrypt the first values of each table, and of
      how many values that is (C(tries)).
    - Message ids of C(check) with their counts, and what C(verify_encryption) counts.
  type: dict
  returned: success
"""

import contextlib
from collections.abc import Callable
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._errors.base import RotationError
from ..module_utils._module.runner import run
from ..module_utils._options.application_options import APPLICATION_READING_MODULE


def ask(module: AnsibleModule) -> dict[str, Any]:
    """The picture, and the first thing that is worse than in the baseline as an error."""
    from ..module_utils._engine import rotation
    from ..module_utils._engine.application import django_project
    from ..module_utils._engine.proof import damage, model_reading
    from ..module_utils._monitoring import response_times
    from ..module_utils._options.engine_request import request_of
    from ..module_utils._services import commands

    params = module.params
    with rotation.opened(request_of(params, "reading")) as application:
        from django.core.management import get_commands

        if params["state"] == "taken" and params["fence"] == "auto":
            application.close(params["rotation_id"])

        def read(wanted: Callable[[str], bool]) -> dict[str, Any]:
            key, rows = bytes.fromhex(params["digest_key"]), params["rows"]
            return model_reading.of_application(
                application.targets, application.keyring, key, rows, application.progress, wanted
            )

        picture = read(lambda name: name not in params["left_out"])
        if others := model_reading.changed(params["baseline"], picture, params["meanwhile"]):
            picture["unsteady"] = model_reading.unsteady(picture, read(others.__contains__))
        if params["written"]:
            picture["written"] = [
                list(one) for one in damage.seen(params["written"], application.targets, application.keyring)
            ]
        picture["opening"] = response_times.of_opening(application)
        known = get_commands()
        django_project.let_go()  # before this process is forked
    picture["check"] = commands.check(params["timeout"])
    if "verify_encryption" in known:
        picture["verify_encryption"] = commands.verify_encryption(params["timeout"])
    if params["state"] == "compared":
        try:
            model_reading.refuse_damaged(picture.get("written", ()))
        except RotationError as exc:  # with all values by name, for the record
            return {"changed": False, "failed": True, "picture": picture, **exc.as_result()}
        model_reading.refuse_worse(params["baseline"], picture, params["meanwhile"], params["left_out"])
        _open(application)
    return {"changed": False, "picture": picture}


def _open(application: Any) -> None:
    """All is proved: the application may write again. What cannot be dropped now is when the lease is returned.

    Raises E_STALE_WRITER if a process that was not stopped waits for just that.
    """
    from ..module_utils._engine.rewrite import fence

    with contextlib.ExitStack() as stack:
        own = [stack.enter_context(contextlib.closing(database.another())) for database, _ in application.parts]
        for database in own:
            fence.refuse_writers(database)
        for database in own:
            fence.take_down(database)


def main() -> None:
    run(AnsibleModule(APPLICATION_READING_MODULE, supports_check_mode=True), ask)


if __name__ == "__main__":
    main()
