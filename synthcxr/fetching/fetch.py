"""Fetch the set that a spec asks for, once: what is here and unchanged is not asked for again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from synthcxr.errors import NotFound, SetNotVerified, SetProblem, SynthCXRError
from synthcxr.fetching.cache import Cache, Fetch, Stamp, sha256_of
from synthcxr.fetching.spec import Spec
from synthcxr.resources import Job, SyntheticSet, Verdict

if TYPE_CHECKING:
    from synthcxr.client import Client

Wait: TypeAlias = "Callable[[Client, Job], Job]"


class PolicyUnmet(SynthCXRError):
    """The set is not what the spec's policy asks for, or was not released at all."""

    code = "policy_unmet"
    exit_code = 6  # of `synthcxr`: docs/cli.md


class OutputIsAnothers(SynthCXRError):
    """A file lies at the output that was not fetched."""

    code = "output_exists"
    exit_code = 2

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} exists, and it is no set of this cache: move it away, or replace it with "
            "--force."
        )


@dataclass(frozen=True)
class Fetched:
    """A set at its place.

    Attributes:
        output: The ZIP.
        set_id: The set.
        sha256: Of the ZIP, in hexadecimal.
        verdict: Of the gate.
        changed: Whether the file was written now.
    """

    output: Path
    set_id: str
    sha256: str
    verdict: Verdict
    changed: bool


