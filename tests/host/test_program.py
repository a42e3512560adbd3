"""Programs, executed by the definition of the instruction set, against the reference."""

from dataclasses import replace

import numpy as np
import pytest

from m3vit.errors import UserError
from m3vit.hls.design import DesignConfig
from m3vit.hls.isa import LINE_BYTES, Instruction
from m3vit.hls.isa_checks import broken_rule
from m3vit.host.buffers import UNDIVIDED, plan_buffers
from m3vit.host.image import default_photograph, load_image
from m3vit.host.program import build_plan
from m3vit.model.compiled import CompiledModel
from m3vit.model.network import Task
from m3vit.model.parameters import LayerNorm
from m3vit.model.reference import Reference
from m3vit.model.shipped import find_model
from m3vit.model.synthetic import NANO, SMALL, TINY, random_image, random_model
from m3vit.sim.engine.interpreter import execute

VARIANTS = {
    "as it is": {},
    "one expert per token, renormalised": {"experts_per_token": 1, "norm_topk_prob": True},
    "four experts per token": {"experts_per_token": 4, "norm_topk_prob": True},
    "gates ahead": {"gate_input_ahead": True},
    "gates ahead in the first layer": {"gate_input_ahead": True, "moe_layers": [0, 1]},
    "pruned scores": {"prune_threshold": 9000},
    "every layer has experts": {"moe_layers": [0, 1, 2, 3]},
    "no experts": {"moe_layers": []},
    "classifier": {"head": "classification"},
    "tokens": {"head": "tokens"},
    "widths that fill no word": {
        "width": 36,
        "num_heads": 3,
        "hidden": 50,
        "expert_hidden": 26,
        "patch_size": 4,
        "image_height": 12,
        "image_width": 20,
    },
    "one patch": {"image_height": 8, "image_width": 8},
}


@pytest.fixture(scope="module", params=["nano", "zcu104", "zcu104-10x16x16"])
def design(request):
    return DesignConfig.load(request.param)


def run(plan, arena, program):
    execute(plan.design, arena, program.line, len(program.instructions))


def put_image(plan, arena, pixels):
    content = np.frombuffer(plan.place_image(pixels), np.uint8)
    arena[plan.image.start : plan.image.start + content.size] = content


def assert_same(found, expected):
    assert (found.task, found.scale) == (expected.task, expected.scale)
    assert found.output.dtype == expected.output.dtype
    np.testing.assert_array_equal(found.output, expected.output)
    assert len(found.routing) == len(expected.routing)
    for ours, theirs in zip(found.routing, expected.routing, strict=True):
        np.testing.assert_array_equal(ours.experts, theirs.experts)
        np.testing.assert_array_equal(ours.scores, theirs.scores)


def assert_equals_the_reference(model, design, pixels):
    """Whole images, traces and snapshots of every task, all in one arena."""
    plan, reference = build_plan(model, design), Reference(model)
    arena = plan.memory()
    put_image(plan, arena, pixels)
    for task in plan.programs:
        trace = {}
        expected = reference.run(pixels, task, trace)
        run(plan, arena, plan.programs[task])
        assert_same(plan.read_run(arena, task), expected)
        program = plan.traced[task]
        run(plan, arena, program)
        assert_same(plan.read_run(arena, task), expected)
        found = plan.read_trace(arena, program)
        assert list(found) == [
            name
            for name in trace
            if name == "embeddings.output"
            or (name.startswith("layers.") and name.split(".")[2] in ("attended", "output"))
        ]
        for name, rows in found.items():
            np.testing.assert_array_equal(rows, trace[name], name)
    for outputs in plan.outputs.values():
        arena[outputs.start : outputs.stop] = 0
    run(plan, arena, plan.prefix)
    for task in reversed(plan.suffixes):
        run(plan, arena, plan.suffixes[task])
    for task in plan.suffixes:
        assert_same(plan.read_run(arena, task), reference.run(pixels, task))
    for offset, content in plan.content:
        np.testing.assert_array_equal(arena[offset : offset + content.size], content)


@pytest.mark.parametrize("variant", VARIANTS)
def test_small_networks(design, variant):
    network = replace(NANO, **VARIANTS[variant])
    assert_equals_the_reference(random_model(network), design, random_image(network))


def random_network(random):
    heads, experts = int(random.integers(1, 5)), int(random.integers(1, 9))
    layers = int(random.integers(1, 4))
    return replace(
        NANO,
        image_height=4 * int(random.integers(1, 5)),
        image_width=4 * int(random.integers(1, 6)),
        patch_size=4,
        channels=int(random.integers(1, 4)),
        width=heads * int(random.integers(1, 14)),
        num_layers=layers,
        num_heads=heads,
        hidden=int(random.integers(1, 90)),
        expert_hidden=int(random.integers(1, 60)),
        num_experts=experts,
        experts_per_token=int(random.integers(1, min(experts, 4) + 1)),
        moe_layers=[index for index in range(layers) if random.integers(2)],
        norm_topk_prob=bool(random.integers(2)),
        gate_input_ahead=bool(random.integers(2)),
        head=("linear", "classification", "tokens")[random.integers(3)],
    )


