# SPDX-License-Identifier: Apache-2.0
"""A hook of mkdocs: pages that aren't below docs/.

README.md is the first page. A file of the repository that a page links to becomes a page of its
own, repository/PATH.md: Markdown as it is, source as a listing. Links are written for the
repository, so that they work there too, and turned into the site's here."""

import os
import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)#\s]+)")
LANGUAGES = {".c": "c", ".h": "c", ".py": "python", ".txt": "cmake"}


def repository_path(page):
    """Where the page's text lies in the repository."""
    if page == "index.md":
        return "README.md"
    if page.startswith("repository/"):
        path = page.removeprefix("repository/")
        return path if (ROOT / path).is_file() else path.removesuffix(".md")
    return f"docs/{page}"


def site_path(path):
    """Where a file of the repository lies in the site's sources."""
    if path == "README.md":
        return "index.md"
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return f"repository/{path}" if path.endswith(".md") else f"repository/{path}.md"


def targets(page, text):
    """The files of the repository that the page links to."""
    folder = posixpath.dirname(repository_path(page))
    for link in LINK.findall(text):
        yield posixpath.normpath(posixpath.join(folder, link))


def text_of(path):
    text = (ROOT / path).read_text()
    if path.endswith(".md"):
        return text
    language = LANGUAGES.get(os.path.splitext(path)[1], "text")
    return f"# {path}\n\n````{language}\n{text}````\n"


def design_notes(nav):
    """`design` in the navigation stands for all notes, in their order."""
    notes = sorted((ROOT / "docs/design").glob("*.md"))
    for entry in nav:
        for title, value in entry.items():
            if value == "design":
                entry[title] = [f"design/{note.name}" for note in notes]


def on_config(config):
    design_notes(config.nav)
    return config


def on_files(files, config):
    waiting = [(file.src_uri, file.content_string) for file in files.documentation_pages()]
    listed = re.findall(r"repository/\S+(?=\.md)\.md", (ROOT / "mkdocs.yml").read_text())
    known = {"README.md", *map(repository_path, listed)}
    for path in known:
        waiting.append((site_path(path), text_of(path)))
        files.append(File.generated(config, site_path(path), content=text_of(path)))
    while waiting:
        page, text = waiting.pop()
        for path in targets(page, text):
            if path.startswith("docs/") or path in known or not (ROOT / path).is_file():
                continue
            known.add(path)
            files.append(File.generated(config, site_path(path), content=text_of(path)))
            waiting.append((site_path(path), text_of(path)))
    return files


def on_page_markdown(markdown, page, config, files):
    here = page.file.src_uri
    source = repository_path(here)

    def on_site(match):
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), match[1]))
        return posixpath.relpath(site_path(target), posixpath.dirname(here) or ".")
    return LINK.sub(on_site, markdown) if source.endswith(".md") else markdown
