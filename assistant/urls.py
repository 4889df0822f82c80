"""All addresses."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("webui.urls")),
    path("admin/", admin.site.urls),
]
