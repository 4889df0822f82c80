# Share links, the marks of imported and temporary conversations, and copied messages that keep their time.

import django.db.models.deletion
import django.utils.timezone
import uuid_utils.compat
from django.db import migrations, models

import assistant.sharing.models


class Migration(migrations.Migration):
    dependencies = [
        ("assistant", "0007_generation_by_state"),
    ]

    operations = [
        migrations.CreateModel(
            name="ShareLink",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "token",
                    models.CharField(
                        default=assistant.sharing.models.new_token, editable=False, max_length=43, unique=True
                    ),
                ),
                (
                    "audience",
                    models.CharField(choices=[("members", "Members"), ("anyone", "Anyone")], max_length=7),
                ),
                ("snapshot", models.JSONField()),
                ("snapshot_at", models.DateTimeField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "conversation",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="share_link",
                        to="assistant.conversation",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="conversation",
            name="import_key",
            field=models.CharField(blank=True, editable=False, max_length=64, null=True),
        ),
        # The default is Python's alone: the column stays as it is, so no table is written anew for it.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name="message",
                    name="created_at",
                    field=models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
            ],
        ),
        # Both indexes hold only the rows they are for: next to none when they are made.
        migrations.AddIndex(
            model_name="conversation",
            index=models.Index(
                condition=models.Q(("is_temporary", True)), fields=["updated_at"], name="temporary_conversations"
            ),
        ),
        migrations.AddConstraint(
            model_name="conversation",
            constraint=models.UniqueConstraint(
                condition=models.Q(("import_key__isnull", False)),
                fields=("owner", "import_key"),
                name="one_conversation_per_import_key",
            ),
        ),
    ]