class Fetcher:
    """Fetches what a spec asks for.

    Args:
        spec: What is asked for.
        url: Where the service answers.
        cache: Where sets are kept.
        verify: Whether to read files again whose size and time have not changed.
        force: Whether to replace a file that was not fetched.
    """

    def __init__(
        self, spec: Spec, url: str, cache: Cache, *, verify: bool = False, force: bool = False
    ) -> None:
        self._spec = spec
        self._url = url
        self._cache = cache
        self._verify = verify
        self._force = force
        self._request = spec.request_digest(url)
        self._policy = spec.policy_digest()

    def fetch(self, wait: Wait) -> Fetched:
        """Bring the set to its place; no service is asked where everything is as it should be.

        A process that is killed at any moment loses nothing: the next takes up the job and the
        download where they are.

        Args:
            wait: Follows a job to its end; raises where it has no result.

        Raises:
            PolicyUnmet: The set is not what the policy asks for.
            OutputIsAnothers: A file is in the way.
            SetNotVerified: The set is not what its manifest, its sums and its signature say.
        """
        if found := self._unchanged():
            return found
        with self._cache.locked(self._request):
            known = self._cache.read(self._request)
            if known.policy != self._policy or not self._is_kept(known, self._trusted()):
                self._refuse_anothers(known)
                from synthcxr.client import Client  # which what is unchanged does without

                with Client(self._url) as client:
                    known = self._brought(client, known, wait)
            return self._placed(known)

    def _unchanged(self) -> Fetched | None:
        known = self._cache.read(self._request)
        output = self._spec.output
        if known.sha256 is None or known.policy != self._policy or known.output is None:
            return None
        if Stamp.of(output) != known.output:
            return None
        if self._verify and sha256_of(output) != known.sha256:
            return None
        return self._result(known, changed=False)

    def _brought(self, client: Client, known: Fetch, wait: Wait) -> Fetch:
        """Make, judge, download and check the set."""
        job = self._job(client, known)
        self._cache.write(self._request, known.model_copy(update={"job_id": job.id}))
        made = client.sets.get(wait(client, job).synthetic_set_id)
        self._judge(made)
        keys = self._trusted() or [each.pem.encode() for each in client.signing_keys()]
        if known.set_id == made.id and known.sha256 and self._is_kept(known, keys):
            sha256 = known.sha256  # only the policy is another
        else:
            incoming = self._cache.incoming(self._request)
            sha256 = client.sets.download(made.id, incoming)
            try:
                self._check(incoming, keys, made.id)
            except (SetNotVerified, PolicyUnmet):
                incoming.unlink()
                raise
            self._cache.keep(incoming, sha256)
        fetch = Fetch(
            job_id=job.id,
            set_id=made.id,
            sha256=sha256,
            verdict=made.verdict,
            policy=self._policy,
            output=known.output,
        )
        self._cache.write(self._request, fetch)
        return fetch

    def _job(self, client: Client, known: Fetch) -> Job:
        """Return the job of an earlier run while it may have a result, or a new one."""
        if known.job_id is not None:
            with suppress(NotFound):  # the job or its set was deleted
                job = client.jobs.get(known.job_id)
                if not job.done:
                    return job
                if job.state == "succeeded":
                    client.sets.get(job.synthetic_set_id)
                    return job
        return client.generate(self._spec.model, **self._spec.options)

    def _is_kept(self, known: Fetch, keys: Sequence[bytes]) -> bool:
        """Say whether the set is in the cache, checked once more; what is not one is removed."""
        if known.sha256 is None or not self._cache.holds(known.sha256):
            return False
        try:
            self._check(self._cache.path_of(known.sha256), keys, known.set_id)
        except (SetNotVerified, PolicyUnmet):
            self._cache.drop(known.sha256)
            return False
        return True

    def _trusted(self) -> list[bytes]:
        key = self._spec.policy.public_key
        return [key.read_bytes()] if key else []

    def _check(self, path: Path, keys: Sequence[bytes], set_id: str | None) -> None:
        """Insist that a ZIP is whole and signed, and the set that was asked for.

        Raises:
            SetNotVerified: It is not.
            PolicyUnmet: What was signed says that it was not released, whatever the service says.
        """
        from synthcxr.verification import verify_set

        signed = verify_set(path, keys).description
        asked = {"model": self._spec.model, "images per class": self._spec.counts, "set": set_id}
        found = {
            "model": signed.model_id,
            "images per class": signed.class_counts,
            "set": signed.set_id,
        }
        for name, value in asked.items():
            if found[name] != value:
                detail = f"its {name} is {found[name]}, and {value} was asked for"
                raise SetNotVerified(SetProblem.ANOTHER_SET, path, detail)
        if not signed.released:
            raise PolicyUnmet(f"{signed.set_id} was signed as not released: {signed.verdict}.")

    def _judge(self, made: SyntheticSet) -> None:
        verdict, policy = made.verdict, self._spec.policy
        if not verdict.released:
            because = "; ".join([*verdict.reasons, *(f"may help: {x}" for x in verdict.remedies)])
            raise PolicyUnmet(f"{made.id} is not released, {verdict}: {because}".rstrip(": ") + ".")
        if verdict.num_filtered and policy.filtered == "refuse":
            raise PolicyUnmet(
                f"{made.id} is {verdict}, and the policy refuses filtered sets. Ask for another "
                "seed, or allow them with `filtered: allow`."
            )
        rate = verdict.min_detectable_copy_rate
        if policy.max_copy_rate is not None and (rate is None or rate > policy.max_copy_rate):
            shown = "not known" if rate is None else f"{rate:.3g}"
            raise PolicyUnmet(
                f"The smallest share of copies that the examination of {made.id} could find is "
                f"{shown}, above the policy's {policy.max_copy_rate:g}. Ask for more images, or "
                "raise `max_copy_rate`."
            )

    def _placed(self, known: Fetch) -> Fetched:
        output, sha256 = self._spec.output, known.sha256 or ""
        there = output.is_file() and sha256_of(output) == sha256
        if not there:
            self._refuse_anothers(known)
            self._cache.place(sha256, output)
        known = known.model_copy(update={"output": Stamp.of(output)})
        self._cache.write(self._request, known)
        return self._result(known, changed=not there)

    def _refuse_anothers(self, known: Fetch) -> None:
        """Raise where a file is in the way that is neither of this request nor of this cache."""
        output = self._spec.output
        if self._force or not output.exists() or Stamp.of(output) == known.output:
            return
        sha256 = None if output.is_dir() else sha256_of(output)
        if sha256 is None or (sha256 != known.sha256 and not self._cache.path_of(sha256).exists()):
            raise OutputIsAnothers(output)

    def _result(self, known: Fetch, *, changed: bool) -> Fetched:
        assert known.verdict is not None, "it was judged before it was kept"  # noqa: S101 - our own invariant
        return Fetched(
            self._spec.output, known.set_id or "", known.sha256 or "", known.verdict, changed
        )
