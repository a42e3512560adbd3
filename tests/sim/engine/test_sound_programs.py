"""Random programs with defined results: every design takes them, and they end well."""

import pytest

from m3vit.hls.design import DesignConfig, design_names
from m3vit.hls.isa import STOPPED_WELL
from m3vit.sim.engine.program_cases import sound_case
from m3vit.sim.engine.program_endings import possible_endings


@pytest.mark.parametrize("name", design_names())
@pytest.mark.parametrize("seed", range(4))
def test_sound_programs_end_well(name, seed):
    design = DesignConfig.load(name)
    made = sound_case(design, seed)
    found = possible_endings(design, made.arena, made.line, made.instructions)
    assert found.codes == (STOPPED_WELL,)
