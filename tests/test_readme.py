"""What the documents say is so: their tables, examples, commands, links and names, held against the code."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import get_args

import click
import pytest

from gateway.cli import gateway
from gateway.config import json_schema, load
from gateway.metrics import GAUGES, Metrics
from gateway.model import FIELDS, EventType
from mappings import MAPPINGS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
DOCS = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
}
CONFIGURATION = DOCS["docs/configuration.md"]
SCHEMA = json_schema(MAPPINGS)
TABLES = [name for name, one in SCHEMA["$defs"].items() if one.get("additionalProperties") is False]
SECTIONS = {
    "Server": "[server]",
    "Admin": "[admin]",
    "Store": "[store]",
    "DeadLetters": "[deadletters]",
    "PrivacySettings": "[privacy]",
    "Log": "[log]",
    "Traces": "[traces]",
    "ClientTable": "[clients.NAME]",
    "Retry": "retry",
    "Hiding": "privacy",
    "OAuth": "oauth",
    "RouteTable": "[[routes]]",
    "TargetTable": "[[routes.targets]]",
    "ShareRange": "share",
}
"""The section of docs/configuration.md that tells of each table of the schema."""


def run(*arguments):
    """What a command prints in the project's folder; its messages are left out."""
    command = [sys.executable, "-m", "gateway", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout


def blocks(language):
    """The code blocks of a language, each with its document."""
    return [
        (name, block)
        for name, text in DOCS.items()
        for block in re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
    ]


def examples():
    """Every command of a console block with what is shown below it."""
    return [
        (command, shown.strip("\n"))
        for _, block in blocks("console")
        for command, shown in re.findall(r"^\$ gateway (.*)\n((?:(?!\$ ).*\n)*)", block, flags=re.MULTILINE)
    ]


def rows(text):
    """The rows of a Markdown table by their first cell, without its marks."""
    found = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) > 1 and (name := re.match(r"\[?`([^`]+)`", cells[0])):
            found[name[1]] = cells
    return found


