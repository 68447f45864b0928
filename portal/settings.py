"""Settings, read from the environment; docs/operations.md lists every variable.

Without DATABASE_URL and REDIS_URL the embedded servers of `portal.local` are used. Nothing here starts them.
"""

from pathlib import Path

import environ
import structlog
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from portal.local import paths as local_paths
from portal.local.secrets import local_secrets
from portal.logs import without_tokens

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parents[1]
LOCAL = local_paths.paths()
EMBEDDED = not env.str("DATABASE_URL", default="")

DEBUG = env.bool("DEBUG", default=False)
DEMO = env.bool("DEMO", default=False)
if DEMO and not DEBUG:
    raise ImproperlyConfigured("DEMO=1 accepts printed sign-in codes; it is refused while DEBUG is off.")

# Keys: from the environment in production; made once and kept beside the embedded servers otherwise.
_secrets = local_secrets(LOCAL) if EMBEDDED else {}
SECRET_KEY = env.str("SECRET_KEY", default=_secrets.get("SECRET_KEY", ""))
FIELD_KEYS_FILE = env.str("FIELD_KEYS_FILE", default=_secrets.get("FIELD_KEYS_FILE", ""))
AUDIT_SIGNING_KEY_FILE = env.str("AUDIT_SIGNING_KEY_FILE", default=_secrets.get("AUDIT_SIGNING_KEY_FILE", ""))
if not (SECRET_KEY and FIELD_KEYS_FILE):
    raise ImproperlyConfigured("Set SECRET_KEY and FIELD_KEYS_FILE: with DATABASE_URL given, none is made up.")

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# --- applications ---------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "accounts",
    "scoring",
    "lending",
    "portal",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "oauth2_provider",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "csp",
    "django_structlog",
    "django_prometheus",
]
MIDDLEWARE = [
    "portal.health.HealthMiddleware",
    "portal.proxy.ForwardedAddressMiddleware",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "portal.errors_http.DemoPagesMiddleware",
    "django.middleware.gzip.GZipMiddleware",  # around WhiteNoise: the demo has no files compressed beforehand
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "portal.language.LanguageMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.tenancy.middleware.InstitutionMiddleware",
    "accounts.two_step.TwoStepMiddleware",
    "portal.private.PrivateAnswers",
    "portal.typography.UnbrokenMoney",
    "portal.errors_http.DomainErrorMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
FORM_RENDERER = "accounts.forms.AyniRenderer"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "portal.context.site",
            ],
            "builtins": ["django.templatetags.i18n", "accounts.templatetags.ayni"],
        },
    }
]

# Where people reach the site; links in messages begin with it.
SITE_URL = env.str("SITE_URL", default="http://127.0.0.1:8000").rstrip("/")

# --- database: four roles, one boundary (docs/decisions) ------------------------------------------------------------
_ROLE_VARIABLES = {
    "default": ("DATABASE_URL", "lend_app"),
    "owner": ("DATABASE_OWNER_URL", "lend_owner"),
    "regulator": ("DATABASE_REGULATOR_URL", "lend_regulator"),
    "system": ("DATABASE_SYSTEM_URL", "lend_system"),
    # Reads what people said of themselves for fair lending, writes summaries; no scoring process has its address.
    "fairness": ("DATABASE_FAIRNESS_URL", "lend_fairness"),
}

DATABASES = {
    alias: {
        **env.db_url(variable, default=LOCAL.database_url(role) if EMBEDDED else env.str("DATABASE_URL", default="")),
        "ENGINE": "accounts.tenancy.backend",
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": env.bool("DATABASE_TRANSACTION_POOLING", default=False),
        "ATOMIC_REQUESTS": alias == "default",
        "TEST": {"MIGRATE": False, "MIRROR": None},
    }
    for alias, (variable, role) in _ROLE_VARIABLES.items()
    if EMBEDDED or alias == "default" or env.str(variable, default="")
}
if not EMBEDDED:  # how connections are secured, where their addresses do not say it themselves
    _TLS = {name: env.str(f"DATABASE_{name.upper()}", default="") for name in ("sslmode", "sslrootcert")}
    for _database in DATABASES.values():
        _database["OPTIONS"] = {name: value for name, value in _TLS.items() if value} | _database.get("OPTIONS", {})
CLAMD = env.str("CLAMD", default="")  # socket or host:port of an antivirus; empty: uploads are not scanned
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TENANCY_ALLOW_SCOPE_CHANGE = False

