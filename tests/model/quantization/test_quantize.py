"""Float networks and what becomes of them in integers.

The bounds on SQNR: an activation rounded to int8 over a range of six standard deviations has
about 40 dB, a weight per channel about 45 dB. Every block adds two matmul chains of that kind
to the residual stream, so 25 dB at the end of four random blocks leaves a margin of 5 dB under
what is measured (30 to 35 dB); a wrong zero point, scale or order costs 10 dB and more.
"""

import json

import numpy as np
import pytest
import torch

from m3vit.errors import UserError
from m3vit.model.compiled import CompiledModel
from m3vit.model.dense_prediction import ViTMoEForDensePrediction
from m3vit.model.evaluation.compare import compare
from m3vit.model.quantization.quantize import quantize
from m3vit.model.reference import Reference
from m3vit.model.vit import ViTMoEForImageClassification, ViTMoEModel

OUTPUT_DB, KEPT = 25.0, 0.9


def assert_close(model, compiled, images, output_db=OUTPUT_DB):
    report = compare(model, compiled, images)
    for task in report.tasks:
        last = task.differences[-1]
        assert last.sqnr_db > output_db, (task.task, last)
    if compiled.network.moe_layers:
        assert report.assignments_kept > KEPT
    return report


def test_dense_prediction(small_model, smooth_images, tmp_path):
    compiled = quantize(small_model, smooth_images[:8], tmp_path / "int8")
    report = assert_close(small_model, compiled, smooth_images[8:])
    assert [task.task for task in report.tasks] == ["semseg", "depth"]
    assert all(difference.sqnr_db > 15 for difference in report.tasks[0].differences)
    assert compiled.network.head == "linear"
    assert [task.channels for task in compiled.tasks] == [5, 1]

    loaded = CompiledModel.load(tmp_path / "int8")
    first, second = (Reference(m).run(smooth_images[8], "depth") for m in (compiled, loaded))
    np.testing.assert_array_equal(first.output, second.output)
    assert loaded.description.settings["calibration_images"] == 8
    assert loaded.description.source == "a model in memory"