def section(text, title):
    """What stands below a heading, up to the next."""
    return re.split(r"^#+ ", text.partition(f"# {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def commands(group=gateway, above=()):
    """Every command that people may type, as its words."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        if isinstance(command, click.Group):
            yield from commands(command, (*above, name))
        elif not command.hidden:
            yield (*above, name)


def test_the_matrix_is_measured():
    """The README's matrix is what `gateway matrix --format md` prints."""
    shown = re.search(r"<!-- gateway matrix --format md -->\n(.*?)<!-- end -->", README, flags=re.DOTALL)[1]
    assert shown == run("matrix", "--format", "md")


@pytest.mark.parametrize(("command", "shown"), examples())
def test_the_examples_are_real(command, shown):
    """Below each command stands what it prints."""
    assert shown == run(*command.split()).strip("\n")


def test_the_curls_are_those_of_make_run():
    """The README sends the clicks that `make run` prints."""
    printed = re.findall(r"^ +(curl .*)$", (ROOT / "scripts" / "run.sh").read_text(), flags=re.MULTILINE)
    assert len(printed) > len(MAPPINGS)
    assert all(one in README for one in printed)


def test_every_command_is_told():
    """The README's table has every command, and no document names one that is not there."""
    known = set(commands())
    table = section(README, "On call")
    told = {
        (group, name)
        for line in table.splitlines()
        for group, first in re.findall(r"^\| `gateway (\w+)(?: (\w+))?", line)
        for name in [first, *re.findall(r", `(\w+)`", line.split("|")[1])]
    }
    told = {(group, name) if (group, name) in known else (group,) for group, name in told}
    assert told == known
    for name, text in DOCS.items():
        for words in re.findall(r"(?<![\w/.-])gateway ([a-z]+)(?: ([a-z]+))?", " ".join(_code(text))):
            assert words[:1] in known or words in known, (name, words)


def _code(text):
    """The code in a document: blocks and spans."""
    spans = re.findall(r"(?<!`)`(gateway [^`\n]+)`(?!`)", text)
    inside = "\n".join(re.findall(r"^```(?:sh|console)\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE))
    return [*spans, *re.findall(r"^(?:\$ )?(gateway .*)$", inside, flags=re.MULTILINE)]


@pytest.mark.parametrize("name", DOCS)
def test_the_links_lead_somewhere(name):
    """Every relative link names a file of the project, and a heading in it where it says so."""
    for link in re.findall(r"\]\(([^)\s]+)\)", DOCS[name]):
        path, _, anchor = link.partition("#")
        if "://" in path:
            continue
        target = ROOT / Path(name).parent / path if path else ROOT / name
        assert target.is_file(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", target.read_text(), flags=re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings}, link


def test_the_walk_can_be_walked():
    """Each step of a click's way names a function that its file defines."""
    steps = re.findall(r"^\d+\. \[`([^`]+)`\]\(\1\) `(\w+)`", README, flags=re.MULTILINE)
    assert len(steps) == 13
    for path, function in steps:
        assert re.search(rf"^ *(async )?def {function}\(", (ROOT / path).read_text(), flags=re.MULTILINE), (
            path,
            function,
        )


def test_every_vendor_has_its_row():
    """The README tells each mapping's paths, settings and host as its class has them."""
    table = rows(section(README, "The vendors"))
    assert set(table) == set(MAPPINGS)
    for name, (_, paths, _, settings, host) in table.items():
        mapping = MAPPINGS[name]
        told = re.findall(r"`(\w+) ([^`]+)`", paths)
        assert told == [(endpoint.method, path) for endpoint in mapping.ENDPOINTS for path in endpoint.paths]
        own = SCHEMA["$defs"][f"upstream_{name}"]["properties"]
        assert set(re.findall(r"`(\w+)`", settings)) <= set(own)
        assert host == f"`{own['base_url']['default']}`"


def test_the_examples_of_configuration_are_valid(tmp_path):
    """The README's least configuration loads; every snippet is TOML."""
    path = tmp_path / "config.toml"
    for name, block in blocks("toml"):
        tomllib.loads(block)
        if name == "README.md":
            path.write_text(block)
            load(path, MAPPINGS, {variable: f"of {variable}" for variable in re.findall(r'env = "(\w+)"', block)})


@pytest.mark.parametrize("table", TABLES)
def test_every_key_is_documented(table):
    """docs/configuration.md has each key of config.schema.json in its table's section, with its default."""
    definition = SCHEMA["$defs"][table]
    told = rows(section(CONFIGURATION, SECTIONS.get(table, "[upstreams.NAME]")))
    if table.startswith("upstream_"):
        own = section(CONFIGURATION, f'vendor = "{table.removeprefix("upstream_")}"')
        told |= rows(own)
    required = definition.get("required", [])
    assert set(told) == set(definition["properties"])
    for key, described in definition["properties"].items():
        assert told[key][1] == _default(key, described, required), key


def _default(key, described, required):
    """A key's default as TOML writes it."""
    if key in required:
        return "required"
    found = described.get("default")
    if found is None or (isinstance(found, dict) and found):
        return "–"
    return f"`{json.dumps(found)}`"


def test_every_canonical_name_is_documented():
    """docs/translation.md has every name that config.toml may use, and every type of event."""
    text = DOCS["docs/translation.md"]
    assert [name for name in FIELDS if f"`{name}`" not in text] == []
    assert [name for name in get_args(EventType) if f"`{name}`" not in text] == []


def test_every_metric_is_documented():
    """docs/operating.md has every metric with its labels, and no other."""
    told = rows(section(DOCS["docs/operating.md"], "Metrics"))
    names = {f"{family._name}_total" if family._type == "counter" else family._name for family in Metrics()._families}
    assert {name.partition("{")[0] for name in told} == names | set(GAUGES)
