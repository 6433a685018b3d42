# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shares of a re-encryption that several hosts have done, for the step that finishes it."""

from __future__ import annotations

from ansible.utils.display import Display

from ..module_utils._errors.database import ConnectionLost
from ..module_utils._errors.run import ModuleDied, WorkersKilled
from ._task_types import TaskArguments, TaskResult

display = Display()
# With these, another host can do the remaining work.
HOST_LOST = (ModuleDied.code, WorkersKilled.code, ConnectionLost.code)


def take_shares(args: TaskArguments) -> TaskResult | None:
    """Take the ``shares`` out of the options, and add what the final step needs from them.

    Return a failed result if one of the shares has failed; otherwise None.
    """
    shares = args.pop("shares", None) or {}
    for host, share in shares.items():
        error = share.get("error") or {}
        if share.get("unreachable") or error.get("code") in HOST_LOST:
            display.display(f"  {host} was lost ({error.get('code', 'unreachable')}): its remaining work is done here")
            args.pop("examined", None)  # it has to be examined again
            args.pop("concurrent_writes", None)
        elif error:
            return {"failed": True, "msg": f"{host}: {share['msg']}", "error": dict(error)}
        elif "targets" not in share:  # what Ansible itself says of it, such as a password of sudo that is missing
            return {"failed": True, "msg": f"{host}: {share.get('msg', 'its share was not done')}"}
    if args.get("concurrent_writes"):
        args["concurrent_writes"] = [
            *args["concurrent_writes"],
            *(share["concurrent_writes"] for share in shares.values()),
        ]
    return None
