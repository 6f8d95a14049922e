"""Reads the pages of the documentation: fenced blocks with their marks, links, headings, words in code spans.

A mark is an HTML comment on the line before a block, so that readers do not see it:

- `<!-- file: NAME -->` the block is written to NAME in the page's folder;
- `<!-- exit: N -->` the last command of the block ends with exit code N (else 0);
- `<!-- local_model -->` the block runs the packaged weights;
- `<!-- extra: MODULE -->` the page needs this module from its first such block on;
- `<!-- no-run: REASON -->` the block cannot run here, and why.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"
FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,})(?P<language>[\w-]*)[^`]*$")
MARK = re.compile(r"^ *<!-- *(?P<name>file|exit|extra|local_model|no-run)(?:: *(?P<value>.*?))? *-->$")
LINK = re.compile(r"(?<!!)\[(?:[^\]\[]|\[[^\]]*\])*\]\((?P<target>[^)\s]+)(?:\s+\"[^\"]*\")?\)")
IMAGE = re.compile(r"!\[(?P<alt>[^\]]*)\]\((?P<target>[^)\s]+)\)")


@dataclasses.dataclass(frozen=True)
class Block:
    """One fenced block: its language, its text, the line where it begins, and its marks."""

    language: str
    text: str
    line: int
    marks: dict[str, str]

    def commands(self) -> list[tuple[str, list[str]]]:
        """Return the commands of a console block, each with the lines of output that are shown below it."""
        found: list[tuple[str, list[str]]] = []
        continued = False
        for line in self.text.splitlines():
            if continued:
                found[-1] = (found[-1][0] + "\n" + line.removeprefix("> "), [])
                continued = line.endswith("\\")
            elif line.startswith("$ "):
                found.append((line[2:], []))
                continued = line.endswith("\\")
            elif line.strip():
                if not found:
                    raise ValueError(f"line {self.line}: a console block begins with a line `$ command`")
                found[-1][1].append(line)
        return found


def pages() -> list[Path]:
    """Return every page: the documentation and the files beside it that people read."""
    beside = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md")]
    return [*beside, *sorted(DOCS.rglob("*.md"))]


def name(path: Path) -> str:
    """Return a page's path below the root."""
    return path.relative_to(ROOT).as_posix()


def blocks(text: str) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    marks: dict[str, str] = {}
    opened: tuple[str, str, str, int] | None = None
    body: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if opened is not None:
            indent, fence, language, start = opened
            if line.strip() == fence:
                inner = "\n".join(row.removeprefix(indent) for row in body)
                yield Block(language, inner + "\n", start, marks)
                opened, body, marks = None, [], {}
            else:
                body.append(line)
        elif match := FENCE.match(line):
            opened = (match["indent"], match["fence"], match["language"], number)
        elif match := MARK.match(line):
            marks[match["name"]] = match["value"] or ""
        elif line.strip():
            marks = {}
    if opened is not None:
        raise ValueError(f"line {opened[3]}: a block is not closed")


def prose(text: str) -> str:
    """Return a page without its fenced blocks."""
    kept, fence = [], None
    for line in text.splitlines():
        match = FENCE.match(line)
        if fence is None and match:
            fence = match["fence"]
        elif fence is not None:
            fence = None if line.strip() == fence else fence
        else:
            kept.append(line)
    return "\n".join(kept)


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as the documentation's builder makes them."""
    found: set[str] = set()
    for line in prose(text).splitlines():
        if match := re.match(r"^#{1,6} +(.*?)(?: *\{#(?P<id>[\w-]+)\})? *#*$", line):
            found.add(match["id"] or slug(match[1]))
    return found | set(re.findall(r"<a (?:id|name)=\"([\w-]+)\"", text))


def slug(heading: str) -> str:
    """Return the anchor of a heading."""
    plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower())


def links(text: str) -> set[str]:
    """Return the targets of all links and images of a page."""
    plain = re.sub(r"`[^`\n]*`", "", prose(text))
    return {match["target"] for pattern in (LINK, IMAGE) for match in pattern.finditer(plain)}


def code_words(text: str) -> set[str]:
    """Return every word that stands in a code span or a fenced block of a page."""
    spans = re.findall(r"`([^`\n]+)`", prose(text)) + [block.text for block in blocks(text)]
    words: set[str] = set()
    for span in spans:
        words |= set(re.findall(r"[\w.-]*\w", span))
        words |= set(re.findall(r"\w+(?:-\w+)*", span))
        words |= set(re.findall(r"\w+", span))
        words.add(span.strip())
    return words
