"""A hook of mkdocs: links that leave docs/ lead to the repository.

The documents are read on the repository's pages too, where a link such as ../conf/small.toml is
right as it stands. The site has no such page.
"""

import re
from pathlib import Path
from typing import Any

_OUTSIDE = re.compile(r"\]\(\.\./(?!\.)([^)#\s]+)")


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_: Any) -> str:
    """Replace links to files beside docs/ by the repository's address of the same file."""
    if "/" in page.file.src_uri:
        # pages in subfolders link to other pages of the site
        return markdown
    project = Path(config.config_file_path).parent

    def address(link: re.Match[str]) -> str:
        if not (project / link[1]).exists():
            # mkdocs reports it
            return link[0]
        kind = "tree" if (project / link[1]).is_dir() else "blob"
        return f"]({config.repo_url}/{kind}/main/{link[1]}"

    return _OUTSIDE.sub(address, markdown)
