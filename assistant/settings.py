"""Every setting of the product, read once from the environment. README lists them; a bad value stops the boot."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import tempfile
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import dj_database_url
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from assistant import env
from assistant.oidc import openid_connect_apps

BASE_DIR = Path(__file__).resolve().parent.parent
VERSION = re.findall(r"^## (\d\S*)", (BASE_DIR / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)[0]

# Where things are
HOST = env.text("HOST", "127.0.0.1")
PORT = env.integer("PORT", 8000, 1, 65535)
DATA_DIR = Path(env.text("DATA_DIR", str(BASE_DIR / "data"))).expanduser().resolve()
try:
    DATA_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
except OSError as error:
    raise ImproperlyConfigured(f"DATA_DIR={DATA_DIR} cannot be made: {error.strerror}.") from error

# Safety
DEBUG = env.boolean("DEBUG", False)
IS_LOCAL = HOST in ("127.0.0.1", "localhost", "::1")


def _kept_secret(path: Path) -> str:
    """A random key made at the first start and kept for its owner alone; two first starts agree on one."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        pass
    else:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(50))
    return path.read_text(encoding="ascii")


SECRET_KEY = env.text("SECRET_KEY", "") or _kept_secret(DATA_DIR / "secret_key")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
# Origins that may open the WebSocket and post forms: the pages of this very installation.
CSRF_TRUSTED_ORIGINS = env.words("TRUSTED_ORIGINS", "")
BEHIND_TLS_PROXY = env.boolean("BEHIND_TLS_PROXY", False)
if BEHIND_TLS_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = env.integer("HSTS_SECONDS", 30 * 24 * 3600, 0, 10 * 365 * 24 * 3600)
    # Browsers accept this prefix only from the very host and over HTTPS: no neighbouring subdomain can plant one.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = BEHIND_TLS_PROXY
SESSION_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 60 * 60 * 24 * 90
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "webui.errors.forged"
# No inline script but the import map, no inline style, nothing from elsewhere, and no text becomes markup or script
# but through DOMPurify; names of characters (character_references.js) become characters.
OIDC_APPS = openid_connect_apps()
OIDC_ORIGINS = ["{0.scheme}://{0.netloc}".format(urlsplit(app["settings"]["server_url"])) for app in OIDC_APPS]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        # Signing in by another service begins with a form of ours and goes on there.
        "form-action": [SELF, *OIDC_ORIGINS],
        "frame-ancestors": [NONE],
        "require-trusted-types-for": ["'script'"],
        "trusted-types": ["dompurify", "character-references"],
    }
}
# jQuery, which Django's admin pages are made with, writes markup by itself.
ADMIN_CONTENT_SECURITY_POLICY = {"require-trusted-types-for": None, "trusted-types": None}
# The largest request body, counted before anything reads it; addresses that take files get room of their own here.
MAX_BODY_BYTES = 1024 * 1024
# The largest file that can be imported, and the form around it.
MAX_BODY_BYTES_BY_PATH = {
    "/api/import": 129 * 1024 * 1024,
    "/api/widget/attachments": 11 * 1024 * 1024,
    "/api/desk/attachments": 11 * 1024 * 1024,
}
# Django's own limits would only repeat it for the paths that need more.
DATA_UPLOAD_MAX_MEMORY_SIZE = None

