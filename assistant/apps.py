from django.apps import AppConfig


class AssistantConfig(AppConfig):
    name = "assistant"
    verbose_name = "Parley"

    def ready(self) -> None:
        from assistant import celery, checks  # noqa: F401 - the app tasks are sent by, and the system checks
        from assistant.desk import (
            attachments,  # noqa: F401 - hears when a file's row goes
            replies,  # noqa: F401 - hears what becomes of replies to visitors
        )
        from assistant.finetuning import (
            approved_answers,  # noqa: F401 - hears when a review is decided
            regression,  # noqa: F401 - hears when somebody is erased
        )
        from assistant.finetuning.runs import erasure  # noqa: F401 - so does this, and what it imports
