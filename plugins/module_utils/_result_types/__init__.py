# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The results of steps as typed dictionaries, one file for each subject. Records contain them too.

``_backup``, ``_destinations``, ``_monitoring``, ``_record``, ``_stores`` and ``plugin_utils`` import it. It imports
``_engine``.
"""
