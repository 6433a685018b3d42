# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Report what a rotation would re-encrypt."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from .._errors.base import RotationError
from .host_task import HostTask, ModuleResult, surveys_of

if TYPE_CHECKING:
    from .._engine.discovery.findings.findings import Notice
    from .._engine.rotation import Application


def make_plan(task: HostTask) -> ModuleResult:
    """Open the application and report its content. If the files hold other keys than the store, report only their key
    ID."""
    from .._destinations import agreement, env_file_editor, key_destinations
    from .._engine.crypto.key_set import KeySet
    from .._engine.open_application import open_application
    from .._engine.plan.create_plan import create_plan
    from .._options.engine_request import Purpose, request_of

    params = task.params
    file_keys = key_destinations.read(params["env_file"], params["keys"], every=False, dialect=params["dialect"])
    if not agreement.agrees(file_keys, params["key_sets"], params["keys"], params["base"]):
        return {"changed": False, "other_keys": KeySet(file_keys).key_id}
    known = {**params, "key_sets": agreement.completed(file_keys, params["key_sets"])}
    request = request_of(known, Purpose("plan", every_key=False, traced=params["counted"], tried=params["counted"]))
    names = key_destinations.names_of_env_file(params["keys"])
    env = env_file_editor.everything(params["env_file"], params["dialect"]) if names else {}
    unset = [name for name in names if name not in file_keys]
    with open_application(request, surveys_of(task)) as application:
        planned = create_plan(application, counted=params["counted"], env=env, unset=unset)
        if params["counted"]:  # last, since the uses of keys that are traced are those of the application's start
            reads = _reading_notices(application, params["application_ignore"])
            planned = replace(planned, notices=[*planned.notices, *reads])
    return {"changed": False, "plan": planned.as_document(), "listed": list(planned.listed)}


def _reading_notices(application: Application, ignore: Collection[str]) -> Iterator[Notice]:
    """Yield what the application's own models read and write differently than a rotation needs."""
    from .._engine import under_new_keys
    from .._engine.proof import model_reading

    try:
        findings = model_reading.planned(application.read, application.keyring, ignore)
        findings += under_new_keys.attributes_of_keys(application, ignore)
        findings += under_new_keys.unfit_online(application, ignore)
    except RotationError as exc:
        place = "the application"
        yield {"kind": "reading", "column": place, "notice": exc.what, "todo": exc.todo, "code": exc.code}
        return
    yield from (finding.as_notice() for finding in findings)
