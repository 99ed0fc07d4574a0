"""The commands that exchange files with other programs: convert, import-c and export-c."""

from __future__ import annotations

import logging
from typing import Any

from glove_spark.cli.parser import add_settings_command
from glove_spark.settings.commands import ExportCSettings, ImportCSettings
from glove_spark.settings.vectors import ConvertSettings

log = logging.getLogger("glove_spark")

CONVERT_EXAMPLES = """  glove-spark convert out/ vectors.bin                     (word2vec binary)
  glove-spark convert out/ context.vec --side context      (word2vec text)
  glove-spark convert glove.6B.300d.txt vectors.safetensors
  glove-spark convert vectors.npy vectors.txt.gz --precision 6
  glove-spark convert vectors.bin sums.parquet --vocab vocab.txt   (from the C program)

formats and their file extensions: glove .txt, word2vec .vec, word2vec-binary .bin,
parquet .parquet, npy .npy, safetensors .safetensors, projector .tsv; the first three can also be
compressed, such as .txt.gz
"""
IMPORT_EXAMPLES = """\
  glove-spark import-c --vocab vocab.txt --cooccurrence cooccurrence.bin --output out/
  glove-spark blocks --output out/ && glove-spark train --output out/

  glove-spark import-c --vocab vocab.txt --parameters vectors.bin --output out/
  glove-spark export --output out/
"""
EXPORT_EXAMPLES = """  glove-spark export-c out/ --vocab vocab.txt --cooccurrence cooccurrence.bin
  glove-spark export-c out/ --parameters vectors.bin --gradsq gradsq.bin
"""


def add_convert(commands: Any) -> None:
    """Add the command."""
    add_settings_command(
        commands,
        "convert",
        "convert vectors to another file format; files may be larger than the memory",
        ConvertSettings,
        _convert,
        CONVERT_EXAMPLES,
    )


def add_import_c(commands: Any) -> None:
    """Add the command."""
    add_settings_command(
        commands,
        "import-c",
        "import files of Stanford's C program: its counts or its trained parameters",
        ImportCSettings,
        _import_c,
        IMPORT_EXAMPLES,
    )


def add_export_c(commands: Any) -> None:
    """Add the command."""
    add_settings_command(
        commands,
        "export-c",
        "write datasets as files for Stanford's C program",
        ExportCSettings,
        _export_c,
        EXPORT_EXAMPLES,
    )


def _convert(settings: ConvertSettings) -> None:
    from glove_spark.exchange.formats import convert, open_vectors

    source = open_vectors(
        settings.source,
        settings.format,
        side=settings.side,
        vocab=settings.vocab,
        encoding_errors=settings.encoding_errors,
        center=settings.center,
    )
    written = convert(
        source,
        settings.target,
        settings.to,
        precision=settings.precision,
        overwrite=settings.overwrite,
        repeated=settings.repeated_words,
    )
    log.info(
        "%s: %s words, d = %d, as %s",
        settings.target,
        f"{source.num_words:,}",
        source.vector_size,
        written.content,
    )


def _import_c(settings: ImportCSettings) -> None:
    from glove_spark.c_program.importing import import_c

    made = import_c(
        settings.output,
        vocab=settings.vocab,
        cooccurrence=settings.cooccurrence,
        parameters=settings.parameters,
        gradsq=settings.gradsq,
        overwrite=settings.overwrite,
    )
    for dataset in made:
        log.info("%s: %s", dataset.name, dataset.location.shown)


def _export_c(settings: ExportCSettings) -> None:
    from glove_spark.c_program.exporting import export_c

    written = export_c(
        settings.source,
        vocab=settings.vocab,
        cooccurrence=settings.cooccurrence,
        parameters=settings.parameters,
        gradsq=settings.gradsq,
        overwrite=settings.overwrite,
    )
    for file in written:
        log.info("written: %s", file.shown)
