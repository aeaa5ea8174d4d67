"""A query parameter that an operation does not know is refused, since it is a misspelt one."""

from fastapi import Request
from fastapi.dependencies.models import Dependant

from service.domain.errors import InvalidRequest


def known_parameters(dependant: Dependant) -> frozenset[str]:
    """Return the names of the query parameters that an endpoint and what it depends on read."""
    own = frozenset(field.alias for field in dependant.query_params)
    return own.union(*map(known_parameters, dependant.dependencies))


def check_parameters(request: Request, known: frozenset[str]) -> None:
    """Raise InvalidRequest where a request has a query parameter that is not known."""
    for name in request.query_params:
        if name not in known:
            those = ", ".join(sorted(known))
            raise InvalidRequest.at(
                f"/query/{name}",
                "This operation has no such query parameter; "
                + (f"it has: {those}." if known else "it has none."),
            )