@pytest.mark.parametrize(
    "changes",
    [
        {"moe_layers": []},
        {"moe_layers": [0, 1, 2, 3]},
        {"norm_topk_prob": True},
        {"gate_input_ahead": True},
        {"router_type": "task_embedding", "task_embedding_size": 8},
        {"router_type": "shared"},
        {"expert_prune_threshold": 0.1},
        {"task_expert_ranges": [[0, 4], [2, 6]]},
        {"hidden_act": "relu"},
        {"hidden_act": "silu"},
        {"qkv_bias": False, "attention_scale": 0.2},
        {"image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.3, 0.25]},
        {"head_patch_grid": 1, "num_attention_heads": 1},
    ],
    ids=str,
)
def test_variants(small_config, randomised, smooth_images, changes):
    model = randomised(ViTMoEForDensePrediction(small_config(**changes)))
    compiled = quantize(model, smooth_images[:8])
    # One head of width 48 has sharper attention, which doubles the noise of its logits.
    assert_close(model, compiled, smooth_images[8:10], 22.0)


def test_hard_routing(small_config, randomised, smooth_images):
    """With one expert of weight one, a token near the border between two experts flips whole."""
    changes = {"num_experts_per_tok": 1, "norm_topk_prob": True}
    model = randomised(ViTMoEForDensePrediction(small_config(**changes)))
    compiled = quantize(model, smooth_images[:8])
    assert_close(model, compiled, smooth_images[8:10], 12.0)
    for routing in Reference(compiled).run(smooth_images[9], "depth").routing:
        np.testing.assert_array_equal(routing.scores, 32768)


def test_pruned_scores_are_pruned_in_both(small_config, randomised, smooth_images):
    model = randomised(ViTMoEForDensePrediction(small_config(expert_prune_threshold=0.3)))
    compiled = quantize(model, smooth_images[:4])
    assert compiled.network.prune_threshold == int(0.3 * 32768)
    scores = Reference(compiled).run(smooth_images[5], "semseg").routing[0].scores
    assert 0 < (scores == 0).mean() < 1


@pytest.mark.parametrize("final_layernorm", [True, False])
def test_a_bare_backbone_ends_with_its_tokens(
    small_config, randomised, smooth_images, final_layernorm
):
    config = small_config(tasks=[], task_channels={}, num_tasks=2, router_type="multi_gate")
    config.final_layernorm = final_layernorm
    model = randomised(ViTMoEModel(config))
    compiled = quantize(model, smooth_images[:8])
    assert [task.name for task in compiled.tasks] == ["task0", "task1"]
    assert compiled.network.head == "tokens"
    run = Reference(compiled).run(smooth_images[9], "task1")
    real = model(torch_image(smooth_images[9], config), task_id=1).last_hidden_state[0]
    difference = run.output * run.scale - real.detach().numpy()
    assert 10 * np.log10(real.var().item() / difference.var()) > OUTPUT_DB


def torch_image(image, config):
    pixels = torch.from_numpy(image).movedim(-1, 0)[None].float() / 255
    return (pixels - torch.tensor(config.image_mean).view(3, 1, 1)) / torch.tensor(
        config.image_std
    ).view(3, 1, 1)


def test_the_up_sampling_head_stays_outside(small_config, randomised, smooth_images):
    model = randomised(
        ViTMoEForDensePrediction(small_config(head_type="upsampling", head_patch_grid=1))
    )
    compiled = quantize(model, smooth_images[:4])
    assert compiled.network.head == "tokens"
    assert Reference(compiled).run(smooth_images[5], "depth").output.shape == (49, 48)
    assert set(compiled.parameters.decoders) == set(model.config.tasks)


def test_a_classifier(small_config, randomised, smooth_images):
    config = small_config(tasks=[], task_channels={}, router_type="shared", num_labels=7)
    model = randomised(ViTMoEForImageClassification(config))
    compiled = quantize(model, smooth_images[:8])
    assert (compiled.network.head, compiled.tasks[0].name) == ("classification", "features")
    assert compiled.tasks[0].channels == 7
    assert_close(model, compiled, smooth_images[8:])


def test_a_classifier_without_final_layernorm_is_refused(small_config, smooth_images):
    config = small_config(tasks=[], task_channels={}, final_layernorm=False)
    with pytest.raises(UserError, match="final_layernorm"):
        quantize(ViTMoEForImageClassification(config).eval(), smooth_images[:1])


def test_capacity_limits_are_refused(small_config, smooth_images):
    model = ViTMoEForDensePrediction(small_config(expert_capacity_factor=1.0)).eval()
    with pytest.raises(UserError, match="expert_capacity_factor"):
        quantize(model, smooth_images[:1])


def test_gate_logits_beyond_the_integers_are_refused(small_config, randomised, smooth_images):
    model = randomised(ViTMoEForDensePrediction(small_config()))
    with torch.no_grad():
        model.vit.layers[1].mlp.gate.weight *= 30
    with pytest.raises(UserError, match=r"gate logits of layers\.1 reach"):
        quantize(model, smooth_images[:1])


def test_untrained_models_compile(small_config, smooth_images):
    """As initialised: zero biases, nearly silent experts, equal logits almost everywhere."""
    model = ViTMoEForDensePrediction(small_config()).eval()
    compiled = quantize(model, smooth_images[:2])
    output = Reference(compiled).run(smooth_images[3], "semseg").output
    assert output.any()


def test_black_calibration_images_compile(small_model, smooth_images):
    compiled = quantize(small_model, [np.zeros_like(smooth_images[0])])
    output = Reference(compiled).run(smooth_images[3], "semseg").output
    assert output.any()


def test_dead_channels_and_heads_compile(small_config, randomised, smooth_images):
    model = randomised(ViTMoEForDensePrediction(small_config()))
    with torch.no_grad():
        attention = model.vit.layers[0].attention
        for projection in (attention.q_proj, attention.k_proj, attention.v_proj):
            projection.weight[:16] = 0
            projection.bias[:16] = 0
        model.vit.layers[1].mlp.gate.weight.zero_()
        model.vit.layers[2].layernorm_after.weight.zero_()
    compiled = quantize(model, smooth_images[:4])
    assert_close(model, compiled, smooth_images[8:10])


def test_experts_that_saw_no_token_compile(small_config, randomised, smooth_images):
    config = small_config(task_expert_ranges=[[0, 3], [0, 3]])
    model = randomised(ViTMoEForDensePrediction(config))
    assert_close(model, quantize(model, smooth_images[:4]), smooth_images[8:9])


@pytest.fixture
def saved(small_model, tmp_path):
    small_model.save_pretrained(tmp_path / "float")
    return tmp_path / "float"


def test_from_a_directory(saved, small_model, smooth_images, tmp_path):
    compiled = quantize(saved, smooth_images[:4], tmp_path / "int8")
    assert compiled.description.source == saved.name
    same = quantize(small_model, smooth_images[:4])
    runs = [Reference(model).run(smooth_images[5], "depth") for model in (compiled, same)]
    np.testing.assert_array_equal(runs[0].output, runs[1].output)


def test_nothing_is_written_when_it_fails(saved, smooth_images, tmp_path):
    config = json.loads((saved / "config.json").read_text())
    config["expert_capacity_factor"] = 2.0
    (saved / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError):
        quantize(saved, smooth_images[:1], tmp_path / "int8")
    assert not (tmp_path / "int8").exists()
