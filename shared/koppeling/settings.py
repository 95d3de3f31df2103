"""What the deployment tells the functions, read when asked for and never at import."""

import os
from dataclasses import dataclass
from functools import cache


def required(name: str) -> str:
    """The environment variable, or a sentence that says which one is missing."""
    value = os.environ.get(name, "")
    if not value:
        raise LookupError(f"the environment variable {name} is not set: deploy with the project's template.yaml")
    return value


@dataclass(frozen=True, slots=True)
class Settings:
    """One deployment's names and addresses."""

    table_name: str
    order_queue_url: str
    backlog_queue_url: str
    import_queue_url: str
    key_id: str
    partner_secret_name: str
    mijnwebwinkel_api_url: str
    snelstart_api_url: str
    snelstart_auth_url: str
    settle_seconds: int
    vies_url: str
    """Base URL of VIES' REST service; empty where VAT numbers are checked offline only."""


@cache
def settings() -> Settings:
    """The settings of this process; tests of several deployments call `settings.cache_clear`."""
    return Settings(
        table_name=required("TABLE_NAME"),
        order_queue_url=required("ORDER_QUEUE_URL"),
        backlog_queue_url=required("BACKLOG_QUEUE_URL"),
        import_queue_url=required("IMPORT_QUEUE_URL"),
        key_id=required("KEY_ID"),
        partner_secret_name=required("PARTNER_SECRET_NAME"),
        mijnwebwinkel_api_url=required("MIJNWEBWINKEL_API_URL").rstrip("/"),
        snelstart_api_url=required("SNELSTART_API_URL").rstrip("/"),
        snelstart_auth_url=required("SNELSTART_AUTH_URL"),
        settle_seconds=int(os.environ.get("SETTLE_SECONDS", "120")),
        vies_url=os.environ.get("VIES_URL", "").rstrip("/"),
    )
