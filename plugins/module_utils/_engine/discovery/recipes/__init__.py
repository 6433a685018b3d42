# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recipes: how the application computes search hashes and blind indexes, found by trial or described by a person.

``digests`` and ``discovery`` import it. It imports ``_errors``, ``application``, ``columns``, ``crypto`` and
``postgres``.
"""
