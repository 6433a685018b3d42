# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys on a platform that only commands reach: what test_destinations does not ask of every place."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .conftest import Site, thorough
from .destinations import Place, install_platform, move_keys  # noqa: F401  # a fixture


@pytest.mark.parametrize(
    ("more", "code"),
    [
        thorough("exit 3", "E_COMMAND_FAILED"),
        thorough('[ "$1" != set ] || cat "{folder}/$2"', "E_COMMAND_PRINTS"),
        ('printf wrong > "{folder}/$2"', "E_COMMAND_READBACK"),
    ],
)
def test_a_command_that_cannot_be_trusted_stops_before_anything_is_re_encrypted(
    move_keys: Callable[[str], Place], site: Site, more: str, code: str
) -> None:
    place = move_keys("platform")
    keys, tokens = place.first, site.tokens()
    install_platform(site, more)
    refused = site.play("rotate")
    assert (refused.code != 0, code in refused.text) == (True, True), refused.text
    assert site.tokens() == tokens
    assert not any(value in refused.text for value in keys.values())
    if code != "E_COMMAND_READBACK":  # this one has destroyed it, and the store has a copy
        assert place.holds(keys)
    assert keys == site.stored()["versions"][0]["values"]


@pytest.mark.thorough
def test_a_command_that_does_not_write_is_found_and_rolled_back(move_keys: Callable[[str], Place], site: Site) -> None:
    place = move_keys("platform")
    plain = place.read_all(place.first)
    program = install_platform(site)
    code = program.read_text(encoding="utf-8")
    program.write_text(code.replace("mv ", "true ").replace("/$2.new", "/other.$2"), encoding="utf-8")
    failed = site.play("rotate")
    assert (failed.code != 0, "E_COMMAND_READBACK" in failed.text) == (True, True), failed.text
    assert place.holds(place.first)
    assert place.read_all(place.first) == plain
