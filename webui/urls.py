"""Where the pages, the JSON and the health checks live."""

from django.urls import include, path

from webui import approved_answers, data, health, sharing, views
from webui.api import api
from webui.manifest import manifest
from webui.metrics.views import metrics
from webui.rest import api as rest
from webui.v1 import api as v1
from webui.widget import frame, loader
from webui.widget.api import api as widget

urlpatterns = [
    path("", views.chat, name="new_chat"),
    path("c/<uuid:conversation_id>/", views.chat, name="chat"),
    path("c/<uuid:conversation_id>/export.json", data.export_json, name="export_json"),
    path("c/<uuid:conversation_id>/export.md", data.export_markdown, name="export_markdown"),
    path("data/export.zip", data.export_all, name="export_all"),
    path("data/import/", data.import_page, name="import"),
    path("approved-answers/", approved_answers.listed, name="approved_answers"),
    path("approved-answers/<uuid:passage_id>/", approved_answers.one, name="approved_answer"),
    path("data/links/", sharing.links, name="share_links"),
    path("s/<slug:token>/", sharing.shared, name="shared"),
    path("s/<slug:token>/copy/", sharing.continue_as_copy, name="continue_as_copy"),
    path("api/widget/", widget.urls),
    path("api/desk/v1/", rest.urls),
    path("api/", api.urls),
    path("v1/", v1.urls),
    path("accounts/", include("webui.accounts")),
    path("learning/", include("webui.learning.urls")),
    path("settings/", include("webui.settings.urls")),
    path("sites/", include("webui.sites.urls")),
    path("review/", include("webui.review.urls")),
    path("widget.js", loader.script, name="widget_script"),
    path("widget/<uuid:site_id>/", frame.frame, name="widget_frame"),
    path("desk/reports/", include("webui.reports.urls")),
    path("sites/<uuid:site_id>/webhooks/", include("webui.webhooks.urls")),
    path("manifest.webmanifest", manifest, name="manifest"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
]
