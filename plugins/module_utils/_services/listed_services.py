# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services that an operator lists in the option ``services``."""

from __future__ import annotations

from collections.abc import Sequence

from .._errors.base import RotationError
from .._errors.options import InvalidOption
from .service_entry import ServiceEntry
from .units import DuplicateEntries, Service, Unit
from .workloads import Workload


def services_of(entries: Sequence[ServiceEntry]) -> tuple[list[Service], list[RotationError]]:
    """Return the services of the option ``services`` that can be stopped, and the errors in its entries."""
    by_name: dict[str, Service] = {}
    wrong: list[RotationError] = []
    for entry in entries:
        try:
            service = service_of(entry)
        except RotationError as exc:
            wrong.append(exc)
            service = Service(entry["name"], [], entry.get("stop") or [], entry.get("status") or [])
        if service.name in by_name:
            wrong.append(
                InvalidOption(
                    option="services",
                    fault=f"has more than one entry with the name {service.name}",
                    advice=(
                        "Give each service a unique name. The name identifies stopped services, so start renamed "
                        "services by hand once."
                    ),
                )
            )
            service = DuplicateEntries([*by_name[service.name].entries, service])
        by_name[service.name] = service
    return list(by_name.values()), wrong


def service_of(entry: ServiceEntry) -> Service:
    """Return the service of one entry of the option ``services``. Raise E_OPTION or E_WORKLOAD."""
    if entry.get("workload"):
        return Workload(entry)
    name, start, stop, status = entry["name"], entry.get("start"), entry.get("stop"), entry.get("status")
    if not (start or stop or status):
        return Unit(name)
    if not start or not stop:
        raise InvalidOption(
            option="services",
            fault=f"has only one of start and stop for {name}",
            advice="Set both, each as a list of words, or neither for a systemd unit.",
        )
    return Service(name, start, stop, status or [])
