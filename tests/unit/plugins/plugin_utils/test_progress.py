# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import fcntl
import os
import pty
import struct
import termios

import pytest
from ansible_collections.tetech.key_rotation.plugins.plugin_utils import _progress


@pytest.fixture
def attended(monkeypatch):
    """A terminal with a person before it."""
    for name in _progress.UNATTENDED:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(os, "readlink", lambda path: "/dev/pts/3")
    monkeypatch.setattr(_progress, "_width_of", lambda path: 132)


@pytest.mark.usefixtures("attended")
def test_a_line_moves_before_a_person():
    assert _progress._columns() == 132


@pytest.mark.usefixtures("attended")
@pytest.mark.parametrize(("name", "value"), [("CI", "true"), ("AWX_ISOLATED_DATA_DIR", "/runner"), ("TERM", "dumb")])
def test_no_line_moves_if_nobody_sits_before_the_terminal(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert _progress._columns() == 0


@pytest.mark.parametrize(("columns", "expected"), [(97, 97), (0, 0)])
def test_the_width_is_the_terminal_s_own(columns, expected):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    assert _progress._width_of(os.ttyname(theirs)) == expected
    for end in (ours, theirs):
        os.close(end)
