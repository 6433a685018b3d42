# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a failed run: its exit code, its error as a result, unreachable hosts, the command to type next.

The summary at the end of every run is in ``_report/summary_box.py``. ``_action`` and ``_rotation_record`` import it. It
imports ``_report``, ``ansible`` and ``module_utils``.
"""
