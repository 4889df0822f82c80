"""The shop's site in a started product: made as an administrator makes it, by the product's own actions."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from tests.product import ROOT, Product


@dataclass(frozen=True)
class ShopSite:
    id: str
    secret: str
    agent_id: str


def shop_site(product: Product, origin: str, **changes: Any) -> ShopSite:
    """A new site that `origin` may show; `changes` are those of assistant.desk.sites.update."""
    return ShopSite(**_ask(product, "site", {"origins": [origin], **changes}))


def change_site(product: Product, site: ShopSite, **changes: Any) -> None:
    _ask(product, "change", {"site_id": site.id, **changes})


def agent_says(product: Product, site: ShopSite, text: str, *, picture: str = "") -> None:
    """An agent takes the newest conversation of the site and answers it, with a picture of this name if it has one."""
    _ask(product, "say", {"site_id": site.id, "agent_id": site.agent_id, "text": text, "picture": picture})


def agent_resolves(product: Product, site: ShopSite) -> None:
    _ask(product, "resolve", {"site_id": site.id, "agent_id": site.agent_id})


def _ask(product: Product, what: str, fields: dict[str, Any]) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.e2e.shop_site", what, json.dumps(fields)]
    done = subprocess.run(command, cwd=ROOT, env=product.environment, check=True, capture_output=True, text=True)
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def _do(what: str, fields: dict[str, Any]) -> dict[str, Any]:
    from uuid import UUID

    from uuid_utils.compat import uuid7

    from assistant.desk import attachments, handoff, messages, sites
    from assistant.desk.sealing import unseal
    from assistant.models import Case, Person, Team
    from tests.e2e.browsing import png

    if what == "site":
        team, _ = Team.objects.get_or_create(name="Shop")
        agent, _ = Person.objects.get_or_create(
            username="agent", defaults={"name": "Dora", "email": "dora@example.org"}
        )
        team.members.add(agent)
        site = sites.create(fields.pop("name", "Garden tools"), team, by=None)
        site = sites.update(site.id, by=None, **fields)
        return {"id": str(site.id), "secret": unseal(site.identity_secret), "agent_id": str(agent.id)}
    site_id = UUID(fields.pop("site_id"))
    if what == "change":
        sites.update(site_id, by=None, **fields)
        return {}
    agent_id = UUID(fields["agent_id"])
    case = Case.objects.filter(site_id=site_id).latest("created_at")
    if what == "say":
        name = fields["picture"]
        files = [attachments.store(agent_id, case.conversation, name, png()).pk] if name else []
        messages.reply(
            agent_id,
            client_message_id=uuid7(),
            conversation_id=case.pk,
            text=fields["text"],
            attachment_ids=files,
        )
    else:
        handoff.resolve(agent_id, case.pk)
    return {}


if __name__ == "__main__":
    import os

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "assistant.settings")
    django.setup()
    print(json.dumps(_do(sys.argv[1], json.loads(sys.argv[2]))))
