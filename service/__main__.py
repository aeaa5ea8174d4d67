"""Run a part of the service: `python -m service api | migrate | rotate-keys | openapi`."""

import argparse
import sys

from service.settings import Settings


def main() -> None:
    """Read the command line and run the part it names."""
    parser = argparse.ArgumentParser(prog="python -m service", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    api = commands.add_parser("api", help="answer HTTP")
    api.add_argument("--host", default=None, help="address to listen on")
    api.add_argument("--port", type=int, default=None, help="port to listen on")
    commands.add_parser("migrate", help="bring the database to this version's schema")
    commands.add_parser("rotate-keys", help="sign sets with a new key from now on")
    commands.add_parser("openapi", help="print openapi.yaml")
    arguments = parser.parse_args()
    settings = Settings()
    if arguments.command == "api":
        _serve(settings, arguments.host or settings.host, arguments.port)
    elif arguments.command == "migrate":
        _migrate(settings)
    elif arguments.command == "rotate-keys":
        _rotate_keys(settings)
    else:
        _print_openapi(settings)


def _serve(settings: Settings, host: str, port: int | None) -> None:
    import uvicorn

    from service.app import create_app

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


def _rotate_keys(settings: Settings) -> None:
    from service.adapters.signing_keys import KeyRing

    sys.stdout.write(f"{KeyRing(settings.data_dir).rotate()}\n")


def _print_openapi(settings: Settings) -> None:
    from service.app import create_app

    sys.stdout.write(create_app(settings).state.openapi_yaml())


if __name__ == "__main__":
    main()
