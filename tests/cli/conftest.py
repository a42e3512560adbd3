import pytest
from typer.testing import CliRunner

from m3vit.cli import app


@pytest.fixture
def m3vit(monkeypatch):
    """Run the command line in this process; faults of our own come out as exceptions."""
    monkeypatch.setenv("COLUMNS", "180")

    def run(*arguments, code=0):
        result = CliRunner().invoke(app, [str(word) for word in arguments], catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result

    return run


@pytest.fixture
def refused(m3vit):
    """Run what must be answered with one line on standard error and exit code 2."""

    def run(*arguments):
        result = m3vit(*arguments, code=2)
        lines = result.stderr.splitlines()
        assert len(lines) == 1, result.stderr
        assert lines[0].startswith("error: ")
        return lines[0]

    return run
