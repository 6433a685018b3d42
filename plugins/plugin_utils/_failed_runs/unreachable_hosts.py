# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find out whether all hosts of a run are unreachable. Ansible then ends the run without the last steps."""

from __future__ import annotations

from collections.abc import Collection

from ...module_utils._errors.run import HostLost
from ...module_utils._record.writer import Record
from .._report.read_rotation import reduce


def all_hosts_unreachable(record: Record, hosts: Collection[str], host: str) -> bool:
    """Return whether ``host`` is the last of ``hosts`` that became unreachable, according to the record.

    If several are lost at the same time, each in its own process, only the one that was recorded last returns True.
    """
    newest = reduce(record.rotation_id, record.decoded()).last_run.hosts
    lost = [name for name, code in newest.items() if code == HostLost.code]
    return set(hosts) <= {*lost, host} and (host not in lost or lost[-1] == host)
