"""Whether a process may start on the schema that it finds."""

from service.domain.errors import RecordsUnavailable, SchemaUnknown
from service.domain.record_ports import Database


def refuse_unknown_schema(database: Database) -> None:
    """Go on unless the database has the schema of another version.

    A database that is away, or that nobody has migrated yet, may come: that is no reason to end.

    Raises:
        SchemaUnknown: It has.
    """
    try:
        database.check()
    except SchemaUnknown:
        raise
    except RecordsUnavailable:
        return
