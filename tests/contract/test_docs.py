"""Commands and code in README and docs are what the command line, Python and YAML accept."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import typer
import yaml

from release.gate.policy import Policy
from release.gate.power_limits import power_limits
from service.domain.release_plan import ReleasePlan
from synthcxr.cli import app
from synthcxr.cli.options import class_counts

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
SITE = yaml.safe_load((ROOT / "mkdocs.yml").read_text())


def blocks(language):
    return [
        pytest.param(match[3].replace(f"\n{match[1]}", "\n"), id=f"{page.stem}-{match.start()}")
        for page in PAGES
        for match in BLOCK.finditer(page.read_text())
        if match[2] == language
    ]


def commands():
    """Return every command of ours in a block for a shell, up to a pipe or a redirection."""
    found = []
    for block in blocks("sh"):
        [text] = block.values
        for number, line in enumerate(text.replace("\\\n", " ").splitlines()):
            words = shlex.split(line, comments=True)
            while words and re.match(r"[A-Z_]+=", words[0]):
                del words[0]
            if words[:1] == ["synthcxr"]:
                ends = (i for i, word in enumerate(words) if word in {"|", ">", "&&"})
                ours = words[1 : next(ends, None)]
                found.append(pytest.param(ours, id=f"{block.id}-{number}"))
    return found


@pytest.mark.parametrize("words", commands())
def test_every_command_is_one_that_the_command_line_knows(words):
    command, name, context = typer.main.get_command(app), "synthcxr", None
    try:
        while True:
            context = command.make_context(name, list(words), parent=context)
            if not hasattr(command, "resolve_command"):
                break
            words = [*context._protected_args, *context.args]
            name, command, words = command.resolve_command(context, words)
    except typer.BadParameter as error:
        if "does not exist" not in str(error):  # the files of a reader are not here
            raise


def test_a_file_that_is_saved_by_curl_is_no_answer_of_an_error():
    saving = [
        line
        for block in blocks("sh")
        for line in block.values[0].replace("\\\n", " ").splitlines()
        if line.startswith("curl") and re.search(r" -\w*[oO]", line)
    ]
    assert saving
    assert all("--fail-with-body" in line for line in saving), saving


def phantoms_of_the_tutorial():
    [drawn] = re.findall(r"--phantom (\S+)", (ROOT / "docs" / "tutorial.md").read_text())
    return class_counts(drawn)


@pytest.mark.parametrize(
    ("page", "images"),
    [
        # as in docs/benchmarks.md
        ("README.md", {"COVID": 727, "Normal": 4_659, "Viral Pneumonia": 1_038}),
        ("docs/tutorial.md", phantoms_of_the_tutorial()),
    ],
)
def test_the_counts_that_a_page_orders_can_pass_on_the_data_that_it_names(page, images):
    seen = np.repeat(np.arange(3), [round(0.85 * number) for number in images.values()])
    trained = np.arange(len(seen)) % 6 > 0
    limits = power_limits(seen, np.arange(len(seen)), trained, tuple(images), Policy())
    plan = ReleasePlan(
        len(seen),
        limits.membership,
        limits.max_membership,
        limits.class_shares,
        limits.num_needed,
        limits.max_excess,
    )
    ordered = re.findall(r"--class-counts (\S+)", (ROOT / page).read_text())
    assert ordered
    for counts in map(class_counts, ordered):
        assert plan.outlook(counts, sum(counts.values()), is_later=False).can_pass, counts


@pytest.mark.parametrize("text", blocks("python"))
def test_every_python_block_compiles(text):
    compile(text, "block", "exec")


@pytest.mark.parametrize("text", blocks("yaml"))
def test_every_yaml_block_is_yaml(text):
    assert list(yaml.safe_load_all(text))


def test_the_site_has_every_page_once():
    def pages(entries):
        for entry in entries:
            for value in entry.values():
                yield from pages(value) if isinstance(value, list) else [value]

    docs = ROOT / "docs"
    there = [path.relative_to(docs).as_posix() for path in docs.glob("**/*.md")]
    assert sorted(pages(SITE["nav"])) == sorted(p for p in there if not p.startswith("adr/"))
