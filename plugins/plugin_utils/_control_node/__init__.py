# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control node itself: its clock, code and processes, the operator's variables, and files for hosts or of its own.

Action plugins, the checklist and the record of a run import it. It imports module_utils.
"""
