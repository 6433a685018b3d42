# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say what a rotation would re-encrypt."""

from __future__ import annotations

from typing import Any

from .host_task import HostTask


def make_plan(task: HostTask) -> dict[str, Any]:
    """The host's part: open the application and say what is in it; or only the key ID that the files hold, where that
    is not the store's."""
    from .._engine import rotation
    from .._engine.crypto.key_set import KeySet
    from .._env_file import agreement, destinations, editor
    from .._options.engine_request import Purpose, request_of

    params = task.params
    found = destinations.read(params["env_file"], params["keys"], every=False, dialect=params["dialect"])
    if not agreement.agrees(found, params["key_sets"], params["keys"], params["base"]):
        return {"changed": False, "other_keys": KeySet(found).key_id}
    known = {**params, "key_sets": agreement.completed(found, params["key_sets"])}
    request = request_of(known, Purpose("plan", every_key=False, traced=params["counted"], tried=params["counted"]))
    names = destinations.names_of_env_file(params["keys"])
    env = editor.everything(params["env_file"], params["dialect"]) if names else {}
    unset = [name for name in names if name not in found]
    with rotation.open_application(request) as application:
        planned = application.plan(counted=params["counted"], env=env, unset=unset)
    return {"changed": False, "plan": planned.as_document(), "listed": list(planned.listed)}
