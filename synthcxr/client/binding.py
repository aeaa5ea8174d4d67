"""Flows as methods: of `Client`, which returns, and of `AsyncClient`, which is awaited.

A flow is a function whose first parameter is the wire; the rest is the method's signature.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from synthcxr.client.drivers import AsyncDriver, Driver
from synthcxr.client.flow import Flow, Stream
from synthcxr.client.wire import Wire

P = ParamSpec("P")
T = TypeVar("T")


class Group:
    """Methods that return.

    Args:
        wire: The service that they ask.
        driver: Carries them out.
    """

    def __init__(self, wire: Wire, driver: Driver) -> None:
        self._wire = wire
        self._driver = driver


class AsyncGroup:
    """Methods that are awaited.

    Args:
        wire: The service that they ask.
        driver: Carries them out.
    """

    def __init__(self, wire: Wire, driver: AsyncDriver) -> None:
        self._wire = wire
        self._driver = driver


class Answer(Generic[P, T]):
    """A method of a group that returns what a flow comes to."""

    def __init__(self, flow: Callable[Concatenate[Wire, P], Flow[T]]) -> None:
        self._flow = flow
        self.__doc__ = flow.__doc__

    def __get__(self, group: Group, owner: type[Group]) -> Callable[P, T]:
        """Bind it to a group."""
        if group is None:
            return self  # asked of the class, by help()

        @_named_as(self._flow)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            return group._driver.run(self._flow(group._wire, *args, **kwargs))  # noqa: SLF001 - a method

        return call


class Items(Generic[P, T]):
    """A method of a group that iterates over what a stream hands over."""

    def __init__(self, stream: Callable[Concatenate[Wire, P], Stream[T]]) -> None:
        self._stream = stream
        self.__doc__ = stream.__doc__

    def __get__(self, group: Group, owner: type[Group]) -> Callable[P, Iterator[T]]:
        """Bind it to a group."""
        if group is None:
            return self  # asked of the class, by help()

        @_named_as(self._stream)
        def call(*args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
            return group._driver.iterate(self._stream(group._wire, *args, **kwargs))  # noqa: SLF001 - a method

        return call


class AsyncAnswer(Generic[P, T]):
    """A method of a group that is awaited for what a flow comes to."""

    def __init__(self, flow: Callable[Concatenate[Wire, P], Flow[T]]) -> None:
        self._flow = flow
        self.__doc__ = flow.__doc__

    def __get__(
        self, group: AsyncGroup, owner: type[AsyncGroup]
    ) -> Callable[P, Coroutine[Any, Any, T]]:
        """Bind it to a group."""
        if group is None:
            return self  # asked of the class, by help()

        @_named_as(self._flow)
        async def call(*args: P.args, **kwargs: P.kwargs) -> T:
            return await group._driver.run(self._flow(group._wire, *args, **kwargs))  # noqa: SLF001 - a method

        return call


class AsyncItems(Generic[P, T]):
    """A method of a group that iterates, with `async for`, over what a stream hands over."""

    def __init__(self, stream: Callable[Concatenate[Wire, P], Stream[T]]) -> None:
        self._stream = stream
        self.__doc__ = stream.__doc__

    def __get__(self, group: AsyncGroup, owner: type[AsyncGroup]) -> Callable[P, AsyncIterator[T]]:
        """Bind it to a group."""
        if group is None:
            return self  # asked of the class, by help()

        @_named_as(self._stream)
        def call(*args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
            return group._driver.iterate(self._stream(group._wire, *args, **kwargs))  # noqa: SLF001 - a method

        return call


def _named_as(flow: Callable[..., Any]) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Give a method the name, the documentation and the parameters of a flow, without the wire."""

    def name(method: Callable[P, T]) -> Callable[P, T]:
        named = wraps(flow)(method)
        described = inspect.signature(flow)
        parameters = list(described.parameters.values())[1:]
        vars(named)["__signature__"] = described.replace(parameters=parameters)
        del vars(named)["__wrapped__"]
        return named

    return name
