# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times as they are written, and durations as a person reads them."""

from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._system import timestamps


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (61, "1 min 1 s"),
        (119, "1 min 59 s"),
        (200, "3 min 20 s"),
        (7320, "2 h 2 min"),
    ],
)
def test_a_duration_is_as_exact_as_a_person_wants_it(seconds, words):
    assert timestamps.format_duration(seconds) == words


@pytest.mark.parametrize(("seconds", "words"), [(0.6, "1 s"), (119, "119 s"), (200, "3 minutes")])
def test_an_estimate_is_rounded(seconds, words):
    assert timestamps.format_estimate(seconds) == words


@pytest.mark.parametrize("time", ["1970-01-01T00:01:00Z", "1970-01-01T01:01:00+01:00"])
def test_a_time_with_an_offset_is_in_seconds(time):
    assert timestamps.seconds_since_1970(time) == 60


@pytest.mark.parametrize(("time", "reason"), [("1970-01-01T00:01:00", "no offset"), ("tomorrow", "isoformat")])
def test_a_time_without_an_offset_is_refused(time, reason):
    with pytest.raises(ValueError, match=reason):
        timestamps.parse_with_offset(time)
