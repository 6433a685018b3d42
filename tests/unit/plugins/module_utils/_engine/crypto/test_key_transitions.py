# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_transitions import (
    of_stages,
    transitions,
)


def test_a_key_that_only_one_version_has_is_in_none_of_both_lists():
    both = transitions({"A": "1", "B": "2"}, {"A": "3", "C": "4"})
    assert {stage: keys.values for stage, keys in both.items()} == {"readable": {"A": "1,3"}, "primary": {"A": "3,1"}}


@pytest.mark.parametrize("stages", [{}, {"current": {"A": "1"}}, {"current": {"A": "1"}, "pending": {"B": "2"}}])
def test_there_is_nothing_between_versions_without_a_common_key(stages):
    assert of_stages(stages) == {}
