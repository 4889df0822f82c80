"""The Celery app. A worker that serves the interactive queue runs the engine; no other process loads it."""

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
app.autodiscover_tasks(["assistant.chat"])


@signals.celeryd_after_setup.connect
def _start_runner(instance: Any, **_: Any) -> None:
    if "interactive" not in instance.app.amqp.queues.consume_from:
        return
    from assistant.chat import runner

    started = runner.start()
    # Leases go back as soon as the signal to stop arrives, not when Celery has finished waiting.
    signals.worker_shutting_down.connect(lambda **_: started.drain(), weak=False)
    signals.worker_shutdown.connect(lambda **_: started.join(), weak=False)
