# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue of errors: code, what is wrong, what was changed so far, what to do.

``base`` has the base class, ``catalogue`` finds an error by its code; each other file has the errors of one domain.
To add an error, add a class to its domain.
Everything may import it. It imports the standard library only.
"""
