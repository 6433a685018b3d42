# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Digests that are no search columns: of a stored token, of another column, of a key, or of a value that is gone.

``_engine`` and ``plan`` import it. It imports ``_errors``, ``columns``, ``crypto``, ``discovery``, ``findings``,
``postgres`` and ``recipes``.
"""
