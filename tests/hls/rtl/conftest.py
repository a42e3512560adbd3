import sys
from pathlib import Path

import pytest

from m3vit.sim.rtl import runner

RTL = Path(runner.__file__).parents[2] / "hls" / "rtl"


@pytest.fixture
def simulate(tmp_path, monkeypatch):
    """Build hand-written modules and run their cocotb tests.

    `faults` are (file, text, replacement): what is wrong with a module that must be found out.
    """
    monkeypatch.setattr(sys, "path", [*sys.path, str(Path(__file__).parent)])

    def run(top, parameters, environment=None, faults=()):
        files = [tmp_path / path.name for path in sorted(RTL.glob("*.sv"))]
        for copy in files:
            text = (RTL / copy.name).read_text()
            for name, correct, wrong in faults:
                if name == copy.name:
                    assert text.count(correct) == 1
                    text = text.replace(correct, wrong)
            copy.write_text(text)
        simulation = runner.build(files, top, parameters=parameters)
        variables = {**parameters, **(environment or {})}
        simulation.run(
            f"cocotb_{top}",
            tmp_path / "run",
            environment={name: str(value) for name, value in variables.items()},
        )

    return run