@pytest.mark.parametrize("seed", range(4))
def test_random_shapes(design, seed):
    network = random_network(np.random.default_rng(seed))
    assert_equals_the_reference(random_model(network, seed=seed), design, random_image(network))


def test_tight_designs_refuse_a_network_or_hold_it():
    """Nothing that the dispatcher refuses is ever built."""
    random, refused = np.random.default_rng(0), 0
    for _ in range(100):
        model = random_model(random_network(random))
        limits = {
            "token_words": 1500,
            "residual_words": 800,
            "key_value_tiles": 120,
            "max_hidden": 64,
            "max_tokens": 24,
        }
        changes = {name: int(usual * random.uniform(0.5, 3)) for name, usual in limits.items()}
        rings = {
            "weight_tiles": int(random.choice([32, 64, 128, 256])),
            "parameter_words": int(random.choice([8, 16, 32])),
        }
        design = replace(DesignConfig.load("nano"), **changes, **rings)
        try:
            plan = build_plan(model, design)
        except UserError:
            refused += 1
            continue
        for program in (*plan.traced.values(), plan.prefix, *plan.suffixes.values()):
            for instruction in program.instructions:
                assert broken_rule(instruction, design) is None, instruction
    assert 20 < refused < 80


def test_tasks_with_a_range_of_the_experts(design):
    """The second has fewer experts than a token may choose."""
    tasks = (
        Task("semseg", 5, 0, [0, 2], scale=0.001),
        Task("depth", 1, 1, [5, 6], scale=0.001),
        Task("normals", 3, 1, [1, 6], scale=0.001),
    )
    assert_equals_the_reference(random_model(tasks=tasks), design, random_image())


@pytest.mark.parametrize("head", ["tokens", "linear"])
def test_a_final_norm(design, head):
    network = replace(NANO, head=head)
    model = random_model(network)
    gate = model.layers[1].norm.gate
    parameters = replace(model.parameters, final_norm=LayerNorm(1000, gate))
    assert_equals_the_reference(
        replace(model, parameters=parameters), design, random_image(network)
    )


def divided(network, design):
    """A taller image, and memories so small that tokens come in tiles and heads in groups."""
    # Strips of 240 bytes begin at a line of memory once in four, so tiles cannot be small.
    taller = 9 if network.image_width == 20 else 3
    network = replace(network, image_height=taller * network.image_height)
    whole = plan_buffers(network, design, UNDIVIDED)
    words = network.num_tokens * whole.residual_words - 1
    tiles = max(whole.keys.head, whole.values.head) * max(1, network.num_heads - 1)
    small = replace(design, residual_words=words, key_value_tiles=tiles)
    tiling = plan_buffers(network, small).tiling
    assert len(tiling.tiles) > 1
    assert len(tiling.head_groups) > 1
    return network, small


@pytest.mark.parametrize("variant", [name for name in VARIANTS if name != "one patch"])
def test_divided_networks(design, variant):
    network, small = divided(replace(NANO, **VARIANTS[variant]), design)
    assert_equals_the_reference(random_model(network), small, random_image(network))


@pytest.mark.parametrize("head", ["tokens", "linear"])
def test_a_final_norm_of_a_divided_network(design, head):
    network, small = divided(replace(NANO, head=head), design)
    model = random_model(network)
    norm = LayerNorm(1000, model.layers[1].norm.gate)
    model = replace(model, parameters=replace(model.parameters, final_norm=norm))
    assert_equals_the_reference(model, small, random_image(network))


