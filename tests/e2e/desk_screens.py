"""The pages of the desk, for tests/e2e/screenshots.py. `python -m tests.e2e.desk_screens ADMIN` in a started product's
environment writes what they show: a shop with four weeks behind it, and a conversation that is going on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, Page, expect

from tests.e2e.browsing import Visitor
from tests.e2e.learning import as_admin
from tests.product import ROOT, Product

ADMIN = "ada@example.org"
ORDER = "https://shop.example/orders/4711"


@dataclass(frozen=True)
class Counter:
    """`cookies` are an administrator's."""

    case: str
    site: str
    webhook: str
    cookies: list[Any]


def counter(product: Product, browser: Browser) -> Counter:
    """What stands on the desk of a started product."""
    admin = Visitor(browser, product.url)
    as_admin(admin, product, ADMIN)
    command = [sys.executable, "-m", "tests.e2e.desk_screens", ADMIN]
    done = subprocess.run(command, cwd=ROOT, env=product.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    case, site, webhook = done.stdout.split()[-3:]
    return Counter(case, site, webhook, admin.context.cookies())


def _inbox(page: Page, of: Counter) -> None:
    page.goto(f"/desk/cases/{of.case}/")
    expect(page.locator("#desk.is-live")).to_be_attached()
    expect(page.locator("#case-items img")).to_be_visible()


def _at(path: str) -> Callable[[Page, Counter], None]:
    def take(page: Page, of: Counter) -> None:
        page.goto(path.format(of=of))
        page.wait_for_load_state("networkidle")

    return take


DESK_PAGES: dict[str, Callable[[Page, Counter], None]] = {
    "inbox": _inbox,
    "inbox-list": _at("/desk/"),
    "teams": _at("/desk/teams/"),
    "sites": _at("/sites/"),
    "site": _at("/sites/{of.site}/"),
    "reports": _at("/desk/reports/"),
    "webhooks": _at("/sites/{of.site}/webhooks/"),
    "webhook": _at("/sites/{of.site}/webhooks/{of.webhook}/"),
}


def write(admin_email: str) -> tuple[object, object, object]:
    from datetime import timedelta

    from django.db import transaction
    from django.utils import timezone

    from assistant.desk import attachments, casework, drafts, handoff, sites, webhooks
    from assistant.models import CannedReply, Conversation, Generation, Label, Message, Person, Visitor
    from tests.assistant.desk import report_rows, rows
    from tests.e2e.browsing import png

    def told(generation_id: object, text: str) -> None:
        """What a worker would have written."""
        done = {"state": "completed", "finished_at": timezone.now()}
        Generation.objects.filter(pk=generation_id).update(**done)
        Message.including_drafts.filter(generation=generation_id).update(text=text)

    def asked(name: str, text: str, answer: str = "", conversation: object = None) -> Any:
        with transaction.atomic():  # before a worker sees it
            found = Visitor.objects.filter(name=name).first()
            who = found or rows.visitor(shop)
            Visitor.objects.filter(pk=who.pk).update(name=name, email=f"{name.split()[0].lower()}@example.org")
            said = rows.say(who, text, conversation, page=ORDER)
            if said.generation_id:
                told(said.generation_id, answer)
        return said

    admin = Person.objects.get(email=admin_email)
    Person.objects.filter(pk=admin.pk).update(name="Ada")
    shop = report_rows.write()
    dora = Person.objects.get(username="dora")
    shop.team.members.add(admin)
    sites.update(shop.pk, by=admin.pk, origins=["https://shop.example"])
    for name in ("return", "broken", "vip"):
        Label.objects.create(team=shop.team, name=name)
    CannedReply.objects.create(team=shop.team, name="hello", text="Hello! How can I help?")
    asked("Ben Okafor", "Do you ship to Norway?", "Yes.")
    waiting = asked("Mei Lin", "I want to talk to somebody about my invoice.", "Of course.")
    handoff.ask_for_person(waiting.conversation_id)
    ann = asked("Ann Larsen", "My spade broke. Can I have a new one?", "Yes, within **two years**. What happened?")
    id_ = ann.conversation_id
    asked("Ann Larsen", "The handle split on the first day.", "I am sorry. I ask a colleague.", id_)
    handoff.ask_for_person(id_)
    handoff.take(admin.pk, id_)
    casework.set_labels(admin.pk, id_, Label.objects.filter(name="broken").values_list("pk", flat=True))
    file = attachments.store(admin.pk, Conversation.objects.get(pk=id_), "model.png", png())
    reply = "That should not happen. Is it this model? Then a new one is on its way today."
    rows.reply(admin, id_, reply, attachment_ids=[file.pk])
    casework.add_note(dora.pk, id_, "The third one of this batch, I have told the workshop.")
    asked("Ann Larsen", "Yes, that one. Thank you! When does it come?", "", id_)
    with transaction.atomic():
        draft = drafts.suggest(admin.pk, id_)
        told(draft.pk, "It arrives within three working days; you get a mail with the number of the parcel.")
    hook, _ = webhooks.create(shop, "https://hooks.example/desk", [], by=admin.pk)
    later = timezone.now() + timedelta(days=1)
    casework.snooze(admin.pk, asked("Li Wei", "Is the large one back in stock?", "Not yet.").conversation_id, later)
    return id_, shop.pk, hook.pk


if __name__ == "__main__":
    import os

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "assistant.settings")
    django.setup()
    print(*write(sys.argv[1]))
