from django.apps import AppConfig


class WebuiConfig(AppConfig):
    name = "webui"
    verbose_name = "Parley pages"

    def ready(self) -> None:
        from webui import sign_outs  # noqa: F401 - its receivers
