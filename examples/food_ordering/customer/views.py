# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A profile as JSON."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from .models import UserProfile


@require_safe
def profile(request: HttpRequest, pk: int) -> JsonResponse:
    found = get_object_or_404(UserProfile, pk=pk)
    return JsonResponse(
        {"id": found.pk, "full_name": found.full_name, "phone_number": found.phone_number, "address": found.address}
    )