def test_many_tiles():
    """As many as there can be: each has as few rows as begin at a line of memory."""
    design = DesignConfig.load("nano")
    network = replace(NANO, image_height=88)
    rows = 2 * (8 + 5)  # two banks of 8 tokens and most of a row of patches
    design = replace(design, residual_words=rows * network.width // design.lanes)
    model = random_model(network)
    assert len(build_plan(model, design).tiles) == 9
    assert_equals_the_reference(model, design, random_image(network))


def test_heads_in_groups_of_a_whole_network():
    """Keys and values do not fit, everything else does."""
    design = replace(DesignConfig.load("nano"), key_value_tiles=31)
    tiling = plan_buffers(NANO, design).tiling
    assert (len(tiling.tiles), len(tiling.head_groups)) == (1, 2)
    assert_equals_the_reference(random_model(), design, random_image())


def test_matmuls_in_chunks():
    """Rings so small that most matmuls take several."""
    design = replace(DesignConfig.load("nano"), weight_tiles=64, parameter_words=8)
    model = random_model()
    programs = build_plan(model, design).programs.values()
    chunks = {
        instruction["chunks"]
        for program in programs
        for instruction in program.instructions
        if instruction.name == "MATMUL"
    }
    assert {1, 2} < chunks
    assert_equals_the_reference(model, design, random_image())


def test_the_shipped_network(design):
    model = CompiledModel.load(find_model("m3vit-nano-int8"))
    photograph = load_image(default_photograph(), model.image_size).pixels
    assert_equals_the_reference(model, design, photograph)


@pytest.mark.slow
def test_the_tiny_network(design):
    assert_equals_the_reference(random_model(TINY), design, random_image(TINY))


def test_every_instruction_keeps_the_rules(design):
    for variant in VARIANTS.values():
        plan = build_plan(random_model(replace(NANO, **variant)), design)
        programs = [
            *plan.programs.values(),
            *plan.traced.values(),
            plan.prefix,
            *plan.suffixes.values(),
        ]
        for program in programs:
            for instruction in program.instructions:
                assert broken_rule(instruction, design) is None, instruction


def test_m3vit_small_runs_on_the_zcu104_in_tiles():
    """What a layer loads, one in front of it has stored."""
    plan = build_plan(random_model(SMALL), DesignConfig.load("zcu104"))
    assert [tile.rows for tile in plan.tiles] == [208, 208, 208, 208, 193]
    program = plan.programs["depth"]
    stored = {}  # line of a tile -> position of its last store
    for position, instruction in enumerate(program.instructions):
        assert broken_rule(instruction, plan.design) is None, instruction
        if instruction.name == "STORE":
            stored[instruction["address"]] = position
        if instruction.name == "LOAD" and program.parts[position] != "embedding":
            assert stored[instruction["address"]] < position
    experts = [item for item in program.instructions if item.name == "EXPERTS"]
    assert len(experts) == len(SMALL.moe_layers) * len(plan.tiles)
    assert {item["bank"] for item in experts} == {0, 1}


def test_programs_lie_where_they_say_and_tasks_share_weights():
    plan = build_plan(random_model(), DesignConfig.load("nano"))
    arena = plan.memory()
    for program in (*plan.programs.values(), plan.prefix):
        start = program.line * LINE_BYTES
        for index, instruction in enumerate(program.instructions):
            place = start + 32 * index
            assert Instruction.decode(arena[place : place + 32].tobytes()) == instruction
    semseg, depth = (
        [
            instruction["weights"]
            for instruction in program.instructions[:-2]
            if instruction.name == "MATMUL"
        ]
        for program in plan.programs.values()
    )
    assert semseg == depth
    assert sum(piece.size for _, piece in plan.content) == plan.content_bytes < plan.arena_bytes


def test_images_of_another_size():
    plan = build_plan(random_model(), DesignConfig.load("nano"))
    with pytest.raises(UserError, match="resize or convert it first"):
        plan.place_image(np.zeros((32, 32, 3), np.uint8))
    with pytest.raises(UserError, match="no task 'edges'"):
        plan.read_run(plan.memory(), "edges")


def test_networks_that_do_not_fit():
    nano = DesignConfig.load("nano")
    with pytest.raises(UserError, match=r"tokens 257 and the design 'nano' holds 136"):
        build_plan(random_model(replace(NANO, image_height=128, image_width=128)), nano)
    layers = {"num_layers": 65, "moe_layers": list(range(65)), "width": 4, "num_heads": 1}
    small = {"hidden": 4, "expert_hidden": 4, "num_experts": 2, "image_width": 8}
    deep = random_model(replace(NANO, **layers, **small))
    with pytest.raises(UserError, match=r"65 layers with experts, 1 more"):
        build_plan(deep, nano)


@pytest.mark.parametrize("what", ["zero points", "activation tables"])
def test_experts_that_differ_in_what_the_engine_has_once(what):
    model = random_model()
    layer = model.layers[1]
    odd = layer.experts[3]
    if what == "zero points":
        odd = replace(odd, up=replace(odd.up, zero_point=odd.up.zero_point + 1))
    else:
        odd = replace(odd, table=odd.table[::-1].copy())
    experts = (*layer.experts[:3], odd, *layer.experts[4:])
    layers = (model.layers[0], replace(layer, experts=experts), *model.layers[2:])
    model = replace(model, parameters=replace(model.parameters, layers=layers))
    with pytest.raises(UserError, match=f"experts 0 and 3 of layers.1 have different {what}"):
        build_plan(model, DesignConfig.load("nano"))
