"""Where the pages of reviewers live, and those where administrators read transcripts."""

from django.urls import path

from webui.review import queue, suite, transcripts, work

urlpatterns = [
    path("", queue.queue, name="review"),
    path("decided/", queue.decided, name="review_decided"),
    path("work/", work.work, name="review_work"),
    path("tests/", suite.suite, name="review_tests"),
    path("transcripts/", transcripts.transcripts, name="transcripts"),
    path("transcripts/<uuid:conversation_id>/", transcripts.transcript, name="transcript"),
]
