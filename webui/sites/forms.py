"""A site as a form: flat fields that people can fill in, to and from what is kept (assistant/desk/site_settings.py)."""

from __future__ import annotations

import re
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.utils.translation import gettext_lazy as _

from assistant.desk.models import Site
from assistant.desk.site_settings import LANGUAGES, FormField, settings_of
from assistant.errors import AssistantError

DAYS = (_("Monday"), _("Tuesday"), _("Wednesday"), _("Thursday"), _("Friday"), _("Saturday"), _("Sunday"))
LANGUAGE_NAMES = {"en": "English", "zh-hans": "简体中文"}
# (name, label, whether it is long)
TEXTS = (
    ("title", _("Title"), False),
    ("launcher", _("Text on the button (empty: a round one)"), False),
    ("greeting", _("Greeting"), True),
    ("suggestions", _("Suggested questions, one a line"), True),
    ("offline", _("When nobody is there"), True),
)
BOTH_OR_NONE = _("give both times or none")
ASKED = [("", _("Not asked")), ("optional", _("Asked")), ("required", _("Required"))]
# "order_number: Your order *"
_CUSTOM = re.compile(r"^(?P<name>[a-z][a-z0-9_]{0,29})\s*:\s*(?P<label>.*?)\s*(?P<star>\*?)$")


def _line(**more: Any) -> forms.CharField:
    return forms.CharField(widget=forms.TextInput({"class": "input", "autocomplete": "off"}), **more)


def _lines(rows: int = 3, **more: Any) -> forms.CharField:
    return forms.CharField(widget=forms.Textarea({"class": "input", "rows": rows}), required=False, **more)


def _choice(choices: Any) -> forms.ChoiceField:
    return forms.ChoiceField(choices=choices, widget=forms.Select({"class": "input"}), required=False)


class SiteForm(forms.Form):
    name = _line(label=_("Name"), max_length=100)
    origins = _lines(label=_("Origins whose pages may show the chat, one a line"))
    color = forms.CharField(label=_("Colour"), widget=forms.TextInput({"type": "color", "class": "site__color"}))
    avatar = _line(label=_("Letter or sign beside the title"), max_length=4, required=False)
    time_zone = _line(label=_("Time zone"), max_length=64)
    custom_fields = _lines(label=_("Other fields, one a line: order_number: Your order *"))
    words = _lines(label=_("Words for which a person takes over, one a line"))
    system_message = _lines(rows=4, label=_("What the assistant is told first"))
    retention_days = forms.IntegerField(
        label=_("Days until a conversation is erased"),
        min_value=1,
        max_value=3650,
        widget=forms.NumberInput({"class": "input"}),
    )
    position = _choice([("right", _("Right")), ("left", _("Left"))])
    scheme = _choice([("auto", _("As the visitor's system")), ("light", _("Light")), ("dark", _("Dark"))])
    ask_name, ask_email = _choice(ASKED), _choice(ASKED)
    model_choice = _choice([])

    def __init__(self, data: Any = None, *, site: Site, model_choices: list[tuple[str, Any]]) -> None:
        super().__init__(data, initial=_initial(site))
        for name in SWITCHES:
            self.fields[name] = forms.BooleanField(required=False)
        for language in LANGUAGES:
            for name, label, is_long in TEXTS:
                field = _lines(rows=2, label=label) if is_long else _line(label=label, required=False)
                self.fields[f"{language}_{name}"] = field
        for day in range(7):
            for end in ("opens", "closes"):
                widget = forms.TextInput({"class": "input", "type": "time"})
                self.fields[f"{end}_{day}"] = forms.CharField(required=False, widget=widget)
        known = [*model_choices]
        if site.model_choice and site.model_choice not in dict(known):
            known.append((site.model_choice, site.model_choice))  # it has gone since; the form does not change it
        self.fields["model_choice"].choices = known or [("", _("Automatic"))]  # type: ignore[attr-defined]
        self.time_zones = sorted(available_timezones())

    @property
    def texts(self) -> list[tuple[str, list[forms.BoundField]]]:
        return [(LANGUAGE_NAMES[each], [self[f"{each}_{name}"] for name, _, _ in TEXTS]) for each in LANGUAGES]

    @property
    def week(self) -> list[tuple[Any, forms.BoundField, forms.BoundField]]:
        return [(name, self[f"opens_{day}"], self[f"closes_{day}"]) for day, name in enumerate(DAYS)]

    def changes(self) -> dict[str, Any]:
        """Arguments of assistant.desk.sites.update. Raises site.invalid."""
        said = self.cleaned_data
        plain = ("name", "time_zone", "system_message", "retention_days", "model_choice")
        of_site = ("is_enabled", "is_identity_required", "asks_training_consent", "has_offline_form")
        theme = ("color", "position", "scheme", "avatar", "has_launcher")
        rules = ("when_unsure", "when_negative")
        return {
            **{name: said[name] for name in (*plain, *of_site)},
            "origins": _split(said["origins"]),
            "theme": {name: said[name] for name in theme},
            "texts": {language: texts for language in LANGUAGES if (texts := self._texts(language))},
            "hours": self._hours(),
            "pre_chat": self._pre_chat(),
            "handoff_rules": {"words": _split(said["words"]), **{name: said[name] for name in rules}},
        }

    def _texts(self, language: str) -> dict[str, Any]:
        said = {name: self.cleaned_data[f"{language}_{name}"] for name, _, _ in TEXTS}
        return {**said, "suggestions": _split(said["suggestions"])} if any(said.values()) else {}

    def _hours(self) -> list[dict[str, Any]]:
        days = [(day, self.cleaned_data[f"opens_{day}"], self.cleaned_data[f"closes_{day}"]) for day in range(7)]
        for day, opens, closes in days:
            if bool(opens) != bool(closes):
                raise AssistantError("site.invalid", reason=f"{DAYS[day]}: {BOTH_OR_NONE}")
        return [{"days": [day], "opens": opens, "closes": closes} for day, opens, closes in days if opens]

    def _pre_chat(self) -> list[dict[str, Any]]:
        fields: list[dict[str, Any]] = [
            {"name": name, "label": "", "is_required": asked == "required"}
            for name in ("name", "email")
            if (asked := self.cleaned_data[f"ask_{name}"])
        ]
        for line in _split(self.cleaned_data["custom_fields"]):
            found = _CUSTOM.match(line)
            if found is None:
                raise AssistantError("site.invalid", reason=f"“{line[:60]}”: order_number: Your order *")
            fields.append({"name": found["name"], "label": found["label"], "is_required": bool(found["star"])})
        return fields


