# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One rotation inside the application: open it, take the census, re-encrypt, take proof."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import RotationError
from . import census, discovery, project, schemes
from .database import Database
from .keyring import Keyring
from .keysets import KeySet
from .reencryption import Work, reencrypt


@dataclass(frozen=True)
class Request:
    """What is asked of an application: where it is, which key sets are at hand, what the operator described."""

    project_dir: str
    settings_module: str | None
    key_sets: Mapping[str, Mapping[str, str]] = field(repr=False)  # stage: {name: value}
    schemes: Any = "auto"
    targets: Any = "auto"
    leave_alone: Sequence[str] = ()
    ignore: Sequence[str] = ()
    label: str = ""
    keys_from: str = "the key store"


@dataclass(frozen=True)
class Application:
    """The application opened: its database, its targets and the ciphers for them."""

    database: Database
    targets: Sequence[discovery.Target]
    keyring: Keyring
    leave_alone: Sequence[str]

    def census(self, digest_stage: str) -> list[census.Tally]:
        """Class every value; digests are keyed by the key set of ``digest_stage``."""
        digest_key = self.keyring.stages[digest_stage].digest_key
        return census.take(
            self.database, self.targets, self.keyring, digest_key=digest_key, leave_alone=self.leave_alone
        )

    def reencrypt(self, destination: str, work: Work, *, stop_at_unreadable: bool = True) -> None:
        """Every token to one stage; call ``census`` and refuse what is unreadable first."""
        reencrypt(
            self.database,
            self.targets,
            self.keyring,
            destination,
            work,
            leave_alone=self.leave_alone,
            stop_at_unreadable=stop_at_unreadable,
        )


@contextlib.contextmanager
def opened(request: Request, alias: str = "default") -> Iterator[Application]:
    """Start the application and find its targets. Raises what project, schemes, discovery and Database raise."""
    for index, entry in enumerate(request.leave_alone):
        if entry.count(":") < 1 or "." not in entry.split(":", 1)[0]:
            raise RotationError("E_LEAVE_ALONE", index=index)
    project.start(request.project_dir, request.settings_module)
    database = Database(alias, request.label)
    try:
        stages = {stage: KeySet(values) for stage, values in request.key_sets.items()}
        keyring = Keyring(schemes.parse(request.schemes), stages, project.setting)
        targets = discovery.find(database, request.targets, request.ignore, keyring, request.keys_from)
        yield Application(database, targets, keyring, request.leave_alone)
    finally:
        database.close()
