import sys
from pathlib import Path

import pytest

from m3vit.sim.rtl import runner

RTL = Path(runner.__file__).parents[2] / "hls" / "rtl"
BENCHES = Path(__file__).parent


@pytest.fixture
def simulate(tmp_path, monkeypatch):
    """Build hand-written modules and run their cocotb tests.

    `faults` are (file, text, replacement): what is wrong with a module that must be found out.
    """
    monkeypatch.setattr(sys, "path", [*sys.path, str(Path(__file__).parent)])

    def run(top, parameters, environment=None, faults=()):
        sources = sorted([*RTL.glob("*.sv"), *BENCHES.glob("*.sv")])
        files = [tmp_path / path.name for path in sources]
        for source, copy in zip(sources, files, strict=True):
            text = source.read_text()
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
