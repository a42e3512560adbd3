"""Layers of m3vit in a model of hls4ml, compiled and run by hls4ml's own g++ route."""

import math
import subprocess

import hls4ml  # loads the plugin, through its entry point
import numpy as np
import pytest
from hls4ml.model.graph import ModelGraph

from m3vit.errors import UserError
from m3vit.hls.hls4ml_plugin.headers import header_texts
from m3vit.model import integer_ops
from m3vit.model.fixed import Requantisation, reciprocal, requantise, split_ratio
from m3vit.model.parameters import Gate
from m3vit.model.quantization.scales import Scale, layer_norm

TOKENS, WIDTH, EXPERTS, KEPT, THRESHOLD = 4, 32, 16, 3, 3000
EPSILON = 1e-3
FRACTION = 10  # of both inputs, ap_fixed<16, 6>
NARROW, SPREAD = slice(0, 32), slice(32, 64)  # samples of plain random numbers
RNG = np.random.default_rng(20)
GAMMA, BETA = RNG.uniform(0.2, 1.0, WIDTH), RNG.normal(0, 0.2, WIDTH)

PRECISIONS = {
    "norm": "fixed<8,3>",
    "gelu": "fixed<8,2>",
    "wide_norm": "fixed<16,4>",
    # hls4ml's own layers with the types that it documents as their defaults ...
    "own_norm": {"Precision": {"result": "fixed<16,4>", "accum": "fixed<14,4,RND_CONV,SAT>"}},
    "own_softmax": {"Precision": {"result": "ufixed<16,1>", "accum": "fixed<18,8,RND,SAT>"}},
    # ... and with finer ones, which cost it larger tables and wider products.
    "finer_norm": {
        "Precision": {"result": "fixed<16,4>", "accum": "fixed<28,8,RND_CONV,SAT>"},
        "table_t": "ufixed<18,6,RND_CONV,SAT>",
        "table_size": 4096,
    },
    "finer_softmax": {
        "Precision": {"result": "ufixed<16,1>", "accum": "ufixed<22,5,RND,SAT>"},
        "exp_table_t": "ufixed<18,1,RND,SAT>",
        "inv_table_t": "ufixed<18,1,RND,SAT>",
        "inv_inp_t": "ufixed<17,5,RND,SAT>",
        "table_size": 4096,
        "exp_table_size": 4096,
        "inv_table_size": 4096,
    },
}


def layer(kind, name, *inputs, **attributes):
    """One entry of hls4ml's list of layers."""
    return {"class_name": kind, "name": name, "inputs": list(inputs), **attributes}


def build(directory, layers, settings, outputs, io_type="io_parallel"):
    """A graph for Vitis; `settings`: layer -> precision of its result, or all its settings."""
    settings = {
        name: {"Precision": {"result": value}} if isinstance(value, str) else value
        for name, value in settings.items()
    }
    model = {"Precision": {"default": "fixed<16,6>"}, "ReuseFactor": 1, "Strategy": "Latency"}
    config = {
        "Backend": "Vitis",
        "OutputDir": str(directory),
        "ProjectName": "layers",
        "IOType": io_type,
        "Part": "xczu7ev-ffvc1156-2-e",
        "ClockPeriod": 3.333,
        "ClockUncertainty": "27%",
        "HLSConfig": {"Model": model, "LayerName": settings},
    }
    inputs = [entry["name"] for entry in layers if entry["class_name"] == "Input"]
    return ModelGraph.from_layer_list(config, layers, inputs=inputs, outputs=outputs)


def codes(values, fraction):
    """Integer codes of numbers with so many bits behind the point."""
    scaled = np.ldexp(np.asarray(values, np.float64), fraction)
    np.testing.assert_array_equal(scaled, np.rint(scaled))
    return scaled.astype(np.int64)


