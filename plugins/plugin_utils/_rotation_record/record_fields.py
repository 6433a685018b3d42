# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Members that several events of a run have."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from ...module_utils._stores.history import History
from ...module_utils._stores.store_interface import Store
from .record_signing import follows

OF_VERSION = ("key_id", "rotation_id", "origin", "state", "created", "outcome", "destroyed")


def retain_until() -> str:
    """Until when the record is to be kept: twelve months from its newest end, PCI DSS 10.5.1."""
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=366)).strftime("%Y-%m-%d")


def end_fields(store: Store, history: History) -> Mapping[str, Any]:
    """What the end of every run says."""
    return {"versions": _versions(history), "retain_until": retain_until(), **follows(store)}


def _versions(history: History) -> Sequence[Mapping[str, Any]]:
    """What the store knows of each version, without its values. The states are those of NIST SP 800-57."""
    stages = {key_id: stage for stage, key_id in history.stages.items()}
    return [
        {**{name: getattr(version, name) for name in OF_VERSION}, "stage": stages.get(version.key_id)}
        for version in history.versions
    ]
