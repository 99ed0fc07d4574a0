"""Rewrite README.md for PyPI, whose page shows no picture and follows no link of a checkout.

    python scripts/readme_for_pypi.py SOURCE

SOURCE is a copy of the checkout, from which packages are built. In its README.md, relative links
become addresses in the repository at the tag of this version, and pictures addresses of raw files.
"""

import re
import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT = Path(__file__).parents[1]
_LINK = re.compile(r"(?P<picture>!?)\[(?P<text>[^\]]*)\]\((?P<path>[^):#]+)(?P<anchor>#[^)]*)?\)")


def with_absolute_links(text: str, repository: str, tag: str) -> str:
    """Replace every relative link of a Markdown text.

    Parameters
    ----------
    repository
        The address of the repository on GitHub.
    tag
        The tag or branch to link to.

    >>> with_absolute_links("[guide](docs/ML.md#params)", "https://github.com/a/b", "v1")
    '[guide](https://github.com/a/b/blob/v1/docs/ML.md#params)'
    """
    raw = repository.replace("github.com", "raw.githubusercontent.com")

    def absolute(link: re.Match[str]) -> str:
        path = link["path"]
        # GitHub has files at blob and folders at tree
        page = f"{repository}/{'tree' if path.endswith('/') else 'blob'}/{tag}/{path}"
        target = f"{raw}/{tag}/{path}" if link["picture"] else page
        return f"{link['picture']}[{link['text']}]({target}{link['anchor'] or ''})"

    return _LINK.sub(absolute, text)


def main(source: Path) -> None:
    """Rewrite the README of ``source``."""
    urls = tomllib.loads((source / "pyproject.toml").read_text("utf-8"))["project"]["urls"]
    package = (source / "glove_spark" / "__init__.py").read_text("utf-8")
    version = re.search(r'^__version__ = "(.*)"$', package, re.MULTILINE)
    if version is None:
        sys.exit(f'{source}/glove_spark/__init__.py has no line __version__ = "..."; add it')
    readme = source / "README.md"
    text = with_absolute_links(readme.read_text("utf-8"), urls["Repository"], f"v{version[1]}")
    readme.write_text(text, "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