# --- broker, cache, jobs --------------------------------------------------------------------------------------------
REDIS_URL = env.str("REDIS_URL", default=LOCAL.redis_url())
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default=env.str("REDIS_URL", default=LOCAL.celery_broker_url()))
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "ayni",
    }
}
SESSION_ENGINE = "django.contrib.sessions.backends.db"
OUTBOX_REPUBLISH_SECONDS = env.int("OUTBOX_REPUBLISH_SECONDS", default=30)
CELERY_WORKER_CONCURRENCY = env.int("WORKER_CONCURRENCY", default=2)  # processes of one worker

# --- people ---------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
_VALIDATORS = "django.contrib.auth.password_validation"
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": f"{_VALIDATORS}.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["email", "phone", "full_name"]},
    },
    {"NAME": "accounts.passwords.LengthValidator"},
    {"NAME": f"{_VALIDATORS}.CommonPasswordValidator"},
    {"NAME": f"{_VALIDATORS}.NumericPasswordValidator"},
]
PASSWORD_HASHERS = ["accounts.passwords.SealedArgon2", "django.contrib.auth.hashers.PBKDF2PasswordHasher"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "portal:after_sign_in"

# Signing in by e-mail or mobile, with a code or a password; codes are typed, never links.
_FORMS = "accounts.sign_in_forms"
ACCOUNT_ADAPTER = "accounts.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email", "phone"}
ACCOUNT_SIGNUP_FIELDS = ["phone", "email*", "password1"]  # of which each form asks for its own: mobile, or e-mail
ACCOUNT_SIGNUP_FORM_CLASS = "accounts.names.NamedPerson"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_PHONE_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_SUPPORTS_RESEND = True
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = 10 * 60  # a text message may be slow in the countryside
ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
ACCOUNT_PASSWORD_RESET_BY_CODE_TIMEOUT = 10 * 60
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_RATE_LIMITS = {
    # Many phones share one address behind a mobile carrier: limits per address are wide, per account narrow.
    "signup": "60/m/ip",
    "login": "120/m/ip",
    "login_failed": "30/m/ip,5/5m/key",
    "request_login_code": "60/m/ip,3/m/key,20/d/key",
    "verify_phone": "30/m/ip,1/30s/key,20/d/key",
    "change_phone": "5/m/user,20/d/user",
}
ACCOUNT_FORMS = {
    "signup": f"{_FORMS}.PhoneSignUpForm",
    "login": f"{_FORMS}.SignInForm",
    "request_login_code": f"{_FORMS}.RequestCodeForm",
    "confirm_login_code": f"{_FORMS}.CodeForm",
    "verify_phone": f"{_FORMS}.PhoneCodeForm",
    "confirm_email_verification_code": f"{_FORMS}.EmailCodeForm",
    "confirm_password_reset_code": f"{_FORMS}.PasswordCodeForm",
    "change_phone": f"{_FORMS}.NewPhoneForm",
    "add_email": f"{_FORMS}.NewEmailForm",
    "change_email": f"{_FORMS}.OtherEmailForm",
    "change_password": f"{_FORMS}.NewPasswordForm",
    "set_password": f"{_FORMS}.FirstPasswordForm",
    "reset_password": f"{_FORMS}.ForgottenPasswordForm",
    "reset_password_from_key": f"{_FORMS}.ResetPasswordForm",
    "reauthenticate": f"{_FORMS}.PasswordAgainForm",
}
ALLAUTH_USER_CODE_FORMAT = {"numeric": True, "length": 6, "dashed": False}
MFA_ADAPTER = "accounts.adapters.SecondStepAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TOTP_TOLERANCE = 1  # phones whose clock is half a minute off
MFA_FORMS = {
    "authenticate": f"{_FORMS}.SecondStepForm",
    "reauthenticate": f"{_FORMS}.SecondStepAgainForm",
    "activate_totp": f"{_FORMS}.SetUpSecondStepForm",
}
DEMO_SECOND_STEP_CODE = "246810"  # printed by the demo; DEMO is refused where DEBUG is off
MFA_TOTP_INSECURE_BYPASS_CODE = DEMO_SECOND_STEP_CODE if DEMO else None

