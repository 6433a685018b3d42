# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the key of a list with which the application encrypts: a rotation puts the new key first.

With old ones kept behind it, an application that takes the last key would go on encrypting with one of those.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence

from ..._errors.discovery import ListOrder
from ..application.application_errors import APPLICATION_ERRORS
from ..crypto.key_entry import KeyEntries
from ..crypto.keyring import Keyring
from ..crypto.tokens import as_bytes, key_number
from ..discovery.columns.target import Target
from ..discovery.findings.findings import Finding, Findings
from .model_readers import ModelReader, by_model
from .round_trips import TEXTS, send


def find(targets: Sequence[Target], keyring: Keyring, keys: KeyEntries) -> list[Finding]:
    """Return a finding for each target that the application does not encrypt with the first key of its list. Only lists
    that keep old keys count, by the entries of the option ``keys``."""
    kept = {key["name"] for key in keys if key.get("keep")}
    under_kept = [target for target in targets if keyring.keys_of([target.scheme]) & kept]
    numbers = {
        target.name: (reader.full_name, number)
        for readers in by_model(under_kept, keyring, b"")
        for reader in readers
        for target, number in _numbers(reader, keyring)
        if number > 1
    }
    findings = Findings()
    for column, (name, number) in numbers.items():
        findings.put(column, ListOrder(column=column, name=name, number=number))
    return findings.with_text(stops=True)


def _numbers(reader: ModelReader, keyring: Keyring) -> Iterator[tuple[Target, int]]:
    """The place in its list of the key that a text is encrypted with, by an attribute; nothing if it cannot be."""
    with contextlib.suppress(*APPLICATION_ERRORS), contextlib.redirect_stdout(io.StringIO()), reader.read_only():
        for target, stored in zip(reader.targets, send(reader, TEXTS[0]).stored):
            # Of another stage, a kept key may be the first.
            if opened := keyring.cipher(target.scheme, keyring.base).open(as_bytes(stored)):
                yield target, key_number(opened)
