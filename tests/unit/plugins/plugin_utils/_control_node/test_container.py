# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store or a record that is deleted with the container of ansible-runner is refused, and no other one."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.store import StoreEphemeral
from ansible_collections.tetech.key_rotation.plugins.module_utils._system import mounts
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._control_node import container

# As a container of podman has them: the options and the optional fields differ from line to line.
MOUNTS = """\
608 571 0:57 / / rw,relatime - overlay overlay rw,lowerdir=/a,upperdir=/b,workdir=/c
609 608 0:60 / /proc rw,nosuid - proc proc rw
610 608 0:61 / /dev/shm rw,nosuid shared:5 - tmpfs shm rw,size=64000k
611 608 8:1 /home/ada/job /runner rw,relatime master:1 - ext4 /dev/sda1 rw
612 608 8:1 /srv/key\\040rotation /srv/key\\040rotation rw,relatime - ext4 /dev/sda1 rw
613 612 0:62 / /srv/key\\040rotation/memory rw - tmpfs tmpfs rw
"""
LASTS = "/srv/key rotation/records"


@pytest.fixture
def in_container(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    (tmp_path / "mountinfo").write_text(MOUNTS)
    monkeypatch.setattr(mounts, "MOUNTS", str(tmp_path / "mountinfo"))
    monkeypatch.setenv(container.ARTIFACTS, "/runner/artifacts/1")
    monkeypatch.delenv(container.OF_AWX, raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    "path", ["/home/runner/records", "/", "/dev/shm/records", "/srv/key rotation/memory/x", "/srv"]
)
def test_what_is_deleted_with_the_container_is_refused(in_container: pytest.MonkeyPatch, path: str) -> None:
    with pytest.raises(StoreEphemeral) as error:
        container.refuse_ephemeral({"key store": LASTS, "folder of the records": path})
    assert error.value.where == {"name": "folder of the records", "path": path}


@pytest.mark.parametrize("path", [LASTS, "/runner/project/records"])
def test_what_is_mounted_from_outside_is_accepted(in_container: pytest.MonkeyPatch, path: str) -> None:
    container.refuse_ephemeral({"folder of the records": path})


def test_awx_deletes_the_private_folder_after_the_job(in_container: pytest.MonkeyPatch) -> None:
    in_container.setenv(container.OF_AWX, "/tmp/awx_1")
    container.refuse_ephemeral({"folder of the records": LASTS})
    with pytest.raises(StoreEphemeral):
        container.refuse_ephemeral({"folder of the records": "/runner/project/records"})


@pytest.mark.parametrize("artifacts", ["", "/home/ada/job/artifacts/1", "/runners/artifacts"])
def test_without_a_container_nothing_is_refused(in_container: pytest.MonkeyPatch, artifacts: str) -> None:
    in_container.setenv(container.ARTIFACTS, artifacts)
    container.refuse_ephemeral({"folder of the records": "/home/runner/records"})
