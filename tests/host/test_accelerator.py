import hashlib
from dataclasses import replace

import numpy as np
import pytest

import m3vit
from m3vit.errors import UserError
from m3vit.host.accelerator import Accelerator, digest
from m3vit.host.stream import Throughput
from m3vit.model.reference import Reference
from m3vit.model.synthetic import NANO, random_image, random_model


@pytest.fixture(scope="module")
def model():
    return random_model()


def test_the_reference_backend_gives_the_reference_s_integers(model, tmp_path):
    model.save(tmp_path / "compiled")
    image = random_image()
    for accelerator in (Accelerator(model), m3vit.Accelerator(tmp_path / "compiled")):
        for task in accelerator.tasks:
            result = accelerator.run(image, task)
            expected = Reference(model).run(image, task)
            np.testing.assert_array_equal(result.output, expected.output)
            assert (
                result.digest == hashlib.sha256(expected.output.astype("<i2").tobytes()).hexdigest()
            )
            assert result.backend == "reference"
            assert result.seconds > 0


def test_tasks_and_images_differ_in_their_digest(model):
    accelerator = Accelerator(model)
    runs = [
        accelerator.run(random_image(seed=seed), task)
        for seed in (0, 1)
        for task in accelerator.tasks
    ]
    assert len({run.digest for run in runs}) == 4
    assert accelerator.run(random_image(), "semseg").digest == runs[0].digest


def test_queues_hold_every_assignment(model):
    result = Accelerator(model).run(random_image(), "depth")
    assert result.loads.shape == (2, NANO.num_experts)
    assert (result.loads.sum(axis=1) == NANO.num_tokens * NANO.experts_per_token).all()
    assert result.experts_used == tuple((result.loads > 0).sum(axis=1))


def test_the_prediction_has_the_image_s_size(model):
    result = Accelerator(model).run(random_image(), "semseg")
    prediction = result.prediction()
    assert prediction.shape == (5, 32, 48)
    assert prediction.dtype == np.float32
    assert prediction.min() >= result.output.min() * result.scale * 1.001


def test_a_network_without_a_map_says_so():
    model = random_model(replace(NANO, head="tokens"))
    result = Accelerator(model).run(random_image(), "semseg")
    with pytest.raises(UserError, match="ends with 'tokens'"):
        result.prediction()


def test_a_backend_can_be_a_function(model):
    class Tenfold:
        def __init__(self, compiled):
            self.reference = Reference(compiled)

        def run(self, pixels, task):
            run = self.reference.run(pixels, task)
            return replace(run, output=run.output * 0)

    result = Accelerator(model, backend=Tenfold).run(random_image(), "depth")
    assert result.backend == "Tenfold"
    assert not result.output.any()


def test_a_stream_of_frames_with_a_task_each(model):
    accelerator, throughput = Accelerator(model), Throughput()
    frames = [(random_image(seed=seed), task) for seed, task in enumerate(["depth", "semseg"])]
    results = list(accelerator.stream(iter(frames), throughput))
    for result, (pixels, task) in zip(results, frames, strict=True):
        assert result.task == task and result.seconds > 0
        assert result.digest == accelerator.run(pixels, task).digest
    assert throughput.frames == 2 and throughput.parts["run"] > 0 and throughput.cycles == 0


def test_wrong_backends_tasks_images_and_directories_are_refused(model, tmp_path):
    with pytest.raises(UserError, match="no backend 'fpga': this version has reference, csim"):
        Accelerator(model, backend="fpga")
    accelerator = Accelerator(model)
    with pytest.raises(UserError, match="no task 'flow'"):
        accelerator.run(random_image(), "flow")
    with pytest.raises(UserError, match="resize or convert"):
        accelerator.run(np.zeros((8, 8, 3), np.uint8), "depth")
    with pytest.raises(UserError):
        Accelerator(tmp_path)


def test_the_digest_does_not_depend_on_memory_layout():
    codes = np.arange(-6, 6, dtype=np.int16).reshape(3, 4)
    assert digest(np.asfortranarray(codes)) == digest(codes) == digest(codes.astype(">i2"))
    assert digest(codes) != digest(codes.astype(np.int32))
