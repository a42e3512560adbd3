from dataclasses import replace

import pytest

from m3vit.errors import UserError
from m3vit.explore.space import CHOICES, choices_of, design_of, with_memories
from m3vit.hls.design import DesignConfig
from m3vit.host.buffers import UNDIVIDED, plan_buffers
from m3vit.model.synthetic import TINY

ZCU104 = DesignConfig.load("zcu104")
MEMORIES = ("token_words", "residual_words", "key_value_tiles")


def test_the_shipped_design_is_one_of_the_space():
    choices = choices_of(ZCU104)
    assert all(choices[name] in values for name, values in CHOICES.items())
    design = design_of(choices, ZCU104, TINY)
    sizes = {name: getattr(ZCU104, name) for name in MEMORIES}
    assert replace(design, name="zcu104", **sizes) == ZCU104


@pytest.mark.parametrize(("memory", "step"), list(zip(MEMORIES, (4096, 4096, 256), strict=True)))
def test_memories_are_as_small_as_the_network_allows(memory, step):
    design = with_memories(ZCU104, TINY)
    size = getattr(design, memory)
    assert size % step == 0
    if size > step:
        with pytest.raises(UserError, match=memory):
            plan_buffers(TINY, replace(design, **{memory: size - step}), UNDIVIDED)


def test_a_network_that_no_memory_holds_is_refused():
    with pytest.raises(UserError, match="words of codes on chip"):
        with_memories(ZCU104, replace(TINY, image_height=512, image_width=768, hidden=3072))


def test_choices_that_contradict_each_other_are_refused():
    with pytest.raises(UserError, match="read_ports"):
        design_of({**choices_of(ZCU104), "lanes": 4}, ZCU104, TINY)
