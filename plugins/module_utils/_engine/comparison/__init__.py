# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare a census with what was expected: the stage of every value, the census before, the rows as they were.

``_tasks`` imports it. It imports ``_engine``, ``_errors``, ``columns``, ``crypto``, ``findings``, ``postgres``,
``proof`` and ``rewrite``.
"""
