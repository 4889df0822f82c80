"""Where the pages of sites live."""

from django.urls import path

from webui.sites import pages

urlpatterns = [
    path("", pages.listed, name="sites"),
    path("<uuid:site_id>/", pages.one, name="site"),
    path("<uuid:site_id>/secret/", pages.rotate, name="site_secret"),
    path("<uuid:site_id>/check/", pages.check_installation, name="site_check"),
    path("<uuid:site_id>/preview/", pages.preview, name="site_preview"),
]
