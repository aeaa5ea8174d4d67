"""Synthetic sets: generation, reports, downloads."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from synthcxr.client.binding import Answer, AsyncAnswer, AsyncGroup, AsyncItems, Group, Items
from synthcxr.client.downloads import download, whole_part
from synthcxr.client.flow import Flow, Stream, work
from synthcxr.client.options import GenerateOptions
from synthcxr.client.signing_keys import signing_keys
from synthcxr.client.wire import Call, Wire, create, get, pages, path_of, read, send
from synthcxr.errors import SetNotVerified
from synthcxr.resources import Approvals, Findings, Job, Plan, SyntheticSet
from synthcxr.verification import verify_set
from synthcxr.verified_set import VerifiedSet

PATH = "synthetic-sets"


def generate(wire: Wire, model_id: str, **options: Unpack[GenerateOptions]) -> Flow[Job]:
    """Generate a set, which is examined before it can be downloaded.

    Args:
        model_id: A trained model.
        options: What the set holds: see `GenerateOptions`.
    """
    return read(wire, Job, create("generate", json={"model_id": model_id, **options}))


def plan(wire: Wire, model_id: str, **options: Unpack[GenerateOptions]) -> Flow[Plan]:
    """Ask whether a set can pass by its counts, and with which counts it can; makes nothing.

    Args:
        model_id: A trained model.
        options: As of `generate`.
    """
    body = {"model_id": model_id, **options}
    return read(wire, Plan, create("generate", "plan", json=body))


def list_sets(wire: Wire) -> Stream[SyntheticSet]:
    """List the synthetic sets, newest first."""
    return pages(wire, SyntheticSet, get(PATH))


def get_set(wire: Wire, set_id: str) -> Flow[SyntheticSet]:
    """Read a synthetic set."""
    return read(wire, SyntheticSet, get(PATH, set_id))


def save_report(wire: Wire, set_id: str, destination: str | Path) -> Flow[None]:
    """Save the report of a set, whatever the verdict.

    Args:
        set_id: The synthetic set.
        destination: File to make or replace; figures as JSON where its name ends in `.json`,
            otherwise the page for a person.
    """
    destination = Path(destination)
    kind = "application/json" if destination.suffix == ".json" else "text/html"
    call = Call("GET", path_of(PATH, set_id, "report"), headers={"Accept": kind})
    yield from _save(wire, call, destination)


def save_certificate(
    wire: Wire, set_id: str, destination: str | Path, recipient: str | None = None
) -> Flow[None]:
    """Save a set's certificate, issued today.

    Args:
        set_id: The synthetic set.
        destination: File to make or replace: a PDF, or by its name a page (`.html`) or JSON.
        recipient: For whom it is issued, at most 200 characters.
    """
    destination = Path(destination)
    kinds = {".html": "text/html", ".json": "application/json"}
    accept = kinds.get(destination.suffix, "application/pdf")
    path = path_of(PATH, set_id, "certificate")
    call = Call("GET", path, params={"recipient": recipient}, headers={"Accept": accept})
    yield from _save(wire, call, destination)


def get_findings(wire: Wire, set_id: str) -> Flow[Findings]:
    """Read a set's findings per image; needs the scope private:read."""
    return read(wire, Findings, get(PATH, set_id, "findings"))


def list_approvals(wire: Wire, set_id: str) -> Flow[Approvals]:
    """Read who approved a set, and how many have to before it can be downloaded or pushed."""
    return read(wire, Approvals, get(PATH, set_id, "approvals"))


def approve_set(wire: Wire, set_id: str) -> Flow[Approvals]:
    """Approve a released set in one's own name, for good; needs the scope release:approve.

    Raises:
        SetRefused, SetInconclusive: It was not released, so nobody can approve it.
        Conflict: The same person approved it before (`already_approved`).
    """
    return read(wire, Approvals, Call("POST", path_of(PATH, set_id, "approvals")))


def push_set(wire: Wire, set_id: str, server: str) -> Flow[Job]:
    """Send the DICOM files of a released set to a DICOMweb server; twice changes nothing.

    Args:
        set_id: A released set that was made with `format` dicom.
        server: The server's name in the service's settings.
    """
    return read(wire, Job, create(PATH, set_id, "push", json={"server": server}))


def delete_set(wire: Wire, set_id: str) -> Flow[None]:
    """Delete a synthetic set and its ZIP."""
    yield from send(wire, Call("DELETE", path_of(PATH, set_id)))


def download_set(wire: Wire, set_id: str, destination: str | Path) -> Flow[str]:
    """Download a set's ZIP, resuming what an earlier call began.

    Args:
        set_id: The synthetic set.
        destination: File to make or replace; it appears only when complete and right.

    Returns:
        The ZIP's SHA-256 in hexadecimal.

    Raises:
        SetRefused, SetInconclusive: It was not released to you.
        Conflict: More people have to approve it before (`approval_missing`).
        DownloadMismatch: What came is not what the service promised.
    """
    return download(wire, path_of(PATH, set_id, "download"), Path(destination))


def download_verified(wire: Wire, set_id: str, destination: str | Path) -> Flow[VerifiedSet]:
    """Download a set and check every file in it, and that this service signed it.

    Args:
        set_id: The synthetic set.
        destination: File to make or replace; one that is there stays until the new one is checked.

    Returns:
        The set, whose images can be read as files, arrays, tensors or a table.

    Raises:
        SetRefused, SetInconclusive: It was not released to you.
        DownloadMismatch: What came is not what the service promised.
        SetNotVerified: What came is no set that the service has signed; it is not kept.
    """
    destination = Path(destination)
    path = path_of(PATH, set_id, "download")
    with closing((yield from whole_part(wire, path, destination))) as part:
        keys = [key.pem.encode() for key in (yield from signing_keys(wire))]
        try:
            found = yield from work(lambda: verify_set(part.file, keys))
        except SetNotVerified as error:
            part.discard()
            raise SetNotVerified(error.problem, destination, error.detail) from error
        yield from work(part.finish)
    return replace(found, path=destination)


def _save(wire: Wire, call: Call, destination: Path) -> Flow[None]:
    response = yield from send(wire, call)
    destination.parent.mkdir(parents=True, exist_ok=True)
    destination.write_bytes(response.content)


class Sets(Group):
    """Synthetic sets."""

    list = Items(list_sets)
    get = Answer(get_set)
    save_report = Answer(save_report)
    save_certificate = Answer(save_certificate)
    findings = Answer(get_findings)
    approvals = Answer(list_approvals)
    approve = Answer(approve_set)
    push = Answer(push_set)
    delete = Answer(delete_set)
    download = Answer(download_set)
    download_verified = Answer(download_verified)


class AsyncSets(AsyncGroup):
    """Synthetic sets."""

    list = AsyncItems(list_sets)
    get = AsyncAnswer(get_set)
    save_report = AsyncAnswer(save_report)
    save_certificate = AsyncAnswer(save_certificate)
    findings = AsyncAnswer(get_findings)
    approvals = AsyncAnswer(list_approvals)
    approve = AsyncAnswer(approve_set)
    push = AsyncAnswer(push_set)
    delete = AsyncAnswer(delete_set)
    download = AsyncAnswer(download_set)
    download_verified = AsyncAnswer(download_verified)
