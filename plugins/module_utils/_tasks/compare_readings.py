# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare how the application reads its data before and after a rotation."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from .._errors.base import RotationError
from .host_task import HostTask, ModuleResult, TaskParams


def compare_readings(task: HostTask) -> ModuleResult:
    """The picture, and the first thing that is worse than in the baseline as an error."""
    from .._engine import rotation
    from .._engine.application import django_project
    from .._engine.proof import damage, model_reading
    from .._engine.proof.reading_types import ApplicationPicture
    from .._monitoring import response_times
    from .._options.engine_request import Purpose, request_of
    from .._services import commands

    params = task.params
    meanwhile = _explained(params)
    with rotation.open_application(request_of(params, Purpose("reading"))) as application:
        from django.core.management import get_commands

        if params["state"] == "recorded" and params["fence"] == "auto":
            application.close(params["rotation_id"])

        def read(wanted: Callable[[str], bool]) -> ApplicationPicture:
            scope = model_reading.ReadingScope(bytes.fromhex(params["digest_key"]), params["rows"], wanted)
            return model_reading.of_application(
                application.read, application.keyring, scope, application.progress
            ).as_result()

        left_out = {*params["left_out"], *application.recreated()}
        picture = read(lambda name: name not in left_out)
        if others := model_reading.changed(params["baseline"], picture, meanwhile):
            picture["unsteady"] = model_reading.unsteady(picture, read(others.__contains__))
        if params["written"]:
            picture["written"] = [
                list(one) for one in damage.find_damaged(params["written"], application.targets, application.keyring)
            ]
        picture["opening"] = response_times.of_opening(application)
        known = get_commands()
        django_project.let_go()  # before this process is forked
    picture["check"] = commands.check(params["timeout"])
    if "verify_encryption" in known:
        picture["verify_encryption"] = commands.verify_encryption(params["timeout"])
    if params["state"] == "verified":
        try:
            model_reading.refuse_damaged(picture.get("written", ()))
        except RotationError as exc:  # with all values by name, for the record
            return {"changed": False, "failed": True, "picture": picture, **exc.as_result()}
        model_reading.refuse_worse(params["baseline"], picture, meanwhile, left_out)
        if hidden := _open(application):
            picture["refused_behind_pooler"] = hidden
    return {"changed": False, "picture": picture}


def _explained(params: TaskParams) -> dict[str, dict[str, int]]:
    """By table, how many values may be read in another way: others wrote them, or they were encrypted twice before."""
    tables = [*params["meanwhile"], *params["unwrapped"]]
    return {name: {**params["meanwhile"].get(name, {}), **params["unwrapped"].get(name, {})} for name in tables}


def _open(application: Any) -> list[str]:
    """All is proved: the application may write again. What cannot be dropped now is when the lease is returned.

    Returns the sessions of a pooler that were refused. Raises E_STALE_WRITER if a process that was not stopped waits
    for just that.
    """
    from .._engine.rewrite import fence

    with contextlib.ExitStack() as stack:
        own = [stack.enter_context(contextlib.closing(database.another())) for database, _ in application.parts]
        hidden = [who for database in own for who in fence.refuse_writers(database)]
        for database in own:
            fence.take_down(database)
    return hidden