# Django
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "csp",
    "assistant",
    "webui",
]
MIDDLEWARE = [
    "webui.metrics.requests.count_requests",
    "webui.headers.SecurityHeaders",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    # Pages bring their messages along. Django pads what it compresses, so that lengths betray no secret (BREACH).
    "webui.compression.CompressPages",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "webui.errors.Failures",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "webui.limits.RequestLimit",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "assistant.accounts.devices.NoteDevices",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # Before allauth's own templates of the same names.
        "DIRS": [BASE_DIR / "webui" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "webui.preferences.on_every_page",
            ],
        },
    },
]
ROOT_URLCONF = "assistant.urls"
ASGI_APPLICATION = "assistant.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / "webui" / "locale"]
# The chosen language is a matter of the browser, like the default that it overrides: see webui/languages.py.
LANGUAGE_COOKIE_AGE = 60 * 60 * 24 * 365
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = BEHIND_TLS_PROXY
LANGUAGE_COOKIE_HTTPONLY = True
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
WHITENOISE_ALLOW_ALL_ORIGINS = False
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "webui.storage.StaticFiles"},
}
EMAIL_BACKEND = env.text("EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend")
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "parley@localhost")
EMAIL_HOST = env.text("EMAIL_HOST", "localhost")
EMAIL_PORT = env.integer("EMAIL_PORT", 25, 1, 65535)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = env.boolean("EMAIL_USE_TLS", False)
EMAIL_TIMEOUT = 10
# The console is read by the operator, not by the person who is written to.
MAIL_REACHES_PEOPLE = not EMAIL_BACKEND.endswith((".console.EmailBackend", ".dummy.EmailBackend"))

# People
AUTH_USER_MODEL = "assistant.Person"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_REDIRECT_URL = LOGOUT_REDIRECT_URL = "/"
LOGIN_URL = "account_login"
ACCOUNT_ADAPTER = "assistant.accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True  # the list of devices ends what shall not be remembered
ACCOUNT_LOGOUT_ON_GET = False
# Guests are signed in, as nobody in particular; they must be able to reach the forms.
ACCOUNT_AUTHENTICATED_LOGIN_REDIRECTS = False
# Before what could take an account from its owner: a walked-away-from browser must not be enough.
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_USER_DISPLAY = str
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Parley] "
ACCOUNT_EMAIL_NOTIFICATIONS = MAIL_REACHES_PEOPLE

# Two-step verification and passkeys
MFA_ADAPTER = "assistant.accounts.mfa.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Parley"
MFA_TOTP_TOLERANCE = 1  # phones' clocks drift
# With somebody else's address one could lock its owner out for good; where no mail goes out, nobody can confirm one.
MFA_ALLOW_UNVERIFIED_EMAIL = not MAIL_REACHES_PEOPLE

# Whoever may look people up must not be impersonated with a stolen password.
REQUIRE_ADMIN_MFA = env.boolean("REQUIRE_ADMIN_MFA", False)

# Sign-in by another service. Never into an existing account because of an e-mail address: any provider could claim it.
SOCIALACCOUNT_ADAPTER = "assistant.accounts.social.SocialAccountAdapter"
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": OIDC_APPS, "OAUTH_PKCE_ENABLED": True}}

# Database
DATABASE_URL = env.text("DATABASE_URL", f"sqlite:///{DATA_DIR}/parley.sqlite3")