# --- language and time ----------------------------------------------------------------------------------------------
LANGUAGE_CODE = "es"
LANGUAGES = [("es", _("Español")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["portal.formats"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "America/Lima"

# --- files ----------------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = env.str("STATIC_ROOT", default=str(BASE_DIR / ".local" / "static"))
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_MAX_AGE = 600 if DEMO else 60  # seconds, of names without a hash; hashed ones are kept for ever
MEDIA_ROOT = env.str("MEDIA_ROOT", default=str(LOCAL.media))
OUTBOX_ROOT = env.str("OUTBOX_ROOT", default=str(LOCAL.outbox))
STORAGES = {
    # Private files (documents, model files); an S3-compatible store in production through django-storages.
    "default": {
        "BACKEND": env.str("FILE_STORAGE", default="django.core.files.storage.FileSystemStorage"),
        "OPTIONS": env.json("FILE_STORAGE_OPTIONS", default={}),
    },
    # A second place for signed checkpoints: another account, locked against overwriting.
    "checkpoints": {
        "BACKEND": env.str("CHECKPOINT_STORAGE", default="django.core.files.storage.FileSystemStorage"),
        "OPTIONS": env.json("CHECKPOINT_STORAGE_OPTIONS", default={"location": str(Path(MEDIA_ROOT) / "checkpoints")}),
    },
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_500_000  # one form's text
FILE_UPLOAD_MAX_MEMORY_SIZE = 1_000_000  # larger files go to disk while they arrive
DATA_UPLOAD_MAX_NUMBER_FIELDS = 300

# --- security -------------------------------------------------------------------------------------------------------
_HTTPS = not DEBUG
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=_HTTPS)
BEHIND_PROXY = env.bool("BEHIND_PROXY", default=False)  # one of ours, which sets both headers itself
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000 if _HTTPS else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _HTTPS
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _HTTPS
if _HTTPS:  # such names are taken from this very host alone, over TLS, for the whole site
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-session", "__Host-csrf"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 14 * 24 * 3600
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "report-uri": ["/csp-report/"],
    }
}
CSRF_FAILURE_VIEW = "portal.errors_http.csrf_failure"

# --- mail -----------------------------------------------------------------------------------------------------------
# Without a mail server, messages are written to the outbox folder and readable in the portal.
EMAIL_CONFIG = env.email_url("EMAIL_URL", default="filemail://")
MAIL_SERVER = bool(env.str("EMAIL_URL", default=""))
if MAIL_SERVER:
    vars().update(EMAIL_CONFIG)
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = str(Path(OUTBOX_ROOT) / "mail")
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Ayni <no-responder@ayni.example>")
EMAIL_TIMEOUT = 5
# Who receives the first signed checkpoint of each day: regulators, an external auditor.
CHECKPOINT_MAIL_TO = env.list("CHECKPOINT_MAIL_TO", default=[])
SMS_GATEWAY_URL = env.str("SMS_GATEWAY_URL", default="")
SMS_GATEWAY_TOKEN = env.str("SMS_GATEWAY_TOKEN", default="")

# Whoever sends it as a bearer token may read /metrics from another machine; empty: nobody.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")

# --- logs -----------------------------------------------------------------------------------------------------------
LOG_LEVEL = env.str("LOG_LEVEL", default="WARNING" if DEBUG else "INFO")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
}
# Through the same handlers and level, one JSON line each; tracebacks never show the values of variables.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.filter_by_level,
        structlog.processors.format_exc_info,
        without_tokens,
        structlog.processors.JSONRenderer(sort_keys=True),
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)

# --- API ------------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "lending.api.authentication.ClientTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser", "rest_framework.parsers.MultiPartParser"],
    "DEFAULT_PAGINATION_CLASS": "lending.api.pagination.NewestFirst",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_RATES": {"simulate": "120/min", "write": "1200/min"},
    "EXCEPTION_HANDLER": "lending.api.errors.answer",
    "COERCE_DECIMAL_TO_STRING": True,
    "PAGE_SIZE": 50,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Ayni",
    "DESCRIPTION": "Solicitudes y créditos: simular, presentar, ver puntaje y ofertas; contratos, pagos y saldos.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": r"/i/[^/]+/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {  # many things have a status
        f"{name}Status": f"lending.models.{name}.Status" for name in ("Application", "Contract", "Loan", "Offer")
    }
    | {
        "PrepaymentChoice": "lending.api.loan_shapes.CHOICES",
        "PrepaymentEffect": "lending.api.loan_shapes.EFFECTS",
        "MoneyWay": "lending.api.loan_shapes.WAYS",
    },
}
OAUTH2_PROVIDER = {
    "ACCESS_TOKEN_EXPIRE_SECONDS": 3600,
    "ALLOWED_GRANT_TYPES": ["client_credentials"],
    "SCOPES": {"applications": "Presentar y consultar solicitudes"},
    "PKCE_REQUIRED": True,
    "ALLOWED_REDIRECT_URI_SCHEMES": ["https"],
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
    # As RFC 9700 wants it: tokens kept as hashes and read from the header alone, no implicit or password grant.
    **{
        f"COMPLIANT_BCP_RFC9700_{name}": True
        for name in (
            *("IMPLICIT_GRANT", "PASSWORD_GRANT", "PKCE_METHOD", "ACCESS_TOKEN_TRANSPORT", "AUTHZ_RESPONSE_ISS"),
            *("TOKEN_STORAGE", "REFRESH_TOKEN", "REDIRECT_URI_SCHEME"),
        )
    },
}
