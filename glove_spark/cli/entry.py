"""The command line: flags made from the options, and one library call per command."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import time
from collections.abc import Sequence
from typing import Any

from glove_spark import __version__
from glove_spark.cli.align import add_align
from glove_spark.cli.batches import add_batches
from glove_spark.cli.completion import add_completion, answer_the_shell
from glove_spark.cli.demo import add_demo
from glove_spark.cli.drift import add_drift
from glove_spark.cli.evaluate import add_evaluate
from glove_spark.cli.exchange import add_convert, add_export_c, add_import_c
from glove_spark.cli.explore import add_analogy, add_neighbors, add_ratio
from glove_spark.cli.metrics import write_metrics
from glove_spark.cli.parser import EXIT_CODES, SuggestingParser, add_command, add_option
from glove_spark.cli.prepare import add_prepare
from glove_spark.cli.publish import add_publish
from glove_spark.cli.report import add_plot_neighbors, add_report
from glove_spark.cli.verify import add_verify
from glove_spark.errors import INTERRUPTED_EXIT_CODE, GloveSparkError
from glove_spark.logs.lines import configure_log
from glove_spark.settings.config import (
    COUNTING,
    SETTINGS,
    STAGE_COMMANDS,
    PipelineConfig,
    pipeline_config,
    update_settings,
)
from glove_spark.settings.stages import RunSettings
from glove_spark.settings.toml import read_toml

log = logging.getLogger("glove_spark")

RUN_EXAMPLES = """  glove-spark run --input books/ --output out/
  glove-spark run --input books/ --document file --output out/ --vector-size 300 --probe war,law
  glove-spark run --input 'crawl/*.jsonl.zst' --output out/ --config conf/large.toml
"""
STAGE_EXAMPLES = {
    "tokenize": """  glove-spark tokenize --input books/ --output out/
  glove-spark tokenize --input s3://bucket/crawl.parquet --text-column body --output s3://bucket/out
""",
    "vocabulary": """  glove-spark vocabulary --output out/ --min-count 11
""",
    "cooccurrence": """  glove-spark cooccurrence --output out/ --window-size 15
""",
    "blocks": """  glove-spark blocks --output out/
""",
    "train": """  glove-spark train --output out/ --vector-size 300 --epochs 10 --probe war,law
  glove-spark train --output other/ --reuse out/ --x-max 50
  glove-spark train --output today/ --reuse counts/ --warm-start yesterday/ --epochs 3
  glove-spark train --output out/ --vector-size 300 --warm-start glove.6B.300d.txt --stay 0.1
""",
    "export": """  glove-spark export --output out/
  glove-spark export --output out/ --vectors word --overwrite
""",
}
UPDATE_EXAMPLES = """  glove-spark update --input news/2026-11-20/ --output out/ --batch 2026-11-20
  glove-spark update --input news/2026-11-20/ --output out/ --batch 2026-11-20 --replace
  glove-spark update --output out/ --remove 2026-11-20
  glove-spark update --output out/ --rerank
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    parser = build_parser()
    answer_the_shell(parser)
    given = parser.parse_args(arguments)
    configure_log(given.verbose - given.quiet, given.log_format)
    signal.signal(signal.SIGTERM, _interrupt)
    # an exception that passes through here is a bug
    started, exit_code = time.time(), 1
    try:
        exit_code = _run(given)
    finally:
        write_metrics(given, exit_code, started)
    return exit_code


def _run(given: argparse.Namespace) -> int:
    """Run a command, and turn our own errors into a log message and an exit code."""
    try:
        given.run(given)
    except BaseException as error:
        # an interrupt during a call may surface as an error of the call's clean-up
        if _follows_interrupt(error):
            log.error("interrupted; run the same command again to continue")
            return INTERRUPTED_EXIT_CODE
        if isinstance(error, GloveSparkError):
            log.error("%s", error)
            log.debug("traceback:", exc_info=True)
            return error.exit_code
        if isinstance(error, BrokenPipeError):
            # the program that reads our output (head, less) has ended
            sys.stderr.close()
            return 0
        raise
    return 0


