"""Where the webhooks of a site live."""

from django.urls import path

from webui.webhooks import pages

urlpatterns = [
    path("", pages.listed, name="webhooks"),
    path("<uuid:webhook_id>/", pages.one, name="webhook"),
    path("<uuid:webhook_id>/rotate/", pages.rotate, name="webhook_rotate"),
    path("<uuid:webhook_id>/remove/", pages.remove, name="webhook_remove"),
    path("<uuid:webhook_id>/replay/", pages.replay, name="webhook_replay"),
]