def token_codes():
    """(samples, TOKENS, WIDTH): ordinary rows of two spreads, then extremes and flat rows."""
    shape = (32, TOKENS, WIDTH)
    extremes = np.where(RNG.integers(0, 2, shape) == 1, 32767, -32768)
    flat = np.broadcast_to(RNG.integers(-32768, 32768, (32, TOKENS, 1)), shape).copy()
    flat[16:, :, 0] += np.where(flat[16:, :, 0] > 0, -1, 1)
    plain = [np.rint(RNG.normal(0.2, spread, shape) * 1024) for spread in (0.5, 2.0)]
    return np.concatenate([*plain, extremes, flat]).clip(-32768, 32767).astype(np.int16)


def logit_codes():
    """(samples, TOKENS, EXPERTS): ordinary rows of two spreads, then ties and extremes."""
    shape = (32, TOKENS, EXPERTS)
    plain = [np.rint(RNG.normal(0, spread, shape) * 1024) for spread in (1.0, 3.0)]
    ties, equal = RNG.integers(-2, 3, shape) * 1024, np.full(shape, 77)
    extremes = RNG.choice([-32768, -32767, -1, 0, 32767], shape)
    stacked = np.concatenate([*plain, ties, equal, extremes, RNG.integers(-32768, 32768, shape)])
    return stacked.clip(-32768, 32767).astype(np.int16)


@pytest.fixture(scope="module")
def inputs():
    tokens, logits = token_codes(), logit_codes()
    samples = max(len(tokens), len(logits))
    return np.resize(tokens, (samples, *tokens.shape[1:])), logits


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Where hls4ml writes the model."""
    return tmp_path_factory.mktemp("project")


@pytest.fixture(scope="module")
def results(project, inputs):
    """Output -> what the compiled model predicts; hls4ml's own layers beside ours."""
    norm = {"gamma_data": GAMMA, "beta_data": BETA}
    theirs = {**norm, "n_in": TOKENS * WIDTH, "seq_len": TOKENS, "epsilon_power_of_10": 3}
    softmax = {"n_in": TOKENS * EXPERTS, "n_outer": TOKENS, "axis": -1, "activation": "softmax"}
    layers = [
        layer("Input", "tokens", input_shape=[TOKENS, WIDTH]),
        layer("Input", "logits", input_shape=[TOKENS, EXPERTS]),
        layer("M3vitLayerNorm", "norm", "tokens", epsilon=EPSILON, **norm),
        layer("M3vitGelu", "gelu", "norm"),
        layer("M3vitLayerNorm", "wide_norm", "tokens", epsilon=EPSILON, **norm),
        layer("M3vitSoftmax", "softmax", "logits"),
        layer("M3vitTopKGate", "gate", "logits", outputs=["chosen", "scores"], top_k=KEPT),
        layer(
            "M3vitTopKGate",
            "binary_gate",
            "logits",
            outputs=["binary_chosen", "binary_scores"],
            top_k=KEPT,
            normalise_kept=True,
            prune_threshold=THRESHOLD,
            logit_scale=1.0,
        ),
        layer("LayerNormalization", "own_norm", "tokens", **theirs),
        layer("LayerNormalization", "finer_norm", "tokens", **theirs),
        layer("Softmax", "own_softmax", "logits", **softmax),
        layer("Softmax", "finer_softmax", "logits", **softmax),
    ]
    names = ["norm", "gelu", "wide_norm", "softmax", "gate", "binary_gate"]
    names += ["own_norm", "finer_norm", "own_softmax", "finer_softmax"]
    model = build(project, layers, PRECISIONS, names)
    model.compile()
    outputs = model.predict([np.ldexp(codes, -FRACTION).astype(np.float32) for codes in inputs])
    flat = [name for entry in layers for name in entry.get("outputs", [entry["name"]])]
    named = dict(zip([n for n in flat if n not in ("tokens", "logits")], outputs, strict=True))
    return {n: values.reshape(len(values), TOKENS, -1) for n, values in named.items()}