def _follows_interrupt(error: BaseException | None) -> bool:
    """Return whether the error is an interrupt, or was raised while an interrupt was handled."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__context__
    return False


def build_parser() -> argparse.ArgumentParser:
    """Make the parser of all commands."""
    parser = SuggestingParser(
        prog="glove-spark",
        description="Train GloVe word vectors on your own text, with Apache Spark.",
        epilog="examples:\n"
        "  glove-spark demo\n"
        "  glove-spark run --input books/ --output out/\n"
        "  glove-spark neighbors --vectors out/ tyranny war\n"
        "  glove-spark report out/\n"
        "  glove-spark run --help\n\n" + EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"glove-spark {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    everything = add_command(
        commands,
        "run",
        "run all six stages, from a corpus to word vectors",
        _run_pipeline,
        RUN_EXAMPLES,
    )
    _add_options(everything, {name: SETTINGS[name] for name in ("run", *STAGE_COMMANDS)})
    for stage, text in STAGE_COMMANDS.items():
        command = add_command(commands, stage, text, _run_stage, STAGE_EXAMPLES[stage])
        command.set_defaults(stage=stage)
        _add_options(command, {"run": RunSettings, stage: SETTINGS[stage]})
    update = add_command(
        commands,
        "update",
        "incremental updates: add a batch of text to existing counts, or remove one",
        _run_update,
        UPDATE_EXAMPLES,
    )
    _add_options(update, {name: SETTINGS[name] for name in ("run", "update", *COUNTING)})
    add_batches(commands)
    add_evaluate(commands)
    add_neighbors(commands)
    add_analogy(commands)
    add_ratio(commands)
    add_convert(commands)
    add_import_c(commands)
    add_export_c(commands)
    add_drift(commands)
    add_align(commands)
    add_report(commands)
    add_verify(commands)
    add_prepare(commands)
    add_publish(commands)
    add_plot_neighbors(commands)
    add_demo(commands)
    add_completion(commands)
    return parser


def _interrupt(signum: int, frame: Any) -> None:
    raise KeyboardInterrupt


def _add_options(command: argparse.ArgumentParser, tables: Any) -> None:
    command.add_argument(
        "--config",
        metavar="FILE",
        help="read options from this TOML file, with one table per stage; flags override it",
    )
    for table, settings in tables.items():
        group = command.add_argument_group(table, settings.__doc__)
        for spec in settings.specs():
            # one destination per table; a flag that is not given keeps the TOML file's value
            add_option(group, f"{table}.{spec.name}", spec)


def _values(given: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Merge the TOML file and the flags; flags override the file."""
    values = read_toml(given.config) if given.config else {}
    for key, value in vars(given).items():
        table, dot, name = key.partition(".")
        if dot:
            values.setdefault(table, {})[name] = value
    return values


def _config(given: argparse.Namespace) -> PipelineConfig:
    values = _values(given)
    if given.stage not in (None, "tokenize"):
        # later stages do not read the corpus; only tokenize requires the option
        values.setdefault("tokenize", {}).setdefault("input", ())
    return pipeline_config(values)


def _run_pipeline(given: argparse.Namespace) -> None:
    config = _config(given)
    from glove_spark.pipeline import run_pipeline
    from glove_spark.spark.session import spark_session

    with spark_session(config.run.master, config.run.spark_conf) as spark:
        datasets = run_pipeline(spark, config)
    log.info("vectors: %s", datasets["vectors.txt"].location.shown)


def _run_stage(given: argparse.Namespace) -> None:
    config = _config(given)
    from glove_spark.pipeline import run_command
    from glove_spark.spark.session import spark_session

    with spark_session(config.run.master, config.run.spark_conf) as spark:
        for dataset in run_command(spark, given.stage, config):
            log.info("%s: %s", dataset.name, dataset.location.shown)


def _run_update(given: argparse.Namespace) -> None:
    run, update, counting = update_settings(_values(given))
    from glove_spark.pipeline import run_update
    from glove_spark.spark.session import spark_session

    with spark_session(run.master, run.spark_conf) as spark:
        run_update(spark, run, update, counting)
