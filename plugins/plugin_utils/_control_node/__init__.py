# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control node itself: its clock, its code, the operator's variables, and files that it keeps or makes for hosts.

Action plugins, the checklist and the record of a run import it. It imports module_utils.
"""
