# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of the application."""

from __future__ import annotations

from django.urls import path

from core.views import health
from customer.views import profile

urlpatterns = [
    path("health/", health, name="health"),
    path("profiles/<int:pk>/", profile, name="profile"),
]
