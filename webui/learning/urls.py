"""Where the pages of the learning loop live."""

from django.urls import path

from webui.learning import adapters, data, questions, runs

urlpatterns = [
    path("runs/", runs.runs, name="learning_runs"),
    path("runs/start/", runs.start, name="learning_start"),
    path("runs/<uuid:run_id>/", runs.run, name="learning_run"),
    path("runs/<uuid:run_id>/cancel/", runs.cancel_run, name="learning_cancel"),
    path("runs/<uuid:run_id>/train/", runs.train, name="learning_train"),
    path("runs/<uuid:run_id>/questions/", questions.questions, name="learning_questions"),
    path("adapters/", adapters.adapters, name="learning_adapters"),
    path("adapters/<slug:sha256>/", adapters.evidence, name="learning_adapter"),
    path("adapters/<slug:sha256>/cases/", adapters.cases, name="learning_cases"),
    path("adapters/<slug:sha256>/card/", adapters.card, name="learning_card"),
    path("adapters/<slug:sha256>/card.md", adapters.card_markdown, name="learning_card_markdown"),
    path("adapters/<slug:sha256>/evaluate/", adapters.evaluate, name="learning_evaluate"),
    path("adapters/<slug:sha256>/try/", adapters.decide, {"step": "try"}, name="learning_try"),
    path("adapters/<slug:sha256>/advance/", adapters.decide, {"step": "advance"}, name="learning_advance"),
    path("adapters/<slug:sha256>/promote/", adapters.decide, {"step": "promote"}, name="learning_promote"),
    path("adapters/<slug:sha256>/back/", adapters.decide, {"step": "back"}, name="learning_back"),
    path("adapters/<slug:sha256>/retrain/", adapters.retrain, name="learning_retrain"),
    path("data/", data.data, name="learning_data"),
    path("data/examples/", data.example_list, name="learning_examples"),
    path("data/preview/", data.preview, name="learning_preview"),
    path("data/preview/<slug:why>/", data.dropped, name="learning_dropped"),
    path("data/release/", data.release, name="learning_release"),
    path("data/build/", data.build, name="learning_build"),
    path("data/snapshots/<slug:sha256>/", data.snapshot, name="learning_snapshot"),
    path("data/receipts/", data.receipts, name="learning_receipts"),
]
