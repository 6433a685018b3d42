# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An entry of the option ``services``, as an operator writes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict


class WorkloadEntry(TypedDict, total=False):
    """The workload of Kubernetes that a service is: ``name`` is KIND/NAME."""

    name: str
    namespace: str | None
    context: str | None
    kubeconfig: str | None


class _Commands(TypedDict, total=False):
    start: Sequence[str] | None
    stop: Sequence[str] | None
    status: Sequence[str] | None
    workload: WorkloadEntry | None


class ServiceEntry(_Commands):
    """An entry of the option ``services``."""

    name: str
