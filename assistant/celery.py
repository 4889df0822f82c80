"""The Celery app. A worker that serves the interactive queue runs the engine; no other process loads it. One that
serves the training queue starts a process for each run."""

from __future__ import annotations

import os
import warnings
from typing import Any

from celery import Celery, signals
from celery.exceptions import SecurityWarning

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "assistant.settings")

# Celery warns of running as root because of pickle, which is never accepted here.
warnings.filterwarnings("ignore", category=SecurityWarning)

app = Celery("assistant")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["assistant.chat", "assistant.finetuning.runs"])


@signals.celeryd_after_setup.connect
def _start_runner(instance: Any, **_: Any) -> None:
    from assistant.metrics import counts

    counts.start()
    queues = instance.app.amqp.queues.consume_from
    if "interactive" in queues:
        from assistant.chat import runner
        from assistant.desk.duties import DeskKeeper
        from assistant.desk.turns import TurnReader
        from assistant.outcomes.asking import Asking
        from assistant.rollout.duties import duties

        _let_go_in_time(runner.start([*duties(), Asking(), TurnReader(), DeskKeeper()]))
    if "default" in queues:
        from assistant.desk.delivering import Deliverer

        deliverer = Deliverer()
        deliverer.start()
        _let_go_in_time(deliverer)
    if "training" in queues:
        from assistant.finetuning.runs import runner as run_runner
        from assistant.finetuning.runs.automation import begin_if_due
        from assistant.finetuning.runs.evaluation import EVALUATION
        from assistant.finetuning.runs.training import TRAINING

        _let_go_in_time(run_runner.start([TRAINING, EVALUATION], begin_if_due))


def _let_go_in_time(started: Any) -> None:
    """Leases go back as soon as the signal to stop arrives, not when Celery has finished waiting."""
    signals.worker_shutting_down.connect(lambda **_: started.drain(), weak=False)
    signals.worker_shutdown.connect(lambda **_: started.join(), weak=False)
