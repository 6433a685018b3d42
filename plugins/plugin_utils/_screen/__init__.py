# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The output of a run while it works: the lines of a task, its result in a sentence, and the callback ``steps``.

``_action``, ``_lease_action``, ``_progress``, ``_rollback``, ``_rotation_record``, ``action`` and ``callback`` import
it. It imports ``_report``, ``ansible`` and ``module_utils``.
"""
