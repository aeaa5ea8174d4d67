"""Run a part of the service: `python -m service api | migrate | config | backup | ...`.

The `synthcxr` command calls it.
"""

import argparse
import socket
import sys
from pathlib import Path
from typing import Literal, NoReturn

from service.adapters.clock import SystemClock
from service.adapters.schema_check import refuse_unknown_schema
from service.domain.caller import (
    DEFAULT_TENANT,
    SCOPES,
    TENANT_PATTERN,
    WORK,
    Caller,
    Scope,
)
from service.domain.errors import RecordsUnavailable, SchemaUnknown
from service.domain.record_ports import ApiKeys
from service.logs import configure_logs
from service.private_directory import data_dir_or_exit
from service.settings import Settings, is_loopback, settings_or_exit


def main() -> None:
    """Read the command line and run the part it names."""
    arguments = _parser().parse_args()
    if arguments.command == "doctor":
        _examine(as_json=arguments.json)  # also where the settings cannot be read
    settings = settings_or_exit()
    if arguments.command == "openapi":
        _print_openapi(settings)
        return
    if arguments.command == "config":
        _print_settings(settings, as_json=arguments.json)
        return
    data_dir_or_exit(settings.data_dir)
    configure_logs(settings.log_level)
    try:
        _run(arguments, settings)
    except SchemaUnknown as error:
        sys.exit(str(error))
    except RecordsUnavailable as error:
        advice = error.message.replace("send the request again", "run this again")
        sys.exit(f"Error: {_place(settings)}: {advice}")


def _run(arguments: argparse.Namespace, settings: Settings) -> None:
    match arguments.command:
        case "api":
            given = {"host": arguments.host, "port": arguments.port}
            chosen = {name: value for name, value in given.items() if value is not None}
            _serve(settings.model_copy(update=chosen))
        case "migrate":
            _migrate(settings)
        case "create-key":
            _create_key(settings, arguments.name, arguments.tenant, arguments.scope)
        case "keep-token":
            _keep_token(settings)
        case "rotate-keys":
            _rotate_keys(settings)
        case "backup" | "restore":
            _copy(settings, arguments.command, arguments.folder)
        case _:
            _print_audit_log(settings)


def _parser() -> argparse.ArgumentParser:
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
    commands.add_parser("audit", help="print the audit log of every tenant, for verification")
    commands.add_parser("openapi", help="print openapi.yaml")
    backup = commands.add_parser("backup", help="copy keys, database and artifacts")
    backup.add_argument("folder", type=Path, help="where to; it must not exist")
    restore = commands.add_parser("restore", help="bring a backup back")
    restore.add_argument("folder", type=Path, help="what `backup` made")
    config = commands.add_parser("config", help="print the settings in force; no secrets")
    config.add_argument("--json", action="store_true", help="print JSON for programs")
    doctor = commands.add_parser("doctor", help="check what the service needs here")
    doctor.add_argument("--json", action="store_true", help="print JSON for programs")
    return parser


def _serve(settings: Settings) -> None:
    if settings.auth == "none" and not is_loopback(settings.host):
        sys.exit(
            f"Without keys (SYNTHCXR_AUTH=none) the service listens on a loopback address only, "
            f"and {settings.host} is none: leave SYNTHCXR_AUTH out, or listen on 127.0.0.1."
        )
    import uvicorn

    from service import tracing
    from service.api.http.server import server_config
    from service.app import connect, create_app

    context = connect(settings)
    refuse_unknown_schema(context.records.database)
    tracing.start("api")
    uvicorn.Server(server_config(create_app(settings, context), settings)).run()


def _migrate(settings: Settings) -> None:
    from service.adapters.sql_engine import open_engine
    from service.adapters.sql_migrate import migrate
    from service.logs import configure_logs

    configure_logs("ERROR")  # what fails is the one line that this ends with
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
    from service.app import connect
    from service.domain.audit import ROTATE_SIGNING_KEYS, AuditDraft
    from service.domain.caller import DEFAULT_TENANT
    from service.domain.errors import RecordsUnavailable

    key_id = KeyRing(settings.data_dir).rotate()
    sys.stdout.write(f"{key_id}\n")
    draft = AuditDraft(DEFAULT_TENANT, "operator", ROTATE_SIGNING_KEYS, key_id)
    try:
        connect(settings).records.audit.append(draft)
    except RecordsUnavailable:
        sys.stderr.write("The database cannot be reached: the audit log does not name this.\n")


def _print_audit_log(settings: Settings) -> None:
    from service.adapters.audit_export import exported
    from service.app import connect

    context = connect(settings)
    for line in exported(context.records.audit, context.signing_keys, context.clock):
        sys.stdout.write(f"{line}\n")


def _copy(settings: Settings, command: Literal["backup", "restore"], folder: Path) -> None:
    from service.domain.errors import ArtifactsUnavailable, RecordsUnavailable
    from service.operations.backup import back_up
    from service.operations.errors import OperationFailed
    from service.operations.restore import restore

    try:
        manifest = {"backup": back_up, "restore": restore}[command](settings, folder)
    except (ArtifactsUnavailable, OperationFailed, RecordsUnavailable) as error:
        sys.exit(f"Error: {error}")
    if manifest.artifacts:
        sys.stdout.write(
            f"Artifacts and uploads are not in the backup: they stay in {manifest.artifacts}. "
            "Keep a copy of that bucket from the same night or later.\n"
        )
    for artifact in manifest.absent:
        sys.stdout.write(f"not in the backup, deleted meanwhile or lost before: {artifact}\n")
    num_bytes = sum(file.num_bytes for file in manifest.files.values())
    what = f"{len(manifest.files)} files, {num_bytes / 2**20:.0f} MiB"
    if command == "restore":
        sys.stdout.write(f"Restored to {settings.data_dir.resolve()}: {what}.\n")
        return
    sys.stdout.write(
        f"Backed up to {folder.resolve()}: {what}.\n"
        "It holds private images and all keys: keep it as safe as the radiographs themselves.\n"
    )


def _examine(*, as_json: bool) -> NoReturn:
    from service.operations import doctor

    findings = doctor.examine()
    sys.stdout.write(doctor.as_json(findings) if as_json else doctor.as_lines(findings))
    sys.exit(int(any(finding.failed for finding in findings)))


def _print_settings(settings: Settings, *, as_json: bool) -> None:
    from service.settings import in_force

    found = in_force.in_force(settings)
    sys.stdout.write(in_force.as_json(found) if as_json else in_force.as_lines(found))


def _place(settings: Settings) -> str:
    """Name the database without its password."""
    from sqlalchemy import make_url

    return make_url(settings.resolved_database_url).render_as_string(hide_password=True)


def _print_openapi(settings: Settings) -> None:
    from service.app import create_app

    sys.stdout.write(create_app(settings).state.openapi_yaml())


if __name__ == "__main__":
    main()