def logits_of(inputs, fraction, scale):
    """int16 logits in log2 units, as a layer makes them of its input's codes."""
    multiplier, shift = split_ratio(np.array([scale * 2.0 ** (fraction - FRACTION)]), 16)
    return requantise(inputs, Requantisation(np.zeros(1), multiplier, shift, 0, 16))


def routing(inputs, scale, **options):
    """What `route` makes of logits that come from a unit matrix."""
    multiplier, shift = split_ratio(np.array([scale]), 16)
    gate = Gate(
        64 * np.eye(EXPERTS, dtype=np.int8)[None],
        np.zeros((1, EXPERTS), np.int64),
        np.full((1, EXPERTS), multiplier[0]),
        np.full((1, EXPERTS), shift[0] + 6, np.uint8),
    )
    rows = inputs.reshape(-1, EXPERTS)
    return integer_ops.route(rows, gate, 0, 0, (0, EXPERTS), KEPT, **options)


def test_layer_norm_equals_the_reference(inputs, results):
    rows = inputs[0].reshape(-1, WIDTH)
    for name, bits, fraction in (("norm", 8, 5), ("wide_norm", 16, 12)):
        source, target = (Scale(np.array(2.0**-f)) for f in (FRACTION, fraction))
        rule = layer_norm(GAMMA, BETA, EPSILON, source, target, bits)
        expected, _ = integer_ops.layer_norm(rows, rule)
        np.testing.assert_array_equal(codes(results[name], fraction).reshape(-1, WIDTH), expected)


def test_gelu_equals_its_table(results):
    given = results["norm"].astype(np.float64)
    exact = [0.5 * x * (1 + math.erf(x / math.sqrt(2))) for x in given.ravel()]
    expected = np.clip(np.rint(np.array(exact) * 64), -128, 127)
    np.testing.assert_array_equal(codes(results["gelu"], 6).ravel(), expected)
    assert len(np.unique(given)) > 100


def test_softmax_equals_the_reference(inputs, results):
    weights = integer_ops.attention_weights(logits_of(inputs[1], 7, math.log2(math.e)))
    mantissa, length = reciprocal(weights.sum(axis=2, dtype=np.int64))
    shift = length[:, :, None]
    half = np.int64(1) << (shift - 1)
    expected = (weights * mantissa[:, :, None] + half) >> shift
    np.testing.assert_array_equal(codes(results["softmax"], 15), expected)


@pytest.mark.parametrize(
    ("name", "scale", "normalise_kept", "threshold"),
    [("", math.log2(math.e), False, -1), ("binary_", 1.0, True, THRESHOLD)],
)
def test_top_k_gate_equals_the_reference(inputs, results, name, scale, normalise_kept, threshold):
    expected = routing(inputs[1], scale, normalise_kept=normalise_kept, prune_threshold=threshold)
    chosen, scores = (results[name + what].reshape(-1, KEPT) for what in ("chosen", "scores"))
    np.testing.assert_array_equal(chosen, expected.experts)
    np.testing.assert_array_equal(codes(scores, 15), expected.scores)


def test_ties_go_to_the_lower_expert(results):
    equal = results["chosen"][96:128]
    np.testing.assert_array_equal(equal, np.broadcast_to([0, 1, 2], equal.shape))


def errors(results, name, expected, samples):
    """Largest and root-mean-square deviation."""
    difference = results[name][samples] - expected[samples]
    return np.abs(difference).max(), np.sqrt(np.mean(difference**2))


def exact_results(inputs):
    """LayerNorm and softmax in float64."""
    tokens, logits = (np.ldexp(values.astype(np.float64), -FRACTION) for values in inputs)
    deviation = tokens - tokens.mean(axis=2, keepdims=True)
    variance = np.mean(deviation**2, axis=2, keepdims=True)
    softmax = np.exp(logits - logits.max(axis=2, keepdims=True))
    return {
        "norm": deviation / np.sqrt(variance + EPSILON) * GAMMA + BETA,
        "softmax": softmax / softmax.sum(axis=2, keepdims=True),
    }


