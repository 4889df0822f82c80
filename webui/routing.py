"""Where sockets lead, and who may open one: pages of this installation, with the cookie of its people or the ticket of
a visitor."""

from __future__ import annotations

from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from django.urls import path

from webui.consumers import ChatConsumer
from webui.origins import SameOriginOnly
from webui.widget.consumers import VisitorConsumer

_chat = AuthMiddlewareStack(ChatConsumer.as_asgi())
# A visitor's socket knows no session: its cookie, if there is one, is another person's.
websocket_application = SameOriginOnly(
    URLRouter([path("ws/chat/", _chat), path("ws/widget/", VisitorConsumer.as_asgi())])
)
