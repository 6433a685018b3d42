# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether every host of a run is lost: Ansible then ends it there, without the last steps of the playbook."""

from __future__ import annotations

from collections.abc import Collection

from ...module_utils._record.writer import Record
from .._report.read_rotation import reduce

CODE = "E_HOST_LOST"


def all_hosts_unreachable(record: Record, hosts: Collection[str], host: str) -> bool:
    """Whether with ``host`` the last one of ``hosts`` was lost, by what the record says of the run.

    Of several that are lost in one moment, each in a process of its own, only the one that was written last says so.
    """
    newest = reduce(record.rotation_id, record.decoded()).act.hosts
    lost = [name for name, code in newest.items() if code == CODE]
    return set(hosts) <= {*lost, host} and (host not in lost or lost[-1] == host)
