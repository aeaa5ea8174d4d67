"""What an assistant may do with the service, by the Model Context Protocol.

It orders, watches and verifies synthetic sets. It never sees a private image: no tool reads a
preview, a finding of a single image or a set that was not released, whatever its key would allow.

Source: https://modelcontextprotocol.io/specification
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

from synthcxr.client import AsyncClient
from synthcxr.client.options import GenerateOptions
from synthcxr.errors import SynthCXRError
from synthcxr.resources import Job, SyntheticSet
from synthcxr.verification import verify_set
from synthcxr.verified_set import VerifiedSet
from synthcxr.version import __version__

MAX_LISTED = 50
MAX_WAIT_SECONDS = 30
RELEASED = ("passed", "passed_filtered")
_OF_MODEL = {"id", "family", "classes", "image_size", "created_at"}
_OF_SET = {
    *("id", "model_id", "num_images", "class_counts", "unlabelled_counts", "verdict"),
    "created_at",
}
_OF_JOB = {"id", "kind", "state", "done", "queue_position", "synthetic_set_id"}
INSTRUCTIONS = """\
Synthetic labelled chest X-rays from models that a hospital trained. Plan a set before ordering it:
counts that cannot pass are named. An order is a job; watch it until it is done. A set with the
verdict passed or passed_filtered was released and can be saved; the reasons of any other verdict
say what would help. A synthetic set is not anonymous, and nothing here is for diagnosis."""


def serve(client: AsyncClient, folder: Path) -> MCPServer[Any]:
    """Make a server of these tools.

    Args:
        client: Speaks to the service, with the key of whoever runs the assistant.
        folder: Where sets are saved, and nowhere else.
    """
    server: MCPServer[Any] = MCPServer("synthcxr", instructions=INSTRUCTIONS, version=__version__)
    tools = SetTools(client, folder)
    for tool in (
        *(tools.list_models, tools.plan_set, tools.order_set, tools.watch_job, tools.cancel_job),
        *(tools.list_sets, tools.show_set, tools.save_set, tools.verify_saved_set),
    ):
        server.tool()(tool)
    return server


class SetTools:
    """The tools; each one's docstring is what the assistant reads of it.

    Args:
        client: Speaks to the service.
        folder: Where sets are saved.
    """

    def __init__(self, client: AsyncClient, folder: Path) -> None:
        self._client = client
        self._folder = folder

    async def list_models(self) -> list[dict[str, Any]]:
        """List the trained models, newest first: id, family, classes, image size."""
        found = []
        with _named_errors():
            async for model in self._client.models.list():
                found.append(model.model_dump(mode="json", include=_OF_MODEL))
                if len(found) == MAX_LISTED:
                    break
        return found

    async def plan_set(
        self, model_id: str, class_counts: dict[str, int] | None = None
    ) -> dict[str, Any]:
        """Say whether a set of these counts can pass, and name counts that can; makes nothing."""
        options = GenerateOptions(class_counts=class_counts) if class_counts else GenerateOptions()
        with _named_errors():
            plan = await self._client.plan(model_id, **options)
        return plan.model_dump(mode="json")

    async def order_set(
        self, model_id: str, class_counts: dict[str, int], seed: int = 0
    ) -> dict[str, Any]:
        """Order a set; the answer is a job to watch. The same order is made once."""
        with _named_errors():
            job = await self._client.generate(model_id, class_counts=class_counts, seed=seed)
        return _shown_job(job)

    async def watch_job(self, job_id: str, wait_seconds: int = MAX_WAIT_SECONDS) -> dict[str, Any]:
        """Say how far a job is, after waiting up to 30 seconds for its end."""
        wait = max(0, min(wait_seconds, MAX_WAIT_SECONDS))
        with _named_errors():
            return _shown_job(await self._client.jobs.get(job_id, wait=wait))

    async def cancel_job(self, job_id: str) -> dict[str, Any]:
        """Ask a job to stop."""
        with _named_errors():
            return _shown_job(await self._client.jobs.cancel(job_id))

    async def list_sets(self) -> list[dict[str, Any]]:
        """List the synthetic sets with their verdicts, newest first."""
        found = []
        with _named_errors():
            async for made in self._client.sets.list():
                found.append(_shown_set(made))
                if len(found) == MAX_LISTED:
                    break
        return found

    async def show_set(self, set_id: str) -> dict[str, Any]:
        """Show a set: counts, verdict, its reasons and what would help."""
        with _named_errors():
            return _shown_set(await self._client.sets.get(set_id))

    async def save_set(self, set_id: str) -> dict[str, Any]:
        """Save a released set in the folder of this server and verify every file in it."""
        with _named_errors():
            made = await self._client.sets.get(set_id)
            if made.verdict.outcome not in RELEASED:
                raise ToolError(f"It was not released: {made.verdict}. Show it for the reasons.")
            path = self._path_of(made.id)
            if not path.exists():
                return await self._download(made.id, path)
            keys = [key.pem.encode() for key in await self._client.signing_keys()]
            return _shown_file(path, _required(verify_set(path, keys), made.id))

    async def _download(self, set_id: str, path: Path) -> dict[str, Any]:
        """Bring a set to its place once it is verified, apart from others that do the same."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".", dir=self._folder) as aside:
            found = await self._client.sets.download_verified(set_id, Path(aside) / path.name)
            _required(found, set_id).path.replace(path)
            return _shown_file(path, found)

    async def verify_saved_set(self, set_id: str) -> dict[str, Any]:
        """Check every file of a saved set again, without the service."""
        with _named_errors():
            path = self._path_of(set_id)
            if not path.is_file():
                raise ToolError(f"No set {set_id} was saved in {self._folder}: save it first.")
            return _shown_file(path, _required(verify_set(path), set_id))

    def _path_of(self, set_id: str) -> Path:
        """Return where a set is saved: in the folder, whatever the name is."""
        if not set_id.isidentifier():
            raise ToolError(f"{set_id!r} is no identifier of a set: expected syn_...")
        return self._folder / f"{set_id}.zip"


@contextmanager
def _named_errors() -> Iterator[None]:
    """Let the assistant read what went wrong and how to mend it."""
    try:
        yield
    except SynthCXRError as error:
        raise ToolError(str(error)) from error


def _shown_job(job: Job) -> dict[str, Any]:
    shown = job.model_dump(mode="json", include=_OF_JOB)
    return shown | {"error": str(job.error) if job.error else None}


def _shown_set(made: SyntheticSet) -> dict[str, Any]:
    released = made.verdict.outcome in RELEASED
    return made.model_dump(mode="json", include=_OF_SET) | {"released": released}


def _required(found: VerifiedSet, set_id: str) -> VerifiedSet:
    """Return a file that was signed as the set that it is taken for, and as released."""
    said = found.description
    if said.set_id != set_id:
        raise ToolError(
            f"{found.path} was signed as another set, {said.set_id}: move it away, and save "
            f"{set_id} again."
        )
    if not said.released:
        raise ToolError(f"{found.path} was signed as not released: {said.verdict}.")
    return found


def _shown_file(path: Path, found: VerifiedSet) -> dict[str, Any]:
    return {"path": str(path), "num_images": found.num_images, "trust": found.trust}