def _database(url: str) -> dict[str, Any]:
    """SQLite takes the write lock when a transaction begins, because a later upgrade fails at once and never waits;
    PostgreSQL gets Django's pool, because connections kept by age go stale under ASGI."""
    scheme = urlsplit(url).scheme
    if scheme not in ("sqlite", "postgres", "postgresql"):
        raise ImproperlyConfigured(f"DATABASE_URL begins with {scheme!r}; use sqlite:///PATH or postgresql://….")
    config: dict[str, Any] = dict(dj_database_url.parse(url))
    if scheme == "sqlite":
        config["OPTIONS"] = {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
        }
        # On disk as in life: Django's default for tests, in memory, cannot be written by two connections.
        config["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
        return config
    config["CONN_MAX_AGE"] = 0
    config["CONN_HEALTH_CHECKS"] = True
    config["OPTIONS"] = {
        **config.get("OPTIONS", {}),
        "connect_timeout": 3,
        "pool": {"min_size": 1, "max_size": 10, "timeout": 5},
        "options": "-c statement_timeout=10000 -c idle_in_transaction_session_timeout=30000",
    }
    return config


DATABASES = {"default": _database(DATABASE_URL)}


# Redis: the embedded server unless REDIS_URL names another
def _embedded_socket(folder: Path) -> Path:
    """A Unix socket's path is limited to 107 bytes, so a deep DATA_DIR gets a private folder with a short name."""
    path = folder / "valkey.sock"
    if len(os.fsencode(path)) <= 100:
        return path
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"parley-{os.getuid()}-{name}" / "valkey.sock"


EMBEDDED_VALKEY_SOCKET = _embedded_socket(DATA_DIR / "valkey")
REDIS_URL = env.text("REDIS_URL", f"unix://{EMBEDDED_VALKEY_SOCKET}")
if urlsplit(REDIS_URL).scheme not in ("redis", "rediss", "unix"):
    raise ImproperlyConfigured("REDIS_URL must begin with redis://, rediss:// or unix://.")
REDIS_IS_EMBEDDED = not os.environ.get("REDIS_URL") and not os.environ.get("REDIS_URL_FILE")

# What all processes must know of sign-ins that failed
CACHES = {"default": {"BACKEND": "assistant.shared_cache.SharedCache", "LOCATION": REDIS_URL, "KEY_PREFIX": "parley"}}

# Celery: messages are only wake-ups; what must happen stands in the database
CELERY_BROKER_URL = re.sub(r"^unix://", "redis+socket://", REDIS_URL)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {"chat.*": {"queue": "interactive"}}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 7200,
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
    "socket_timeout": 10,
    "socket_connect_timeout": 3,
    "socket_keepalive": True,
    "health_check_interval": 5,
}

# The model, and the engine that runs it: one of ours, or a server with OpenAI's interface, beside which MODEL is needed
# for learning alone
UPSTREAM_ENGINE = "inference.serving.upstream.OpenAIEngine"
INFERENCE_ENGINE = env.text("INFERENCE_ENGINE", "inference.serving.engine.TransformersEngine")
UPSTREAM_URL = env.text("UPSTREAM_URL", "")
UPSTREAM_MODEL = env.text("UPSTREAM_MODEL", "")
UPSTREAM_API_KEY = env.text("UPSTREAM_API_KEY", "")
UPSTREAM_RESUME: Literal["replay", "continue"] = env.choice("UPSTREAM_RESUME", "replay", ("replay", "continue"))
MODEL = env.text("MODEL", "upstream" if INFERENCE_ENGINE == UPSTREAM_ENGINE else "bundled")
MODELS_DIR = DATA_DIR / "models"
# What the engine loads: the prepared copy of the bundled model, or what MODEL names.
MODEL_PATH = str(MODELS_DIR / "smollm2-135m-instruct") if MODEL == "bundled" else MODEL
ENGINE_DTYPE: Literal["auto", "float32", "bfloat16"] = env.choice(
    "ENGINE_DTYPE", "auto", ("auto", "float32", "bfloat16")
)
ENGINE_BACKEND: Literal["auto", "torch", "native", "cuda"] = env.choice(
    "ENGINE_BACKEND", "auto", ("auto", "torch", "native", "cuda")
)
ENGINE_SPECULATION: Literal["lookup", "off"] = env.choice("ENGINE_SPECULATION", "lookup", ("lookup", "off"))
ENGINE_CACHE_MIB = env.integer("ENGINE_CACHE_MIB", 0, 0, 10_000_000)
ENGINE_THREADS = env.integer("ENGINE_THREADS", 0, 0, 1024)
# One for each GPU that a run shall use.
TRAINING_PROCESSES = env.integer("TRAINING_PROCESSES", 1, 1, 64)
ENGINE_MAX_RUNNING = env.integer("ENGINE_MAX_RUNNING", 16, 1, 4096)
CONTEXT_LENGTH = env.integer("CONTEXT_LENGTH", 0, 0, 10_000_000)
MAX_REPLY_TOKENS = env.integer("MAX_REPLY_TOKENS", 512, 1, 1_000_000)
SYSTEM_MESSAGE = env.text("SYSTEM_MESSAGE", "You are a helpful AI assistant.")

