# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""manage.py of an application whose encrypted fields come from the libraries that harness.json names."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "harness_settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
