import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from m3vit.cli.errors import EXTRAS, Commands
from m3vit.errors import UserError


def answer(fault):
    app = typer.Typer(cls=Commands, pretty_exceptions_enable=False)

    @app.command()
    def break_down():
        raise fault

    @app.command()
    def other():
        pass

    return CliRunner().invoke(app, ["break-down"])


def test_a_user_s_mistake_is_one_line():
    result = answer(UserError("two\nlines [with] brackets"))
    assert (result.exit_code, result.stderr) == (2, "error: two lines [with] brackets\n")


@pytest.mark.parametrize("package", EXTRAS)
def test_a_missing_package_names_its_extra(package):
    result = answer(ModuleNotFoundError("gone", name=f"{package}.part"))
    assert result.exit_code == 2
    assert f"needs {package}" in result.stderr
    assert f"pip install 'm3vit[{EXTRAS[package]}]'" in result.stderr


def test_files_that_the_system_refuses_are_named():
    result = answer(PermissionError(13, "Permission denied", "there.json"))
    assert result.stderr == "error: there.json: permission denied, choose another\n"


@pytest.mark.parametrize(
    "fault", [ValueError("bug"), ModuleNotFoundError("x", name="m3vit.gone"), OSError("odd")]
)
def test_faults_of_our_own_stay_loud(fault):
    result = answer(fault)
    assert result.exit_code == 1
    assert result.exception is fault


def test_the_real_command_prints_no_traceback(tmp_path):
    command = [sys.executable, "-m", "m3vit", "demo", str(tmp_path / "absent.png")]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 2
    assert run.stderr.startswith("error: ")
    assert run.stderr.count("\n") == 1
    assert run.stdout == ""


def test_unknown_options_exit_with_two():
    run = subprocess.run(
        [sys.executable, "-m", "m3vit", "demo", "--colour"], capture_output=True, text=True
    )
    assert run.returncode == 2
    assert "Traceback" not in run.stderr


def test_every_command_has_help_with_an_example():
    from m3vit.cli import app

    for command in typer.main.get_command(app).commands:
        result = CliRunner().invoke(app, [command, "--help"])
        assert result.exit_code == 0
        assert command == "version" or "Example" in result.stdout
