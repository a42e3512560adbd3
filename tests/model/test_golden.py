"""Golden vectors are the same every time, replay, and notice a wrong rule."""

from dataclasses import replace

import numpy as np
import pytest

from m3vit.errors import UserError
from m3vit.model import fixed, golden, integer_ops
from m3vit.model.golden import BUNDLES, read_golden, write_golden
from m3vit.model.reference import Reference
from m3vit.model.synthetic import NANO, random_image, random_model
from m3vit.model.tensor_file import read_tensors

MODEL, IMAGE = random_model(), random_image()


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    path = tmp_path_factory.mktemp("golden") / "vectors"
    write_golden(MODEL, IMAGE, path)
    return path


def test_every_operation_has_vectors_and_replays(directory):
    seen = set()
    for vector, expected in read_golden(directory):
        found = vector.run()
        assert found.keys() == expected.keys()
        for name, array in expected.items():
            assert found[name].dtype == array.dtype, vector.name
            np.testing.assert_array_equal(found[name], array, err_msg=vector.name)
        seen.add(vector.operation)
    assert seen == set(BUNDLES)


def test_every_call_of_the_image_also_comes_with_stress_codes(directory):
    names = {vector.name for vector, _ in read_golden(directory)}
    for name in names - {"embeddings.patches.image"}:
        assert name.removesuffix("image").removesuffix("stress") + "stress" in names


def test_images_hold_what_the_reference_gives(directory):
    for task in ("semseg", "depth"):
        tensors = read_tensors(directory / "images" / f"{task}.safetensors")
        run = Reference(MODEL).run(tensors["pixels"], task)
        np.testing.assert_array_equal(tensors["output"], run.output)
        np.testing.assert_array_equal(tensors["layers.3.mlp.experts"], run.routing[1].experts)
        assert "layers.2.output" in tensors


def test_writing_again_gives_equal_files(directory, tmp_path):
    write_golden(MODEL, IMAGE, tmp_path / "again")
    for path in sorted(directory.rglob("*.*")):
        again = tmp_path / "again" / path.relative_to(directory)
        assert again.read_bytes() == path.read_bytes()


def test_networks_without_moe_layers_or_heads(tmp_path):
    network = replace(NANO, moe_layers=[], head="tokens")
    write_golden(random_model(network), IMAGE, tmp_path / "vectors")
    assert "route" not in {vector.operation for vector, _ in read_golden(tmp_path / "vectors")}


def test_a_wrong_rounding_is_noticed_by_every_operation_that_requantises(directory, monkeypatch):
    def truncating(accumulators, rule):
        values = np.floor(accumulators * rule.factor + (rule.offset - 0.5)).astype(np.int32)
        return values if rule.bits == 32 else fixed.saturate(values, rule.bits)

    monkeypatch.setattr(integer_ops, "requantise", truncating)
    noticed = {
        vector.operation
        for vector, expected in read_golden(directory)
        if any(not np.array_equal(vector.run()[name], expected[name]) for name in expected)
    }
    assert noticed == {"linear", "attention_logits", "attention_context", "route", "run_experts"}


def test_damage_is_named(directory, tmp_path):
    write_golden(MODEL, IMAGE, tmp_path / "broken")
    path = tmp_path / "broken" / "images" / "depth.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"depth\.safetensors"):
        next(read_golden(tmp_path / "broken"))


def test_unknown_operations_are_an_internal_fault():
    with pytest.raises(ValueError, match="no operation"):
        golden.Vector("a", "convolution", {}, None).run()
