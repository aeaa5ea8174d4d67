"""`Client`, whose methods return, and `AsyncClient`, whose methods are awaited."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Self

import anyio
import httpx

from synthcxr.client.audit_log import AsyncAuditLog, AuditLog
from synthcxr.client.binding import Answer, AsyncAnswer, AsyncGroup, Group
from synthcxr.client.datasets import AsyncDatasets, Datasets
from synthcxr.client.deletions import AsyncDeletions, Deletions
from synthcxr.client.drivers import AsyncDriver, Driver
from synthcxr.client.jobs import AsyncJobs, Jobs
from synthcxr.client.keys import AsyncKeys, Keys
from synthcxr.client.models import AsyncModels, Models, train
from synthcxr.client.sets import AsyncSets, Sets, generate, plan
from synthcxr.client.settings import Verify, http_settings, usable
from synthcxr.client.signing_keys import signing_keys, version
from synthcxr.client.webhooks import AsyncWebhooks, Webhooks
from synthcxr.client.wire import Wire
from synthcxr.profiles import address
from synthcxr.tokens import token_for


class Client(Group):
    """Talk to a SynthCXR service.

    Example:
        with Client() as client:
            job = client.train("ds_...", family="ldm", budget={"seconds": 300})
            job = client.jobs.wait(job.id)

    Args:
        base_url: Where the service answers; by default as the profile that SYNTHCXR_PROFILE names
            says, SYNTHCXR_URL, the profile in use, or the local one.
        token: An API key or a token of the identity provider, sent to this service alone; by
            default what `synthcxr.tokens.token_for` finds for it.
        headers: Sent with every request, for a gateway in front of the service.
        verify: How the service's certificate is checked: a file or folder of certificates to
            trust, an SSL context, or False for not at all. By default the file or folder of
            SYNTHCXR_CA_BUNDLE, then the authorities that httpx trusts.
        proxy: Address of a proxy; by default that of HTTPS_PROXY or HTTP_PROXY, but for a service
            on this machine.
        timeout: How long one request may wait for bytes, in seconds.
        transport: Stands in for the network in tests.
        sleep: Waits between attempts, in seconds; for tests.

    Attributes:
        datasets: Images that models are trained on.
        jobs: The work that the service accepted.
        models: Trained models.
        sets: Synthetic sets.
        keys: API keys.
        webhooks: Messages to one's own systems.
        deletions: Deletions and their receipts.
        audit_log: What was done, and by whom.

    Raises:
        ServiceUnreachable: The address is none.
        BadProxy: The proxy cannot be used.
        BadCertificates: The certificates to trust cannot be read.
    """

    train = Answer(train)
    generate = Answer(generate)
    plan = Answer(plan)
    signing_keys = Answer(signing_keys)
    version = Answer(version)

    def __init__(
        self,
        base_url: str | None = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        verify: Verify | None = None,
        proxy: str | None = None,
        timeout: float = 60.0,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.base_url = address(base_url)
        with usable(self.base_url, proxy):
            settings = http_settings(self.base_url, headers, verify, proxy, timeout)
            self._http = httpx.Client(transport=transport, **settings)
        wire = Wire(self._http, self.base_url, lambda: token or token_for(self.base_url))
        super().__init__(wire, Driver(self._http, sleep))
        group = (wire, self._driver)
        self.datasets = Datasets(*group)
        self.jobs = Jobs(*group)
        self.models = Models(*group)
        self.sets = Sets(*group)
        self.keys = Keys(*group)
        self.webhooks = Webhooks(*group)
        self.deletions = Deletions(*group)
        self.audit_log = AuditLog(*group)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


class AsyncClient(AsyncGroup):
    """Talk to a SynthCXR service from an event loop, of asyncio or trio.

    Its methods are those of `Client`, awaited; lists and streams are read with `async for`.

    Example:
        async with AsyncClient() as client:
            job = await client.train("ds_...", family="ldm", budget={"seconds": 300})
            async for event in client.jobs.stream(job.id):
                print(event.kind)

    Args and raises as for `Client`.
    """

    train = AsyncAnswer(train)
    generate = AsyncAnswer(generate)
    plan = AsyncAnswer(plan)
    signing_keys = AsyncAnswer(signing_keys)
    version = AsyncAnswer(version)

    def __init__(
        self,
        base_url: str | None = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        verify: Verify | None = None,
        proxy: str | None = None,
        timeout: float = 60.0,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self.base_url = address(base_url)
        with usable(self.base_url, proxy):
            settings = http_settings(self.base_url, headers, verify, proxy, timeout)
            self._http = httpx.AsyncClient(transport=transport, **settings)
        wire = Wire(self._http, self.base_url, lambda: token or token_for(self.base_url))
        super().__init__(wire, AsyncDriver(self._http, sleep))
        group = (wire, self._driver)
        self.datasets = AsyncDatasets(*group)
        self.jobs = AsyncJobs(*group)
        self.models = AsyncModels(*group)
        self.sets = AsyncSets(*group)
        self.keys = AsyncKeys(*group)
        self.webhooks = AsyncWebhooks(*group)
        self.deletions = AsyncDeletions(*group)
        self.audit_log = AsyncAuditLog(*group)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()
