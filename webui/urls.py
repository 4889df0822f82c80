"""Where the pages, the JSON and the health checks live."""

from django.urls import include, path

from webui import health, views
from webui.api import api
from webui.manifest import manifest

urlpatterns = [
    path("", views.chat, name="new_chat"),
    path("c/<uuid:conversation_id>/", views.chat, name="chat"),
    path("api/", api.urls),
    path("accounts/", include("webui.accounts")),
    path("settings/", include("webui.settings.urls")),
    path("manifest.webmanifest", manifest, name="manifest"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]
