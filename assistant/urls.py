"""All addresses, and what is said when one cannot be served."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("webui.urls")),
    path("admin/", admin.site.urls),
]

handler400 = "webui.errors.unreadable"
handler403 = "webui.errors.not_allowed"
handler404 = "webui.errors.not_found"
handler429 = "webui.errors.too_many"  # asked for by allauth
handler500 = "webui.errors.server_error"