# Approved answers: whether they are given where that is sure, and offered where it is not (else the model words them),
# or only put before the model; what finds them; and from which score on
# (docs/decisions/0011-approved-answers.md)
APPROVED_ANSWERS: Literal["offer", "serve", "context", "off"] = env.choice(
    "APPROVED_ANSWERS", "offer", ("offer", "serve", "context", "off")
)
APPROVED_ANSWER_SURE = env.share("APPROVED_ANSWER_SURE", 0.65)
APPROVED_ANSWER_MAYBE = env.share("APPROVED_ANSWER_MAYBE", 0.4)
EMBEDDER = env.text("EMBEDDER", "bundled")
EMBEDDER_PATH = str(MODELS_DIR / "all-minilm-l6-v2") if EMBEDDER == "bundled" else EMBEDDER
INFERENCE_RETRIEVER = "inference.serving.retrieval.LocalRetriever"

# Limits: what one person may do; an address, behind which there may be many, may do it PEOPLE_PER_ADDRESS times
MAX_MESSAGE_CHARS = 32_000
LIMITS = env.boolean("LIMITS", True)
MESSAGES_PER_MINUTE = env.integer("MESSAGES_PER_MINUTE", 20, 1, 1_000_000)
# Of all visitors of one site together
MESSAGES_PER_SITE_PER_MINUTE = env.integer("MESSAGES_PER_SITE_PER_MINUTE", 300, 1, 1_000_000)
REQUESTS_PER_MINUTE = env.integer("REQUESTS_PER_MINUTE", 600, 1, 1_000_000)
# Of all people together; more questions are refused rather than left to wait for hours.
WAITING_REPLIES = env.integer("WAITING_REPLIES", 1000, 1, 1_000_000)
RUNNING_REPLIES_PER_PERSON = env.integer("RUNNING_REPLIES_PER_PERSON", 5, 1, 1_000_000)
SOCKETS_PER_PERSON = env.integer("SOCKETS_PER_PERSON", 10, 1, 1_000_000)
PEOPLE_PER_ADDRESS = env.integer("PEOPLE_PER_ADDRESS", 20, 1, 1_000_000)
# Per address
GUESTS_PER_HOUR = env.integer("GUESTS_PER_HOUR", 200, 1, 1_000_000)
SIGN_INS_PER_MINUTE = env.integer("SIGN_INS_PER_MINUTE", 10, 1, 1_000_000)
SIGN_UPS_PER_HOUR = env.integer("SIGN_UPS_PER_HOUR", 30, 1, 1_000_000)
# allauth counts sign-ins by itself, and failed ones per account as well; here are its numbers that differ from its own.
ACCOUNT_RATE_LIMITS: dict[str, str] | Literal[False] = LIMITS and {
    "login": f"{SIGN_INS_PER_MINUTE}/m/ip",
    "signup": f"{SIGN_UPS_PER_HOUR}/h/ip",
}

# Whether an answer needs the approval of two reviewers before anything learns from it
REVIEW_NEEDS_TWO = env.boolean("REVIEW_NEEDS_TWO", False)

# After how many seconds in which nobody came to a visitor who waits the team is mailed, and the visitor given the form
DESK_ALERT_AGAIN_S = env.integer("DESK_ALERT_AGAIN_S", 120, 1, 24 * 3600)

# When a new adapter is trained by itself: at set times, or as soon as so many approved answers are new (0: never)
LEARNING_SCHEDULE = env.schedule("LEARNING_SCHEDULE")
LEARNING_THRESHOLD = env.integer("LEARNING_THRESHOLD", 0, 0, 1_000_000)

# Whether webhooks may go to addresses inside the network that this server stands in, and without TLS
WEBHOOK_PRIVATE_ADDRESSES = env.boolean("WEBHOOK_PRIVATE_ADDRESSES", False)

# Who may read /metrics: whoever sends it; without it only programs on this machine
METRICS_TOKEN = env.text("METRICS_TOKEN", "")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    # Who asks an upstream server need not read of each request.
    "loggers": {"httpx2": {"level": "WARNING"}},
    "root": {"handlers": ["console"], "level": env.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))},
}
