import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))


@pytest.fixture
def make_bench():
    """Makes simulated engines with a core that copies; closes them afterwards."""
    from stand_in import Bench

    made = []

    def make(*arguments, **options):
        made.append(Bench(*arguments, **options))
        return made[-1]

    yield make
    for bench in made:
        bench.library.close()
