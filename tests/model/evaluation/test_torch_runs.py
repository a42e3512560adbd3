import pytest
import torch

from m3vit.errors import UserError
from m3vit.host.benchmark.contenders import contenders, make_workload
from m3vit.model.evaluation import torch_runs
from m3vit.model.loading import load_dense_prediction
from m3vit.model.quantization.quantize import quantize


@pytest.fixture(scope="module")
def workload(float_directory):
    network = load_dense_prediction(float_directory)
    config = network.config
    shape = (config.image_height, config.image_width, 3)
    images = [torch.randint(256, shape, dtype=torch.uint8).numpy() for _ in range(3)]
    return make_workload("small", quantize(network, images), images, network=network)


def expected(workload, indices):
    config = workload.network.config
    outputs = []
    for index in indices:
        pixels = torch.from_numpy(workload.images[index]).movedim(-1, 0).float() / 255
        mean, deviation = (
            torch.tensor(each).view(3, 1, 1) for each in (config.image_mean, config.image_std)
        )
        with torch.inference_mode():
            scaled = ((pixels - mean) / deviation)[None]
            outputs.append(workload.network(scaled, tasks=[workload.task])[workload.task])
    return torch.cat(outputs)


def test_batches_take_the_images_in_turns(workload):
    run = torch_runs.float_run(workload, 2)
    for indices in ((0, 1), (2, 0), (1, 2), (0, 1)):
        torch.testing.assert_close(run(), expected(workload, indices), rtol=1e-4, atol=1e-4)


def test_int8_says_how_much_of_it_is_int8(workload):
    run = torch_runs.int8_run(workload, 1)
    share = float(run.notes[0].split("%")[0]) / 100
    assert 0.2 < share < 0.95
    exact = expected(workload, [0])
    error = (run() - exact).norm() / exact.norm()
    assert 0 < error < 0.2  # rounded, and still the same network


def test_torch_without_dynamic_quantisation_is_no_fault(workload, monkeypatch):
    monkeypatch.delattr(torch.ao.quantization, "quantize_dynamic")
    with pytest.raises(UserError, match="cannot quantise dynamically"):
        torch_runs.int8_run(workload, 1)


def test_the_gpu_s_run_leaves_its_outputs_in_the_host_s_memory(workload, monkeypatch):
    """On a stand-in: a processor that is called a GPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"GPU number {index}")
    asked = []

    def device(*arguments):
        asked.append(arguments)
        return original("cpu")

    original = torch.device
    monkeypatch.setattr(torch_runs.torch, "device", device)
    run = torch_runs.gpu_run(workload, 2)
    assert asked == [("cuda", 0)]
    assert run.notes == ("GPU number 0",)
    monkeypatch.setattr(torch_runs.torch, "device", original)
    torch.testing.assert_close(run(), expected(workload, (0, 1)), rtol=1e-4, atol=1e-4)


def test_without_a_gpu_the_row_says_so(workload, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    (gpu,) = (each for each in contenders(workload, [1]) if each.hardware == "GPU")
    with pytest.raises(UserError, match="no GPU"):
        gpu.prepare()
