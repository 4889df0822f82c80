"""The words of titles and messages, and each database's own index of them."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# The tokenizer splits at what is not a letter or digit of ASCII; all else was decided when the words were made.
SQLITE = (
    """CREATE VIRTUAL TABLE assistant_searchindex USING fts5(
        owner_id, body, content='assistant_searchtext', content_rowid='id', tokenize='ascii', columnsize=0, prefix='1 2'
    )""",
    """CREATE TRIGGER assistant_searchtext_added AFTER INSERT ON assistant_searchtext BEGIN
        INSERT INTO assistant_searchindex (rowid, owner_id, body) VALUES (new.id, new.owner_id, new.body);
    END""",
    """CREATE TRIGGER assistant_searchtext_removed AFTER DELETE ON assistant_searchtext BEGIN
        INSERT INTO assistant_searchindex (assistant_searchindex, rowid, owner_id, body)
        VALUES ('delete', old.id, old.owner_id, old.body);
    END""",
    """CREATE TRIGGER assistant_searchtext_changed AFTER UPDATE ON assistant_searchtext BEGIN
        INSERT INTO assistant_searchindex (assistant_searchindex, rowid, owner_id, body)
        VALUES ('delete', old.id, old.owner_id, old.body);
        INSERT INTO assistant_searchindex (rowid, owner_id, body) VALUES (new.id, new.owner_id, new.body);
    END""",
)
# Made without PostgreSQL's parser, which would take some words for addresses or numbers, and without positions, of
# which it keeps 256 for a word and none beyond the 16,383rd: a phrase is looked up in the body itself.
POSTGRESQL = (
    """ALTER TABLE assistant_searchtext ADD COLUMN words tsvector
        GENERATED ALWAYS AS (array_to_tsvector(string_to_array(body, ' ') || owner_id::text)) STORED""",
    "CREATE INDEX assistant_searchtext_words ON assistant_searchtext USING gin (words)",
)


def make_index(apps, schema_editor):
    for statement in SQLITE if schema_editor.connection.vendor == "sqlite" else POSTGRESQL:
        schema_editor.execute(statement)


def drop_index(apps, schema_editor):
    """The triggers, and PostgreSQL's column, go with the table."""
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("DROP TABLE assistant_searchindex")


class Migration(migrations.Migration):
    dependencies = [
        ("assistant", "0004_consent_history"),
    ]

    operations = [
        migrations.CreateModel(
            name="SearchText",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("body", models.TextField()),
                ("written_at", models.DateTimeField()),
                (
                    "owner",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "conversation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="search_texts",
                        to="assistant.conversation",
                    ),
                ),
                (
                    "message",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="search_text",
                        to="assistant.message",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["owner", "-written_at", "-id"], name="search_text_by_owner")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("message", None)),
                        fields=("conversation",),
                        name="one_search_text_per_title",
                    )
                ],
            },
        ),
        migrations.RunPython(make_index, drop_index),
    ]
