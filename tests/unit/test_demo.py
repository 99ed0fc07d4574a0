"""The demonstration's corpus: documentation strings, parsed and never run."""

import textwrap

from glove_spark.corpus.documentation import docstrings_of, source_folders, write_corpus


def test_all_documentation_strings_are_found(tmp_path):
    source = tmp_path / "module.py"
    source.write_text(
        textwrap.dedent(
            '''
            """Module text."""
            raise SystemExit("this source must not be run")
            class Outer:
                """Class text."""
                x = "not documentation"
                def method(self):
                    """Method text."""
                    def inner():
                        """Inner text."""
                async def other(self): "Async text."
            if True:
                try:
                    def guarded():
                        """Guarded text."""
                except ImportError:
                    def guarded():
                        """Fallback text."""
                else:
                    pass
            def silent(): return 1
            '''
        )
    )
    assert sorted(docstrings_of(source)) == sorted(
        f"{word} text."
        for word in ("Module", "Class", "Method", "Inner", "Async", "Guarded", "Fallback")
    )


def test_sources_that_cannot_be_parsed_are_passed_over(tmp_path):
    for name, content in (("a", b"def ("), ("b", b"\x00"), ("c", b"# coding: nonsense\n")):
        file = tmp_path / f"{name}.py"
        file.write_bytes(content)
        assert docstrings_of(file) == []
    assert docstrings_of(tmp_path / "missing.py") == []


def test_same_text_is_written_once_a_line_each(tmp_path):
    sources = tmp_path / "sources"
    (sources / "deep").mkdir(parents=True)
    (sources / "site-packages").mkdir()
    for name in ("a", "b", "deep/c", "site-packages/other"):
        (sources / f"{name}.py").write_text('"""Two\n   lines."""\ndef f():\n    """Same."""\n')
    (sources / "site-packages" / "d.py").write_text('"""Of another environment."""\n')
    counts = write_corpus(tmp_path / "corpus", [sources], documents_per_file=1)
    assert counts == (2, 3)
    files = sorted((tmp_path / "corpus").iterdir())
    assert [file.name for file in files] == ["docs-000.txt", "docs-001.txt"]
    assert sorted(file.read_text() for file in files) == ["Same.\n", "Two lines.\n"]


def test_the_standard_library_is_among_the_sources():
    import ast
    from pathlib import Path

    assert Path(ast.__file__).resolve().parent in source_folders()
