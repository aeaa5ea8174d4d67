"""What a file asks `synthcxr fetch` for: a set, and what it must be to be used."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from synthcxr.errors import MissingPackage, SynthCXRError

if TYPE_CHECKING:
    from synthcxr.client.options import GenerateOptions

try:
    import yaml
except ImportError:  # of the extra `cli`, which a user of the library may lack
    yaml = None  # type: ignore[assignment]


class InvalidSpec(SynthCXRError):
    """A file does not say what to fetch."""

    code = "invalid_spec"
    exit_code = 4  # of `synthcxr`: docs/cli.md

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}. docs/ci.md shows what it holds.")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Sampler(_Part):
    """How images are drawn; by default as the family draws them."""

    name: str | None = None
    num_steps: int | None = Field(default=None, ge=1)
    guidance: float | None = Field(default=None, ge=1)


class Policy(_Part):
    """What a released set must be besides.

    Attributes:
        filtered: Whether a set may be used from which the gate took single images.
        max_copy_rate: Largest minimum detectable copy rate, from 0 to 1: the examination must have
            been able to find so small a share of copies.
        public_key: A file with the key (PEM) that must have signed the set, beside the spec; by
            default those that the service shows.
    """

    filtered: Literal["allow", "refuse"] = "allow"
    max_copy_rate: float | None = Field(default=None, gt=0, le=1)
    public_key: Path | None = None


class Spec(_Part):
    """One set and where it goes.

    Attributes:
        model: The model that draws it.
        counts: Images per class.
        seed: The same seed gives the same set.
        format: What the images are packaged as beside PNG.
        output: The ZIP to write, beside the spec.
        sampler: How images are drawn.
        policy: What the set must be.
    """

    model: str = Field(min_length=1)
    counts: dict[str, int] = Field(min_length=1)
    seed: int = Field(ge=0)
    output: Path
    format: Literal["png", "npz", "webdataset", "dicom"] = "png"
    sampler: Sampler = Sampler()
    policy: Policy = Policy()

    @property
    def options(self) -> GenerateOptions:
        """What `POST /generate` is asked, beside the model."""
        options: GenerateOptions = {
            "class_counts": self.counts,
            "seed": self.seed,
            "format": self.format,
        }
        if sampler := self.sampler.model_dump(exclude_none=True):
            options["sampler"] = sampler
        return options

    def request_digest(self, url: str) -> str:
        """Name what is asked of a service: the same request, the same set."""
        return _digest({"url": url, "model": self.model, **self.options})

    def policy_digest(self) -> str:
        """Name what the set must be, the signing key included."""
        key = self.policy.public_key
        asked = self.policy.model_dump(mode="json", exclude={"public_key"})
        return _digest({**asked, "public_key": key.read_text("ascii") if key else None})


def read_spec(path: Path) -> Spec:
    """Read a spec; its paths are relative to the folder that it lies in.

    Args:
        path: YAML, or JSON, which is YAML too. Labels need no quotes: `No` is a word here.

    Raises:
        InvalidSpec: It holds something else.
        MissingPackage: PyYAML is absent.
    """
    if yaml is None:
        raise MissingPackage("`synthcxr fetch`", "pyyaml")
    try:
        # BaseLoader leaves every scalar a string, so a label is what was written
        content = yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)
        spec = Spec.model_validate(content)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidSpec(path, f"it is no YAML ({' '.join(str(error).split())})") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise InvalidSpec(path, f"{place}: {first['msg']}") from error
    except RecursionError as error:
        raise InvalidSpec(path, "it is nested too deeply") from error
    key = spec.policy.public_key and path.parent / spec.policy.public_key
    if key is not None and not _is_public_key(key):
        raise InvalidSpec(path, f"policy.public_key: {key} is no file with a public key (PEM)")
    policy = spec.policy.model_copy(update={"public_key": key})
    return spec.model_copy(update={"output": path.parent / spec.output, "policy": policy})


def _is_public_key(path: Path) -> bool:
    """Say whether a file looks like a public key, without loading what could read it."""
    try:
        content = path.read_bytes()
    except OSError:
        return False
    return content.isascii() and b"-----BEGIN PUBLIC KEY-----" in content


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
