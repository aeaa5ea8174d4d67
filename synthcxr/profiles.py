"""Profiles: services that a user signed in to, each under a name of their own.

They lie in `synthcxr/profiles.json` of the user's configuration directory (`XDG_CONFIG_HOME`, by
default `~/.config`), which is this user's alone. One may be in use: it is asked where nothing else
names a service.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from synthcxr.addresses import DEFAULT_URL, is_same_service
from synthcxr.errors import SynthCXRError
from synthcxr.own_files import read_own, write_own

NAMED = "SYNTHCXR_PROFILE"


class NoSuchProfile(SynthCXRError):
    """No profile has the name that was asked for."""

    code = "profile_not_found"
    exit_code = 4  # of `synthcxr`: docs/cli.md

    def __init__(self, name: str) -> None:
        super().__init__(
            f"There is no profile {name}: `synthcxr profiles list` shows them, "
            "`synthcxr login URL --name NAME` makes one."
        )


class ProfilesUnreadable(SynthCXRError):
    """The file of the profiles is not what `synthcxr login` writes."""

    code = "profiles_unreadable"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path} {reason}. Make it your own again (chmod 600), or remove it and sign in anew "
            "with `synthcxr login`."
        )


@dataclass(frozen=True)
class Profile:
    """A service that a user signed in to.

    Attributes:
        url: Where it answers.
        token: The key or token that belongs to it.
    """

    url: str
    token: str = field(repr=False)


@dataclass(frozen=True)
class Profiles:
    """All profiles of a user.

    Attributes:
        by_name: The profiles.
        in_use: The name of the one that is asked by default, if any.
    """

    by_name: Mapping[str, Profile] = field(default_factory=dict)
    in_use: str | None = None

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read them; none where there is no file.

        Raises:
            ProfilesUnreadable: The file is another's too, or holds something else.
        """
        path = file_of(environment)
        text = read_own(path)
        if text is None:
            if path.exists():
                raise ProfilesUnreadable(path, "can be read or written by others")
            return cls()
        try:
            content = json.loads(text)
            by_name = {name: Profile(**each) for name, each in content["profiles"].items()}
            return cls(by_name, content["in_use"])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ProfilesUnreadable(path, "is not what `synthcxr login` writes") from error

    def write(self, environment: Mapping[str, str] = os.environ) -> None:
        """Keep them, for this user alone."""
        profiles = {name: asdict(profile) for name, profile in self.by_name.items()}
        content = {"in_use": self.in_use, "profiles": profiles}
        write_own(file_of(environment), json.dumps(content, indent=2))

    def named(self, name: str) -> Profile:
        """Return a profile.

        Raises:
            NoSuchProfile: None has this name.
        """
        if name not in self.by_name:
            raise NoSuchProfile(name)
        return self.by_name[name]

    def with_(self, name: str, profile: Profile) -> Profiles:
        """Add or replace a profile, and use it."""
        return Profiles({**self.by_name, name: profile}, name)

    def without(self, name: str) -> Profiles:
        """Remove a profile.

        Raises:
            NoSuchProfile: None has this name.
        """
        self.named(name)
        left = {other: each for other, each in self.by_name.items() if other != name}
        return Profiles(left, None if self.in_use == name else self.in_use)

    def using(self, name: str) -> Profiles:
        """Use a profile.

        Raises:
            NoSuchProfile: None has this name.
        """
        self.named(name)
        return Profiles(self.by_name, name)


def file_of(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where the profiles lie."""
    configuration = environment.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser()
    return Path(configuration) / "synthcxr" / "profiles.json"


def named_profile(environment: Mapping[str, str] = os.environ) -> Profile | None:
    """Return the profile that SYNTHCXR_PROFILE names, or None where it names none.

    Raises:
        NoSuchProfile: There is none of this name.
        ProfilesUnreadable: They cannot be read.
    """
    name = environment.get(NAMED)
    return Profiles.read(environment).named(name) if name else None


def profile_in_use(environment: Mapping[str, str] = os.environ) -> Profile | None:
    """Return the profile that is asked where nothing else names a service.

    Raises:
        ProfilesUnreadable: They cannot be read.
    """
    profiles = Profiles.read(environment)
    return profiles.by_name.get(profiles.in_use or "")


def token_of_profile(url: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the token of a profile of a service: of the one in use, or else of another.

    Raises:
        ProfilesUnreadable: They cannot be read.
    """
    profiles = Profiles.read(environment)
    first = sorted(profiles.by_name, key=lambda name: name != profiles.in_use)
    found = (profiles.by_name[name] for name in first)
    return next((each.token for each in found if is_same_service(each.url, url)), None)


def address(base_url: str | None) -> str:
    """Return the address given, or the one that is asked by default.

    That is the address of the profile that SYNTHCXR_PROFILE names, that of SYNTHCXR_URL, that of
    the profile in use, or the local one.

    Raises:
        NoSuchProfile, ProfilesUnreadable: The profiles cannot be used.
    """
    return (base_url or _default_address()).rstrip("/")


def _default_address() -> str:
    if profile := named_profile():
        return profile.url
    if url := os.environ.get("SYNTHCXR_URL"):
        return url
    profile = profile_in_use()
    return profile.url if profile else DEFAULT_URL
