# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report import progress_text


@pytest.mark.parametrize(
    ("numbers", "line"),
    [
        ({"done": None}, "  reading profile, 1:15 min"),
        ({"done": None, "seconds": 0}, "  reading profile"),
        ({"done": 30_000}, "  reading profile: 30,000 rows, 400/s"),
        ({"done": 30_000, "most": 90_000}, "  reading profile: 30,000 of about 90,000 rows, 400/s, 2:30 min left"),
        ({"done": 30_000, "most": 29_000}, "  reading profile: 30,000 rows, 400/s"),
        ({"done": 0, "most": 29_000}, "  reading profile: 0 rows, 0/s"),
        ({"done": 16, "most": 29_000, "seconds": 0}, "  reading profile: 16 rows, 16/s"),
        (
            {"done": 150_000_000, "most": 200_000_000, "unit": "bytes"},
            "  reading profile: 150.0 MB of at most about 200.0 MB, 2.0 MB/s",
        ),
    ],
)
def test_how_far_a_step_is_takes_one_line(numbers, line):
    told = {"doing": "reading profile", "most": None, "unit": "rows", "seconds": 75, **numbers}
    assert progress_text.moving(told) == line
    assert list(progress_text.progress(told)) == [line]
