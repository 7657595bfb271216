"""Client profiles: where the command line finds a server and the key to it.

Imports nothing of the server, so that commands start quickly.
"""

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import platformdirs

FILE_NAME = "profiles.json"


@dataclass(frozen=True, kw_only=True)
class Profile:
    name: str
    url: str
    key: str


class ProfilesUnreadable(Exception):
    """The file exists and is not what we wrote; the message says where and what to do."""


@dataclass(frozen=True, kw_only=True)
class Profiles:
    """All profiles of this user. The last one that logged in is the current one."""

    path: Path
    current: str
    profiles: tuple[Profile, ...]

    @staticmethod
    def load(path: Path | None = None) -> "Profiles":
        """Those in the file; none where there is no file. Raises ProfilesUnreadable."""
        path = path or default_path()
        try:
            raw = json.loads(path.read_text())
            profiles = tuple(Profile(**one) for one in raw["profiles"])
            _check_texts(profiles)
            return Profiles(path=path, current=str(raw["current"]), profiles=profiles)
        except FileNotFoundError:
            return Profiles(path=path, current="default", profiles=())
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise ProfilesUnreadable(
                f"{path} cannot be read ({error}). Mend it, or delete it and run 'nexus login'."
            ) from error

    def find(self, name: str | None = None) -> Profile | None:
        wanted = name or self.current
        return next((one for one in self.profiles if one.name == wanted), None)

    def with_profile(self, profile: Profile) -> "Profiles":
        others = tuple(one for one in self.profiles if one.name != profile.name)
        return replace(self, current=profile.name, profiles=(*others, profile))

    def with_current(self, name: str) -> "Profiles":
        return replace(self, current=name)

    def without(self, name: str) -> "Profiles":
        """Without that one. If it was the current one, none is: nobody acts elsewhere unawares."""
        return replace(self, profiles=tuple(one for one in self.profiles if one.name != name))

    def save(self) -> Path:
        """Write the file for this user's eyes alone, all of it or nothing."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        content = {"current": self.current, "profiles": [asdict(one) for one in self.profiles]}
        draft = self.path.with_suffix(".new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(content, file, indent=2)
            file.write("\n")
        draft.replace(self.path)
        return self.path


def _check_texts(profiles: tuple[Profile, ...]) -> None:
    if not all(isinstance(value, str) for one in profiles for value in asdict(one).values()):
        raise TypeError("names, urls and keys are text")


def default_path() -> Path:
    """`NEXUS_PROFILE_PATH`, or the user's configuration folder."""
    given = os.environ.get("NEXUS_PROFILE_PATH")
    return Path(given) if given else Path(platformdirs.user_config_dir("nexus")) / FILE_NAME
