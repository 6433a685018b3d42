# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests expect of an error: its code and its fields, so that a sentence can be reworded without them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError

MISSING = "(the error has no such field)"


class Containing:
    """Equals each text that has all of these parts: for a field of which a test knows only a part."""

    def __init__(self, *parts: str) -> None:
        self.parts = parts

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and all(part in other for part in self.parts)

    def __repr__(self) -> str:
        return f"Containing({', '.join(map(repr, self.parts))})"


def assert_error(error: RotationError, code: str, **expected: object) -> None:
    """Check the code of an error, and these of its fields, or of what every error has (``changed_nothing``).

    The message has everything: pytest does not rewrite the assertions of this file.
    """
    actual = {name: error.where.get(name, getattr(error, name, MISSING)) for name in expected}
    assert (error.code, actual) == (code, expected), f"expected {code} {expected}, got {error.code} {actual}: {error}"


@contextlib.contextmanager
def expect_error(code: str, **expected: object) -> Iterator[pytest.ExceptionInfo[RotationError]]:
    """Expect the block to raise such an error, as ``assert_error`` has it. Its value is that of ``pytest.raises``."""
    with pytest.raises(RotationError) as raised:
        yield raised
    assert_error(raised.value, code, **expected)
