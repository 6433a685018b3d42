# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The errors of checklist items that only follow from the error of another item, by their codes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from ...module_utils._errors import discovery, env_file, keys, options, store
from ...module_utils._errors.base import RotationError
from ...module_utils._errors.database import DatabaseLeased, DatabaseLocked
from ...module_utils._errors.errors_by_code import CATALOG
from .item import STOP, ChecklistItem


def _codes(*errors: type[RotationError]) -> frozenset[str]:
    return frozenset(error.code for error in errors)


class RootCause(NamedTuple):
    """An item, its codes that make it a cause, and the codes of the items that follow from it. None means any code."""

    item: str
    codes: Collection[str] | None
    consequences: Collection[str] | None


# Errors of a discovery if the application has other keys than the store.
DISCOVERED = _codes(
    discovery.UnprovedField,
    discovery.EncodedField,
    discovery.SeveralFindings,
    discovery.NoTargets,
    discovery.OtherKeys,
    discovery.UnexplainedColumn,
    discovery.UnprovedColumn,
    discovery.WrongKey,
)
OF_THE_PLAN = _codes(discovery.PlanNotReady, discovery.PlanFile, discovery.PlanChanged)
OF_KEYS = _codes(
    *(error for error in CATALOG.values() if error.__module__ in (env_file.__name__, store.__name__)),
    keys.KeysDiffer,
    keys.KeysLeft,
    keys.KeysBack,
    keys.KeysNotProved,
    keys.KeyUnlisted,
    keys.KeyUnusable,
    keys.KeyTypeUnfit,
    keys.KeyReused,
    keys.UnusableKeyFile,
    keys.KeyWeak,
    keys.KeyNotGenerated,
    keys.KeyDialect,
    options.UnknownKeyType,
    options.InvalidKeySpec,
    discovery.KeyPair,
    discovery.KeyFingerprintStored,
    discovery.KeyWithoutValue,
)
ROOT_CAUSES = (
    RootCause("runs", _codes(DatabaseLeased, DatabaseLocked), None),
    RootCause("keys", _codes(keys.KeysDiffer), DISCOVERED | OF_THE_PLAN),
    RootCause("keys", None, OF_KEYS),
)


def find_consequences(cause: RootCause, items: Mapping[str, ChecklistItem]) -> Iterator[str]:
    """The names of the items that stop only because of this cause, if it is there."""
    if cause.item in items and _has_code(items[cause.item], cause.codes):
        for name, item in items.items():
            if name != cause.item and item.status == STOP and _has_code(item, cause.consequences):
                yield name


def _has_code(item: ChecklistItem, codes: Collection[str] | None) -> bool:
    return bool(item.code) and (codes is None or item.code in codes)
