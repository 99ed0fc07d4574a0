"""The commands that exchange work with other programs: convert, import-c and export-c."""

from __future__ import annotations

import argparse
import logging
from typing import Any

from glove_spark.cli.parser import add_command, add_format_of_vectors
from glove_spark.errors import ConfigurationError

log = logging.getLogger("glove_spark")

CONVERT_EXAMPLES = """  glove-spark convert out/ vectors.bin                     (word2vec binary)
  glove-spark convert out/ context.vec --side context      (word2vec text)
  glove-spark convert glove.6B.300d.txt vectors.safetensors
  glove-spark convert vectors.npy vectors.txt.gz --precision 6
  glove-spark convert vectors.bin sums.parquet --vocab vocab.txt   (from the C program)

formats by ending: .txt glove, .vec word2vec, .bin word2vec-binary, .parquet parquet, .npy npy,
.safetensors safetensors, .tsv projector; the first three also packed, such as .txt.gz
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
    command = add_command(
        commands,
        "convert",
        "vectors from one format to another, a bounded number of words at a time",
        _convert,
        CONVERT_EXAMPLES,
    )
    command.add_argument("source", metavar="SOURCE", help="an output folder, or a file")
    command.add_argument("target", metavar="TARGET", help="the file to write")
    add_format_of_vectors(command)
    command.add_argument(
        "--to", metavar="NAME", help="the format of TARGET, where its ending does not say"
    )
    command.add_argument(
        "--side",
        choices=("sum", "word", "context"),
        help="take word + context, word or context vectors of the model in an output folder",
    )
    command.add_argument(
        "--precision",
        default="full",
        metavar="full|N",
        help="of text: the fewest digits that give the same float32 back (full, the default), or "
        "the number of decimals; the C program writes 6",
    )
    command.add_argument("--overwrite", action="store_true", help="replace TARGET if it is there")


def add_import_c(commands: Any) -> None:
    """Add the command."""
    command = add_command(
        commands,
        "import-c",
        "what Stanford's C program counted or trained, as datasets to go on from",
        _import_c,
        IMPORT_EXAMPLES,
    )
    command.add_argument("--vocab", required=True, metavar="FILE", help="its vocab.txt")
    command.add_argument("--cooccurrence", metavar="FILE", help="cooccurrence.bin, shuffled or not")
    command.add_argument("--parameters", metavar="FILE", help="float64, of its -binary 1 or 2")
    command.add_argument("--gradsq", metavar="FILE", help="accumulators, with --parameters")
    command.add_argument("--output", required=True, metavar="DIR", help="the output folder")
    command.add_argument("--overwrite", action="store_true", help="replace datasets that are there")


def add_export_c(commands: Any) -> None:
    """Add the command."""
    command = add_command(
        commands,
        "export-c",
        "datasets as the files of Stanford's C program",
        _export_c,
        EXPORT_EXAMPLES,
    )
    command.add_argument("source", metavar="DIR", help="an output folder")
    command.add_argument("--vocab", metavar="FILE", help="write vocab.txt")
    command.add_argument("--cooccurrence", metavar="FILE", help="write cooccurrence.bin")
    command.add_argument("--parameters", metavar="FILE", help="write the last epoch's parameters")
    command.add_argument("--gradsq", metavar="FILE", help="write the last epoch's accumulators")
    command.add_argument("--overwrite", action="store_true", help="replace files that are there")


def _convert(given: argparse.Namespace) -> None:
    from glove_spark.exchange.formats import convert, open_vectors

    source = open_vectors(given.source, given.format, side=given.side, vocab=given.vocab)
    written = convert(
        source,
        given.target,
        given.to,
        precision=given.precision,
        overwrite=given.overwrite,
    )
    log.info(
        "%s: %s words, d = %d, as %s",
        given.target,
        f"{source.num_words:,}",
        source.vector_size,
        written.content,
    )


def _import_c(given: argparse.Namespace) -> None:
    from glove_spark.c_program.importing import import_c

    if not given.cooccurrence and not given.parameters:
        raise ConfigurationError("nothing to import; give --cooccurrence FILE or --parameters FILE")
    made = import_c(
        given.output,
        vocab=given.vocab,
        cooccurrence=given.cooccurrence,
        parameters=given.parameters,
        gradsq=given.gradsq,
        overwrite=given.overwrite,
    )
    for dataset in made:
        log.info("%s: %s", dataset.name, dataset.location.shown)


def _export_c(given: argparse.Namespace) -> None:
    from glove_spark.c_program.exporting import export_c

    written = export_c(
        given.source,
        vocab=given.vocab,
        cooccurrence=given.cooccurrence,
        parameters=given.parameters,
        gradsq=given.gradsq,
        overwrite=given.overwrite,
    )
    for file in written:
        log.info("written: %s", file.shown)
