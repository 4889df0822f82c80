"""Makes what was written before 0004 findable. A migration of its own, in short transactions that can be run again:
inside 0004 it would keep everybody from writing until the last message is done."""

from django.db import migrations

from assistant.words import normalised

BATCH = 500


def index_existing(apps, schema_editor):
    conversation, message, search_text = (
        apps.get_model("assistant", name) for name in ("Conversation", "Message", "SearchText")
    )
    for rows in in_batches(conversation.objects.all()):
        known = search_text.objects.filter(conversation__in=rows, message=None).values_list("conversation", flat=True)
        search_text.objects.bulk_create(
            [
                search_text(
                    owner_id=row.owner_id,
                    conversation_id=row.pk,
                    body=normalised(row.title),
                    written_at=row.created_at,
                )
                for row in rows
                if row.pk not in set(known)
            ],
            ignore_conflicts=True,
        )
    for rows in in_batches(message.objects.exclude(text="").select_related("conversation")):
        search_text.objects.bulk_create(
            [
                search_text(
                    owner_id=row.conversation.owner_id,
                    conversation_id=row.conversation_id,
                    message_id=row.pk,
                    body=normalised(row.text),
                    written_at=row.created_at,
                )
                for row in rows
            ],
            ignore_conflicts=True,
        )


def in_batches(rows):
    batch = list(rows.order_by("pk")[:BATCH])
    while batch:
        yield batch
        batch = list(rows.order_by("pk").filter(pk__gt=batch[-1].pk)[:BATCH])


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("assistant", "0005_search"),
    ]

    operations = [
        migrations.RunPython(index_existing, migrations.RunPython.noop),
    ]
