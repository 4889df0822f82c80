"""Where the settings pages live."""

from django.urls import path

from webui.settings import api_keys, appearance, feedback, language, privacy, profile, security

urlpatterns = [
    path("", profile.profile, name="settings"),
    path("email/", profile.change_email, name="settings_email"),
    path("email/confirm/<str:key>/", profile.confirm_email, name="settings_confirm_email"),
    path("language/", language.choose_language, name="settings_language"),
    path("appearance/", appearance.appearance, name="settings_appearance"),
    path("privacy/", privacy.privacy, name="settings_privacy"),
    path("privacy/consent/", privacy.consent, name="settings_consent"),
    path("feedback/", feedback.feedback, name="settings_feedback"),
    path("feedback/withdraw/", feedback.withdraw, name="settings_feedback_withdraw"),
    path("feedback/judge/", feedback.judge, name="settings_feedback_judge"),
    path("feedback/seen/", feedback.seen, name="settings_feedback_seen"),
    path("delete/", privacy.delete_account, name="settings_delete"),
    path("security/", security.security, name="settings_security"),
    path("security/devices/", security.end_devices, name="settings_devices"),
    path("api-keys/", api_keys.keys, name="settings_api_keys"),
    path("api-keys/revoke/", api_keys.revoke, name="settings_api_keys_revoke"),
]
