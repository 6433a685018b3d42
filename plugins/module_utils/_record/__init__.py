# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a rotation: events, hash chain, signatures, verification, and the lease of a run.

``_monitoring``, ``_stores``, ``action`` and ``plugin_utils`` import it. It imports ``_engine``, ``_errors``,
``_result_types``, ``_system`` and ``cryptography``.
"""
