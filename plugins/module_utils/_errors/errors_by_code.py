# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All errors by their code, for a caller that only has the code, for example from another process."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from . import (  # noqa: F401  # each module has the errors of one domain
    application,
    approval,
    backup,
    database,
    destinations,
    discovery,
    env_file,
    keys,
    kubernetes,
    monitoring,
    options,
    record,
    restore,
    run,
    services,
    store,
    values,
)
from .base import NOTHING_CHANGED, RotationError

CATALOG: dict[str, type[RotationError]] = {
    value.code: value
    for domain in tuple(globals().values())
    if isinstance(domain, ModuleType)
    for value in vars(domain).values()
    if isinstance(value, type) and issubclass(value, RotationError) and value is not RotationError
}


def build_error(code: str, *, changed: str = NOTHING_CHANGED, **fields: Any) -> RotationError:
    """The error of a code, filled with its fields."""
    return CATALOG[code](changed=changed, **fields)
