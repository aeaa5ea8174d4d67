"""The project uses the words of docs/glossary.md; the ones it used before stay retired.

A retired word is a private name or a figure of speech for which the field has a usual word, which
stands beside it here.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RETIRED = {
    r"films?": "image, radiograph",
    r"(?:by|at) heart": "memorised",
    r"coins?|(?:came|comes?|brought) in": "included, random draw",
    r"kept out|keeps? out": "holdout",
    r"witness(?:es)?": "representative image",
    r"crowd(?:s|ed)?": "real images",
    r"strangers?": "independent; another patient",
    r"(?:may|might|can|could) (?:not )?leave|fit to leave|leave the building": "can be released",
    r"told|foretold|tells?|telling": "distinguish, disclose, infer, report",
    r"lets? out|letting out": "release (a noisy sum)",
    r"g(?:ive|ives|iven|ave) away": "leak, disclose",
    r"sights?": "neighbours",
    r"panels?": "real index",
    r"doors?|doorbells?": "mechanism; notification",
    r"lopsided": "class shift",
    r"journals?": "job events, log",
    r"worlds?": "simulation",
    r"folds": "splits",
    r"speaks? for": "represents",
    r"stands? behind": "shows, supports",
    r"familiarity": "membership score",
}
EXEMPT = (
    "rollback journal",  # of SQLite
    "journal mode",
    "sqlite journal",
    "Journal of Machine Learning Research",
    "(was `may leave`)",  # a public name before
    "(was `weights may leave`)",
    '"coin"',  # names a purpose under the split key: another name would move patients
    "def tell(self)",  # of a file
    ".tell()",
    "world size",  # of torch.distributed
)
SUFFIXES = {".py", ".md", ".html", ".css", ".toml", ".yml", ".yaml", ".json", ".mako", ""}
PATTERN = re.compile(rf"\b(?:{'|'.join(RETIRED)})\b", re.IGNORECASE)
SPACES = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_\s-]+")


def documents() -> list[str]:
    """List the tracked text files."""
    listed = subprocess.run(
        ["git", "ls-files"],  # noqa: S607 - the git of the PATH
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    ).stdout.splitlines()
    here = str(Path(__file__).relative_to(ROOT))
    return [name for name in listed if name != here and Path(name).suffix in SUFFIXES]


def words(text: str) -> str:
    """Write names as words: snake_case, CamelCase and wrapped lines with single spaces."""
    text = SPACES.sub(" ", re.sub(r"\n\s*#?", " ", text))
    return re.sub("|".join(map(re.escape, EXEMPT)), " ", text, flags=re.IGNORECASE)


def test_no_retired_word_is_used() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("needs a checkout")
    found = []
    for name in documents():
        path = ROOT / name
        if path.is_file():
            text = words(f"{name} {path.read_text(encoding='utf-8')}")
            found += [
                f"{name}: {text[max(0, match.start() - 40) : match.end() + 40]!r}"
                for match in PATTERN.finditer(text)
            ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "text", ["num_coins", "TheCrowd", "learned\n    # by heart", "it may not leave", "Witnesses"]
)
def test_a_retired_word_is_found_in_names_and_across_lines(text: str) -> None:
    assert PATTERN.search(words(text))
