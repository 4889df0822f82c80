"""Where the pages of agents live."""

from django.urls import path

from webui.desk import inbox, teams

urlpatterns = [
    path("", inbox.listed, name="desk"),
    path("cases/<uuid:conversation_id>/", inbox.one, name="desk_case"),
    path("teams/", teams.teams, name="desk_teams"),
    path("teams/<uuid:team_id>/", teams.team, name="desk_team"),
]
