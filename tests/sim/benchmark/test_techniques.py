"""Programs without a technique have the same results."""

import numpy as np
import pytest

from m3vit.hls.design import DesignConfig
from m3vit.host.program import build_plan
from m3vit.model import synthetic
from m3vit.model.reference import Reference
from m3vit.sim.benchmark.techniques import TECHNIQUES, Technique, without
from m3vit.sim.engine.interpreter import execute

TASK = "depth"


@pytest.mark.parametrize("design", ["nano", "zcu104"])
@pytest.mark.parametrize("technique", TECHNIQUES, ids=lambda technique: technique.name)
def test_results_are_equal(technique: Technique, design: str) -> None:
    hardware = DesignConfig.load(design)
    model = synthetic.random_model()
    plan = build_plan(model, hardware)
    variant = without(plan, TASK, technique)
    program = variant.programs[TASK]
    assert len(program.instructions) > len(plan.programs[TASK].instructions)
    pixels = synthetic.random_image()
    arena = variant.memory()
    content = np.frombuffer(variant.place_image(pixels), np.uint8)
    arena[variant.image.start : variant.image.start + content.size] = content
    execute(hardware, arena, program.line, len(program.instructions))
    expected = Reference(model).run(pixels, TASK)
    np.testing.assert_array_equal(variant.read_run(arena, TASK).output, expected.output)
