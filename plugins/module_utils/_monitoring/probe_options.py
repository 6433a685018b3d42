# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of one check: those of the module monitoring_probe, or the configuration of the timer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from .._backup.manifest import ListedBackups
    from .._engine.crypto.key_entry import KeyEntries
    from .._engine.postgres.connection import Direct
    from .._engine.postgres.lease import Holder
    from .._options.option_spec import Options
    from .._result_types.monitoring_types import RotationFacts


class ProbeOptions(TypedDict, total=False):
    """The options that a check reads; the others are for the engine.

    Without the key store, ``rotation`` is empty and ``expected`` None. ``over`` is the lease of a run that is known to
    have ended.
    """

    project_dir: str
    settings_module: str | None
    env_file: str | None
    keys: KeyEntries
    dialect: str
    direct: Mapping[str, Direct]
    memory_dir: str | None
    metrics_file: str | None
    census: bool
    throttle: Options | None
    success: float
    urls: Sequence[str]
    host: str | None
    headers: Mapping[str, object]
    ca_file: str | None
    answer_timeout: float
    tries: int
    slower: float
    baseline: str
    log_files: Sequence[str] | None
    usual_log_files: Sequence[str]
    log_units: Sequence[str]
    log_patterns: Sequence[str]
    log_errors: int
    backups: ListedBackups
    rotation: RotationFacts
    expected: str | None
    looker: str
    over: Holder | None
