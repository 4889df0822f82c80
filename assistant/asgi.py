"""Entry point of the web process: pages and JSON by Django, sockets by Channels."""

from __future__ import annotations

import gc
import os
import warnings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "assistant.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()  # fills Django's app registry, which the imports below need

from channels.routing import ProtocolTypeRouter  # noqa: E402

from assistant.metrics import counts  # noqa: E402
from webui.body_limit import BodyLimit  # noqa: E402
from webui.routing import websocket_application  # noqa: E402

application = ProtocolTypeRouter({"http": BodyLimit(django_application), "websocket": websocket_application})

counts.start()

# WhiteNoise hands out small files from disk by plain iterators; Django reads them in a thread and warns of it.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")

# What has been imported lives for ever; walking through it in every full collection held all streams up by 0.1 s.
gc.collect()
gc.freeze()