@pytest.mark.parametrize(
    ("kind", "ours", "samples", "bound"),
    [
        ("norm", "wide_norm", NARROW, 2.0**-12),
        ("norm", "wide_norm", SPREAD, 2.0**-12),
        ("softmax", "softmax", NARROW, 0.008),
        ("softmax", "softmax", SPREAD, 0.008),
    ],
)
def test_error_against_float64(inputs, results, record_property, kind, ours, samples, bound):
    """docs/hls4ml.md has these numbers; `pytest --junit-xml=FILE` writes them to a file."""
    exact = exact_results(inputs)[kind]
    found = {n: errors(results, n, exact, samples) for n in (ours, f"own_{kind}", f"finer_{kind}")}
    for name, (largest, rms) in found.items():
        record_property(name, f"largest {largest:.2g}, rms {rms:.2g}")
    assert found[ours][0] <= bound
    assert found[ours][1] < found[f"own_{kind}"][1]


@pytest.mark.parametrize(
    ("entry", "settings", "message"),
    [
        (layer("M3vitGelu", "gelu", "x"), {"gelu": "fixed<8,2>"}, "input of layer 'gelu'"),
        (
            layer("M3vitLayerNorm", "norm", "x", gamma_data=GAMMA, beta_data=BETA),
            {"norm": "fixed<12,2>"},
            "8 or 16 bits",
        ),
        (layer("M3vitSoftmax", "softmax", "x"), {"x": "ufixed<16,6>"}, "signed"),
        (
            layer("M3vitTopKGate", "gate", "x", outputs=["e", "s"], top_k=40),
            {},
            "40 experts to keep",
        ),
        (layer("M3vitTopKGate", "gate", "x", top_k=2), {}, "two outputs"),
    ],
)
def test_what_a_layer_cannot_do_is_refused(tmp_path, entry, settings, message):
    layers = [layer("Input", "x", input_shape=[TOKENS, WIDTH]), entry]
    with pytest.raises(UserError, match=message):
        build(tmp_path, layers, settings, [entry["name"]])


def test_streams_are_refused(tmp_path):
    layers = [layer("Input", "x", input_shape=[WIDTH]), layer("M3vitSoftmax", "s", "x")]
    with pytest.raises(UserError, match="io_parallel"):
        build(tmp_path, layers, {}, ["s"], io_type="io_stream")


@pytest.mark.usefixtures("results")
def test_headers_are_of_the_language_that_the_project_asks_of_vitis(project):
    assert '-cflags "-std=c++0x"' in (project / "build_prj.tcl").read_text()
    call = "#include <ap_fixed.h>\n" + "".join(
        f'#include "firmware/nnet_utils/{path.name}"\n'
        for path in sorted(project.glob("firmware/nnet_utils/nnet_m3vit_*.h"))
    )
    assert call.count("nnet_m3vit_") == 5
    command = ["g++", "-std=c++0x", "-fsyntax-only", "-I.", "-Ifirmware/ap_types", "-xc++", "-"]
    done = subprocess.run(command, cwd=project, input=call, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr


def test_copied_headers_find_each_other():
    texts = header_texts(["nnet_m3vit_top_k_gate.h"])
    assert "m3vit/ranked_list.hpp" in texts and "m3vit/tables.hpp" in texts
    assert "nnet_m3vit_gelu.h" not in texts
    for path, text in texts.items():
        if path.startswith("m3vit/"):
            assert '#include "m3vit/' not in text


def test_layers_are_offered_to_both_backends():
    for backend in ("Vivado", "Vitis"):
        passes = hls4ml.model.optimizer.get_backend_passes(backend.lower())
        assert f"{backend.lower()}:m3vit_headers" in passes
