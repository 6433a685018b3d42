# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that no available key opens and that the application reads: they are under one of its keys that is not listed.

A library may return a fixed text for a value that it cannot decrypt. So a reading counts only if other rows read other
texts.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping, Sequence

from ..._errors.values import UnreadableValues, ValuesUnderUnlistedKey
from ..application.application_errors import APPLICATION_ERRORS, is_error
from ..application.application_values import is_one_of
from ..crypto.keyring import Keyring
from ..discovery.columns.target import Target
from ..discovery.findings.findings import Finding
from .model_readers import ModelReader, by_model
from .model_reading import row_of
from .value_text import text_of

ROWS = 5  # of those that a finding names


def explain(findings: Sequence[Finding], targets: Sequence[Target], keyring: Keyring) -> list[Finding]:
    """Return the findings, with the true reason for unreadable values that the application reads."""
    by_name = {target.name: target for target in targets}
    return [_explain(finding, by_name, keyring) for finding in findings]


def _explain(finding: Finding, by_name: Mapping[str, Target], keyring: Keyring) -> Finding:
    error, listed = finding.facts, finding.listed
    if not (isinstance(error, UnreadableValues) and listed and _reads(by_name[finding.column], listed.keys, keyring)):
        return finding
    return Finding.of(finding.column, ValuesUnderUnlistedKey(count=error.count, rows=error.rows), listed=listed)


def _reads(target: Target, rows: Sequence[str], keyring: Keyring) -> bool:
    """Return whether an attribute made of the column reads several of these rows, each another value."""
    if len(target.key.columns) > 1:
        return False
    for readers in by_model([target], keyring, b""):
        for reader in (candidate for candidate in readers if candidate.targets):
            with (
                contextlib.suppress(*APPLICATION_ERRORS),
                contextlib.redirect_stdout(io.StringIO()),
                reader.read_only(),
            ):
                read = list(_values(reader, rows))
                if len(read) > 1 and len({*read}) == len(read):
                    return True
    return False


def _values(reader: ModelReader, rows: Sequence[str]) -> Iterator[str]:
    for row in rows[:ROWS]:
        instance = row_of([reader], row)
        value, stored = reader.value(instance), reader.stored_tokens(instance)
        if not (is_error(value) or is_one_of(value, (None, "")) or reader.is_token(value) or stored.is_kept_as(value)):
            yield text_of(value, stored)
