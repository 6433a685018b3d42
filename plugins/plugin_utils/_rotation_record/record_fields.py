# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fields that several events of a run share."""

from __future__ import annotations

import datetime

from ...module_utils._record.events import LineContent
from ...module_utils._stores.history import History
from ...module_utils._stores.store_interface import Store
from .record_signing import follows


def retain_until() -> str:
    """The date until which the record must be kept: twelve months after its newest end (PCI DSS 10.5.1)."""
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=366)).strftime("%Y-%m-%d")


def end_fields(store: Store, history: History) -> LineContent:
    """The fields of the event that ends a run."""
    return {"versions": history.described(), "retain_until": retain_until(), **follows(store)}
