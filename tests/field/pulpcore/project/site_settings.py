# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pulpcore's own settings, which take those of a site from the file that PULP_SETTINGS names."""

import os
from pathlib import Path

os.environ["PULP_SETTINGS"] = str(Path(__file__).with_name("pulp_settings.py"))

from pulpcore.app.settings import *  # noqa: F403
