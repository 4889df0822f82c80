"""Where the reports of the desk live."""

from django.urls import path

from webui.reports import pages

urlpatterns = [
    path("", pages.report, name="desk_reports"),
    path("cases/", pages.cases, name="desk_report_cases"),
    path("numbers.csv", pages.numbers_csv, name="desk_report_csv"),
]