# Each with what it does.
SWITCHES = {
    "is_enabled": _("The chat is on"),
    "has_launcher": _("Show a button on the page"),
    "asks_training_consent": _("Ask visitors whether their messages may improve the assistant"),
    "has_offline_form": _("Ask for an e-mail address when nobody is there"),
    "is_identity_required": _("Only visitors whom your server has signed"),
    "when_unsure": _("A person takes over when no approved answer is near or the answer failed"),
    "when_negative": _("A person takes over when the visitor sounds unhappy; English and Chinese are read"),
}


def _split(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _initial(site: Site) -> dict[str, Any]:
    kept = settings_of(site)
    plain = (
        *("name", "time_zone", "system_message", "retention_days", "model_choice"),
        *("is_enabled", "is_identity_required", "asks_training_consent", "has_offline_form"),
    )
    fields: dict[str, Any] = {name: getattr(site, name) for name in plain}
    fields |= {**kept.theme.model_dump(), "origins": "\n".join(site.allowed_origins)}
    fields |= {"when_unsure": kept.handoff_rules.when_unsure, "when_negative": kept.handoff_rules.when_negative}
    fields["words"] = "\n".join(kept.handoff_rules.words)
    for language, texts in kept.texts.items():
        said = texts.model_dump() | {"suggestions": "\n".join(texts.suggestions)}
        fields |= {f"{language}_{name}": text for name, text in said.items()}
    for hours in kept.hours:
        for day in hours.days:
            fields |= {f"opens_{day}": hours.opens, f"closes_{day}": hours.closes}
    known = {"name", "email"}
    asked = {field.name: "required" if field.is_required else "optional" for field in kept.pre_chat}
    fields |= {f"ask_{name}": asked.get(name, "") for name in known}
    fields["custom_fields"] = "\n".join(_written(field) for field in kept.pre_chat if field.name not in known)
    return fields


def _written(field: FormField) -> str:
    return f"{field.name}: {field.label}{' *' if field.is_required else ''}"
