from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("assistant", "0016_refused_questions"),
    ]

    operations = [
        migrations.AlterField(
            model_name="generation",
            name="knowledge",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "Unsettled"),
                    ("unasked", "Unasked"),
                    ("none", "None"),
                    ("context", "Context"),
                    ("served", "Served"),
                    ("offered", "Offered"),
                ],
                db_default="",
                default="",
                max_length=8,
            ),
        ),
    ]
