# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan: the targets that people review and approve, as a document with a hash, and what they must know of them.

``_tasks``, ``action`` and ``plugin_utils`` import it. It imports ``_engine``, ``_errors``, ``application``,
``columns``, ``crypto``, ``digests``, ``discovery``, ``elsewhere``, ``findings``, ``postgres`` and ``proof``.
"""
