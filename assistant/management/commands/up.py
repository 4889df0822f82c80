"""`manage.py up`: prepare what is missing, start everything on this machine, stop it all together."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from assistant.runtime import commands, preparation, readiness, valkey
from assistant.runtime.console import Console
from assistant.runtime.preparation import StartupError
from assistant.runtime.process_tree import Child, ProcessTree

OWN_NAME = "parley"
STILL_WAITING_EVERY_S = 15.0


class Command(BaseCommand):
    help = "Starts the whole product on this machine and stops it with Ctrl-C."

    def handle(self, *args: Any, **options: Any) -> None:
        os.chdir(settings.BASE_DIR)
        roles = (*(["valkey"] if settings.REDIS_IS_EMBEDDED else []), *commands.ROLES)
        self.console = Console([OWN_NAME, *roles], sys.stdout)
        self._say(f"Parley {settings.VERSION}, data in {settings.DATA_DIR}")
        try:
            preparation.require_free_address()
            preparation.prepare(self._say)
        except StartupError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError("Stopped before everything was prepared.") from None
        status = asyncio.run(self._run(roles))
        if status:
            sys.exit(status)

    def _say(self, text: str) -> None:
        self.console.say(OWN_NAME, text)

    async def _run(self, roles: tuple[str, ...]) -> int:
        tree = ProcessTree([_child(role) for role in roles], self.console, OWN_NAME)
        announcing = asyncio.create_task(self._announce())
        try:
            return await tree.run()
        finally:
            announcing.cancel()

    async def _announce(self) -> None:
        """Say the address once the first reply can be given, and until then from time to time what is missing."""
        speak_at = time.monotonic() + STILL_WAITING_EVERY_S
        while (missing := await asyncio.to_thread(readiness.missing)) != {}:
            if time.monotonic() > speak_at:
                self._say(f"Still waiting: {'; '.join(missing.values()) if missing else 'the web process is silent'}")
                speak_at += STILL_WAITING_EVERY_S
            await asyncio.sleep(0.1)
        self._say(f"Parley is ready at {readiness.address()}")


def _child(role: str) -> Child:
    if role == "valkey":
        return Child(role, commands.argv(role), is_ready=lambda: valkey.ping(settings.EMBEDDED_VALKEY_SOCKET))
    return Child(role, commands.argv(role))
