"""Settings: read once at the start of a process, from the environment, `.env` and flags."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, IPvAnyNetwork, SecretStr
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from typing_extensions import override

HOST_NAMES = {
    "DATABASE_URL": ("database", "url"),
    "PORT": ("http", "port"),
    "REDIS_URL": ("redis", "url"),
    "SENTRY_DSN": ("sentry", "dsn"),
}
"""The names that hosting platforms set. Nexus's own names win over them."""


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DatabaseSettings(_Group):
    url: SecretStr = Field(
        default=SecretStr("sqlite:///var/nexus.db"),
        description="sqlite:///path or postgresql://user:password@host/name (postgres:// as well).",
    )
    direct_url: SecretStr | None = Field(
        default=None,
        description="PostgreSQL without the pooler, for migrations; needed when `url` is a pooler.",
    )
    pooler: bool = Field(
        default=False,
        description="`url` is a transaction-mode pooler (PgBouncer): keep no prepared statements.",
    )
    pool_size: Annotated[int, Field(ge=1, le=200)] = Field(
        default=10, description="Connections per engine on PostgreSQL; there are two engines."
    )


class HttpSettings(_Group):
    host: str = Field(
        default="127.0.0.1", description="Address to listen on. Loopback unless you say so."
    )
    port: Annotated[int, Field(ge=0, le=65535)] = Field(
        default=8700, description="Port to listen on."
    )
    public_url: str | None = Field(
        default=None,
        description="How browsers reach this server, such as https://nexus.example.com.",
    )
    cors_origins: tuple[str, ...] = Field(
        default=(),
        description="Origins of other sites whose pages may call the API, as a JSON list.",
    )
    trusted_proxies: tuple[str, ...] = Field(
        default=(),
        description="Addresses of proxies whose X-Forwarded-For is believed, as a JSON list.",
    )
    max_body_bytes: Annotated[int, Field(ge=1024)] = Field(
        default=1_048_576, description="Largest request body, in bytes, except for imports."
    )
    max_import_bytes: Annotated[int, Field(ge=1024)] = Field(
        default=536_870_912, description="Largest file that POST /imports takes, in bytes."
    )
    requests_per_minute: Annotated[int, Field(ge=1)] = Field(
        default=6000, description="Requests a minute per credential (per address without one)."
    )


class IdentitySettings(_Group):
    anyone_creates_workspaces: bool = Field(
        default=True, description="Any signed-in user may create a workspace."
    )
    session_days: Annotated[int, Field(ge=1, le=400)] = Field(
        default=30, description="Days until a sign-in ends, counted from its last use."
    )
    invitation_days: Annotated[int, Field(ge=1, le=90)] = Field(
        default=7, description="Days until an invitation expires."
    )
    sign_in_attempts: Annotated[int, Field(ge=1)] = Field(
        default=10,
        description="Failed sign-ins per address and account in 15 minutes before a wait.",
    )


class JobSettings(_Group):
    drain_s: Annotated[float, Field(ge=0, le=600)] = Field(
        default=3,
        description="Seconds that running jobs have to end when their process is told to; what "
        "does not make it goes on at the next start, or on another worker.",
    )


class WebhookSettings(_Group):
    allowed_networks: tuple[IPvAnyNetwork, ...] = Field(
        default=(),
        description="Networks that webhooks may be sent to although they are not public, as a "
        'JSON list such as ["10.0.0.0/8"].',
    )


class LanguageModelSettings(_Group):
    url: str | None = Field(
        default=None,
        pattern="^https?://",
        description="Base URL of an OpenAI-compatible API that proposes how to split tasks, such "
        "as https://api.openai.com/v1 or http://localhost:11434/v1. Nothing is sent without it.",
    )
    key: SecretStr | None = Field(default=None, description="Its API key, if it wants one.")
    name: str = Field(default="gpt-5-mini", description="Which model to ask there.")
    timeout_s: Annotated[float, Field(gt=0, le=600)] = Field(
        default=120.0, description="Seconds that an answer may take."
    )


class RedisSettings(_Group):
    url: SecretStr | None = Field(
        default=None,
        description="redis://host:6379/0 (or rediss://), where several processes share limits and "
        "callers. Without it each has its own.",
    )


class MetricsSettings(_Group):
    token: SecretStr | None = Field(
        default=None,
        description="What Prometheus sends as its bearer token. Without one, /metrics answers "
        "addresses of this machine and of private networks only.",
    )


class TracingSettings(_Group):
    endpoint: str | None = Field(
        default=None,
        description="Where traces go over OTLP/HTTP, such as http://localhost:4318. Needs the "
        "extra 'tracing'.",
    )
    sample: Annotated[float, Field(ge=0, le=1)] = Field(
        default=1.0, description="The part of traces that is recorded, from 0 to 1."
    )


class SentrySettings(_Group):
    dsn: SecretStr | None = Field(
        default=None, description="Where errors are reported to. Needs the extra 'sentry'."
    )


class BackupSettings(_Group):
    folder: Path = Field(
        default=Path("var/backups"), description="Where 'nexus backup' and the schedule write to."
    )
    hour: Annotated[int, Field(ge=0, le=23)] | None = Field(
        default=None,
        description="The hour of the day (UTC) at which the server backs itself up. Never, unless "
        "set.",
    )
    keep: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=7, description="How many backups stay in the folder; the oldest go."
    )
    programs: Path | None = Field(
        default=None,
        description="The folder of pg_dump and pg_restore, if they are not to be searched for.",
    )


class LogSettings(_Group):
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Lines below this level are dropped."
    )
    form: Literal["auto", "pretty", "json"] = Field(
        default="auto", description="auto: pretty in a terminal, JSON otherwise."
    )


class _HostNames(PydanticBaseSettingsSource):
    @override
    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    @override
    def __call__(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, (group, field) in HOST_NAMES.items():
            if value := os.environ.get(name):
                found.setdefault(group, {})[field] = value
        return found


class Settings(BaseSettings):
    """All settings. `NEXUS_HTTP__PORT=8800` sets `http.port`; flags win over the environment."""

    model_config = SettingsConfigDict(
        env_prefix="NEXUS_",
        env_nested_delimiter="__",
        env_file=".env",
        extra="ignore",
        frozen=True,
    )

    database: DatabaseSettings = DatabaseSettings()
    http: HttpSettings = HttpSettings()
    identity: IdentitySettings = IdentitySettings()
    jobs: JobSettings = JobSettings()
    webhooks: WebhookSettings = WebhookSettings()
    language_model: LanguageModelSettings = LanguageModelSettings()
    redis: RedisSettings = RedisSettings()
    backup: BackupSettings = BackupSettings()
    metrics: MetricsSettings = MetricsSettings()
    tracing: TracingSettings = TracingSettings()
    sentry: SentrySettings = SentrySettings()
    log: LogSettings = LogSettings()
    profile_path: Path | None = Field(
        default=None,
        description="Where the command line keeps its profiles, instead of the user's folder.",
    )

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, dotenv_settings, _HostNames(settings_cls)
