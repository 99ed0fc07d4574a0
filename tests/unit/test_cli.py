"""The command line: flags from the options, flags over TOML, exit codes."""

import re

import pytest

from glove_spark.cli import main
from glove_spark.cli.entry import _config, build_parser
from glove_spark.settings.config import SETTINGS, STAGE_COMMANDS


def config_of(*arguments):
    return _config(build_parser().parse_args(arguments))


def test_every_option_is_a_flag_of_run_and_of_its_stage(capsys):
    for command in ("run", *STAGE_COMMANDS):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        text = capsys.readouterr().out
        for table in ("run", *STAGE_COMMANDS) if command == "run" else ("run", command):
            for spec in SETTINGS[table].specs():
                assert spec.flag in text


def test_flags_win_over_the_file_and_the_file_over_defaults(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text("[cooccurrence]\nwindow_size = 7\n[train]\nepochs = 3\nx_max = 20\n")
    config = config_of(
        "run", "--input", "a", "b", "--output", "out", "--config", str(file), "--epochs", "9"
    )
    assert config.tokenize.input == ("a", "b")
    assert config.cooccurrence.window_size == 7
    assert (config.train.epochs, config.train.x_max) == (9, 20.0)
    assert config.vocabulary.min_count == 5


def test_switches_and_lists():
    config = config_of(
        "run", "--input", "a", "--output", "o", "--left-only", "--no-lowercase", "--probe", "a,b"
    )
    assert config.cooccurrence.symmetric is False
    assert config.tokenize.lowercase is False
    assert config.train.probe == ("a", "b")


def test_a_later_stage_needs_no_input():
    assert config_of("train", "--output", "o", "--epochs", "2").train.epochs == 2


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run", "--input", "x"], 2, "output is required but not given; add --output DIR"),
        (["run", "--output", "x"], 2, "input is required but not given; add --input PATH"),
        (["run", "--input", "x", "--output", "o", "--window-size", "0"], 2, "window_size=0 must"),
        (["run", "--input", "x", "--output", "o", "--epochs=-3"], 2, "epochs=-3 must be at least"),
        (["run", "--input", "x", "--output", "o", "--x-max=nan"], 2, "x_max=nan must be finite"),
        (
            ["run", "--input", "x", "--output", "o", "--spark-conf", "memory"],
            2,
            "must be KEY=VALUE",
        ),
    ],
)
def test_errors_have_a_message_and_an_exit_code_and_no_traceback(capsys, arguments, code, message):
    assert main(arguments) == code
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--windowsize", "3"], "run: error: .* did you mean --window-size?"),
        (["-q", "neighbors", "--vectors", "v", "a"], "error: .* give -q after the name"),
        (["run", "--zzz"], "run: error: unrecognized arguments: --zzz\n"),
        (["neighbours"], "unknown command 'neighbours'; did you mean neighbors?"),
        (["xyzzy"], "unknown command 'xyzzy'; glove-spark --help lists them"),
    ],
)
def test_unknown_flags_and_commands_exit_with_2_and_a_suggestion(capsys, arguments, message):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert re.search(message.replace("?", r"\?"), capsys.readouterr().err)


def test_an_interrupt_is_one_however_it_surfaces(monkeypatch, capsys):
    from glove_spark.cli import explore

    def stumble(given):
        try:
            raise KeyboardInterrupt
        finally:
            raise UnboundLocalError("a library's clean-up")

    monkeypatch.setattr(explore, "_neighbors", stumble)
    assert main(["neighbors", "a", "--vectors", "v"]) == 130
    assert "interrupted; run the same command again" in capsys.readouterr().err
    monkeypatch.setattr(explore, "_neighbors", lambda given: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["neighbors", "a", "--vectors", "v"])
