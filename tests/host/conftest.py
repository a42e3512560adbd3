import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))


class Time:
    """A clock that moves when somebody sleeps."""

    def __init__(self):
        self.now = 100.0

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def time():
    return Time()
