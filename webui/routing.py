"""Where sockets lead, and who may open one: pages of this installation, with the cookie of its people."""

from __future__ import annotations

from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from django.urls import path

from webui.consumers import ChatConsumer
from webui.origins import SameOriginOnly

websocket_application = SameOriginOnly(AuthMiddlewareStack(URLRouter([path("ws/chat/", ChatConsumer.as_asgi())])))
