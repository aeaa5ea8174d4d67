"""Run a part of the service.

`python -m service api | migrate | create-key | keep-token | rotate-keys | openapi`
"""

import argparse
import socket
import sys

from service.adapters.clock import SystemClock
from service.domain.caller import (
    DEFAULT_TENANT,
    SCOPES,
    TENANT_PATTERN,
    WORK,
    Caller,
    Scope,
)
from service.domain.ports import ApiKeys
from service.settings import Settings, is_loopback


def main() -> None:
    """Read the command line and run the part it names."""
    parser = argparse.ArgumentParser(prog="python -m service", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    api = commands.add_parser("api", help="answer HTTP")
    api.add_argument("--host", default=None, help="address to listen on")
    api.add_argument("--port", type=int, default=None, help="port to listen on")
    commands.add_parser("migrate", help="bring the database to this version's schema")
    key = commands.add_parser("create-key", help="make an API key, and print it once")
    key.add_argument("--name", default="first key", help="for people")
    key.add_argument("--tenant", default=DEFAULT_TENANT, help="whose records it opens")
    key.add_argument("--scope", action="append", choices=SCOPES, help="what it allows; repeatable")
    commands.add_parser("keep-token", help="write a key into `token` in the data directory")
    commands.add_parser("rotate-keys", help="sign sets with a new key from now on")
    commands.add_parser("openapi", help="print openapi.yaml")
    arguments = parser.parse_args()
    settings = Settings()
    if arguments.command == "api":
        _serve(settings, arguments.host or settings.host, arguments.port)
    elif arguments.command == "migrate":
        _migrate(settings)
    elif arguments.command == "create-key":
        _create_key(settings, arguments.name, arguments.tenant, arguments.scope)
    elif arguments.command == "keep-token":
        _keep_token(settings)
    elif arguments.command == "rotate-keys":
        _rotate_keys(settings)
    else:
        _print_openapi(settings)


def _serve(settings: Settings, host: str, port: int | None) -> None:
    if settings.auth == "none" and not is_loopback(host):
        sys.exit(
            f"Without keys (SYNTHCXR_AUTH=none) the service listens on a loopback address only, "
            f"and {host} is none: leave SYNTHCXR_AUTH out, or listen on 127.0.0.1."
        )
    import uvicorn

    from service import tracing
    from service.app import create_app

    tracing.start("api")
    uvicorn.run(
        create_app(settings),
        host=host,
        port=settings.port if port is None else port,
        log_level="warning",
        access_log=False,  # ours names routes, not what clients typed
        timeout_graceful_shutdown=5,  # a stream would otherwise never end
    )


def _migrate(settings: Settings) -> None:
    from service.adapters.sql_engine import open_engine
    from service.adapters.sql_migrate import migrate

    migrate(open_engine(settings.resolved_database_url))


def _create_key(settings: Settings, name: str, tenant: str, scopes: list[Scope] | None) -> None:
    """Make a key past the API, for a tenant that has none yet, and print its secret."""
    from service.key_management import KeyManager

    if not TENANT_PATTERN.fullmatch(tenant):
        sys.exit("A tenant's name is 1 to 64 letters, digits, dots, hyphens or underscores.")
    maker = Caller("command line", tenant, frozenset(SCOPES))
    manager = KeyManager(_api_keys(settings), SystemClock(), maker)
    issued = manager.create(name[:200], tuple(scopes or WORK))
    sys.stdout.write(f"{issued.secret}\n")


def _keep_token(settings: Settings) -> None:
    from service.local_token import LocalToken

    data_dir = settings.data_dir.resolve()
    name = f"{socket.gethostname()}:{data_dir}"[:200]
    token = LocalToken(data_dir / "token", name, _api_keys(settings), SystemClock())
    token.keep(WORK.union(settings.scopes))


def _api_keys(settings: Settings) -> ApiKeys:
    from service.adapters.sql_engine import open_engine
    from service.adapters.sql_records import sql_records

    records = sql_records(open_engine(settings.resolved_database_url), SystemClock())
    records.database.check()
    return records.api_keys


def _rotate_keys(settings: Settings) -> None:
    from service.adapters.signing_keys import KeyRing

    sys.stdout.write(f"{KeyRing(settings.data_dir).rotate()}\n")


def _print_openapi(settings: Settings) -> None:
    from service.app import create_app

    sys.stdout.write(create_app(settings).state.openapi_yaml())


if __name__ == "__main__":
    main()
