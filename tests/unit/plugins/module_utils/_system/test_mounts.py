# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._system import mounts
from ansible_collections.tetech.key_rotation.plugins.module_utils._system.mounts import Mount, mount_of

# The optional fields differ from line to line, and what is mounted later at one place covers what was there.
MOUNTS = """\
608 571 0:57 / / rw,relatime - overlay overlay rw,lowerdir=/a
611 608 8:1 /home/ada/a\\040job /runner rw,relatime shared:1 master:1 - ext4 /dev/sda1 rw
612 608 8:1 /srv/keys /srv/key\\040rotation rw,relatime - ext4 /dev/sda1 rw
613 608 0:62 / /srv/key\\040rotation rw - ramfs none rw
"""


@pytest.mark.parametrize(
    ("path", "mount"),
    [
        ("/", Mount("/", "/", "overlay")),
        ("/runners", Mount("/", "/", "overlay")),
        ("/runner/records", Mount("/home/ada/a job", "/runner", "ext4")),
        ("/srv/key rotation", Mount("/", "/srv/key rotation", "ramfs")),
    ],
)
def test_a_path_is_on_the_nearest_mount_that_is_on_top(
    path: str, mount: Mount, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mountinfo").write_text(MOUNTS, encoding="utf-8")
    monkeypatch.setattr(mounts, "MOUNTS", str(tmp_path / "mountinfo"))
    assert mount_of(path) == mount
    assert mount.is_in_memory == (mount.kind == "ramfs")


def test_the_mounts_of_this_machine_can_be_read() -> None:
    assert "/" in [mount.point for mount in mounts._mounts()]
    assert mount_of("/proc/self").kind == "proc"
