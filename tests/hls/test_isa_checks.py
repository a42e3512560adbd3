"""Which fields the engine refuses: one sound instruction of each kind, and changes to it."""

import pytest

from m3vit.hls.design import DesignConfig
from m3vit.hls.isa import TO_KEYS, TO_MEMORY, TO_RESIDUAL, TO_VALUES, Instruction
from m3vit.hls.isa_checks import broken_rule

NANO = DesignConfig.load("nano")

SOUND = {
    "IMAGE": {
        "beats": 96,  # 16 x 32 pixels in patches of 8
        "strips": 2,
        "patches": 4,
        "channels": 3,
        "patch_size": 8,
        "columns": 4,
        "column_bytes": 12,
        "patch_bytes": 24,
        "row_bytes": 96,
        "strip_bytes": 768,
        "stride": 48,
        "rows": 8,
        "words": 48,
    },
    "LOAD": {"beats": 15, "first": 1, "rows": 10, "words": 3},
    "STORE": {"beats": 15, "first": 1, "rows": 10, "words": 3},
    "NORM": {
        "rows": 10,
        "words": 3,
        "width": 11,
        "epsilon": 1,
        "code_shift": 1,
        "wide_shift": 30,
        "codes": 1,
        "wide": 2,
        "parameter_beats": 12,
        "stride": 3,
        "store_beats": 15,
    },
    "TABLE": {},
    "MATMUL": {
        "stride": 3,
        "rows": 10,
        "words": 3,
        "beats": 2,
        "groups": 5,
        "chunks": 2,
        "bits": 8,
        "activate": 1,
        "to_domain": 1,
        "to_stride": 10,
    },
    "ATTENTION": {
        "stride": 3,
        "rows": 10,
        "words": 3,
        "beats": 2,
        "keys": 10,
        "key_groups": 3,
        "value_groups": 3,
        "value_beats": 2,
        "logit_shift": 11,
        "shift": 42,
        "to_domain": 1,
        "to_stride": 4,
        "to_offset": 1,
    },
    "GATE": {
        "rows": 10,
        "words": 3,
        "beats": 2,
        "groups": 4,
        "experts": 16,
        "first": 2,
        "last": 16,
        "kept": 4,
        "pick_count": 40,
    },
    "EXPERTS": {
        "stride": 3,
        "rows": 10,
        "up_words": 3,
        "up_beats": 2,
        "up_groups": 5,
        "hidden_domain": 1,
        "hidden_stride": 5,
        "down_words": 5,
        "down_beats": 3,
        "down_groups": 3,
        "first": 2,
        "experts": 14,
        "residual_words": 3,
    },
}
RESIDUAL = {"destination": TO_RESIDUAL, "activate": 0, "bits": 18}
MEMORY = {"destination": TO_MEMORY, "activate": 0, "store_beats": 50}
KEYS = {"activate": 0, "chunks": 1, "groups": 6, "head_words": 3, "to_stride": 100, "step": 9}
VALUES = KEYS | {"destination": TO_VALUES}
KEYS = KEYS | {"destination": TO_KEYS}


def broken(name, **changes):
    return broken_rule(Instruction(name, **(SOUND[name] | changes)), NANO)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        *((name, {}) for name in SOUND),
        ("BEGIN", {}),
        ("END", {}),
        ("IMAGE", {"row_bytes": 97, "strip_bytes": 776, "beats": 97}),
        ("NORM", {"raw": 1, "codes": 0, "wide": 1, "epsilon": 0, "width": 0}),
        ("NORM", {"wide": 0, "wide_shift": 0, "parameter_beats": 6}),
        ("MATMUL", RESIDUAL),
        ("MATMUL", MEMORY | {"bits": 16}),
        # Tile 1023 is the last one: 919 + 100 + (135 // 4 = 33) ... of keys, of values 16 and 2 x 9
        ("MATMUL", KEYS | {"step": 2, "first": 126, "to_base": 1023 - 100 - 33 * 2 - 1}),
        ("MATMUL", VALUES | {"first": 126, "to_base": 1023 - 100 - 16 - 2 * 9}),
        ("LOAD", {"first": (8192 - 30) // 3}),
        ("MATMUL", {"base": 65536 - 30, "stride": 3}),
    ],
)
def test_sound(name, changes):
    sound = SOUND.get(name, {})
    assert broken_rule(Instruction(name, **(sound | changes)), NANO) is None


@pytest.mark.parametrize(
    ("name", "changes", "rule"),
    [
        ("IMAGE", {"channels": 0}, "channels are 1"),
        ("IMAGE", {"channels": 4}, "channels are 1"),
        ("IMAGE", {"patch_size": 17}, "patch_size is 1"),
        ("IMAGE", {"strips": 0}, "an image has patches"),
        ("IMAGE", {"rows": 7}, "rows is 8"),
        ("IMAGE", {"columns": 3}, "columns is 4"),
        ("IMAGE", {"column_bytes": 11}, "column_bytes is 12"),
        ("IMAGE", {"patch_bytes": 23}, "patch_bytes is 24"),
        ("IMAGE", {"strip_bytes": 769}, "strip_bytes is 768"),
        ("IMAGE", {"words": 47}, "words is 48"),
        ("IMAGE", {"row_bytes": 95, "strip_bytes": 760}, "row_bytes is at least 96"),
        ("IMAGE", {"row_bytes": 2049, "strip_bytes": 16392}, "strip_bytes is at most"),
        ("IMAGE", {"beats": 95}, "beats is 96"),
        ("IMAGE", {"domain": 6}, "domain 6"),
        ("IMAGE", {"base": 65200}, "word 65584, behind token_words"),
        ("LOAD", {"rows": 0}, "rows are 1"),
        ("LOAD", {"rows": 137, "beats": 206}, "rows are 1"),
        ("LOAD", {"words": 0}, "a row has"),
        ("LOAD", {"beats": 14}, "beats is 15"),
        ("STORE", {"first": (8192 - 30) // 3 + 1}, "behind residual_words"),
        ("NORM", {"raw": 1}, "raw rows go to the gate only"),
        ("NORM", {"codes": 0, "wide": 0}, "there is an output"),
        ("NORM", {"wide": 3}, "wide is 0, 1 or 2"),
        ("NORM", {"code_shift": 0}, "code_shift is 1 to 30"),
        ("NORM", {"wide_shift": 31}, "wide_shift is 1 to 30"),
        ("NORM", {"epsilon": 0}, "epsilon"),
        ("NORM", {"width": 13}, "13 channels do not take 3 words"),
        ("NORM", {"width": 8}, "8 channels do not take 3 words"),
        ("NORM", {"words": 49, "width": 196}, "words hold max_width"),
        ("NORM", {"parameter_beats": 11}, "parameter_beats is 12"),
        ("NORM", {"store_beats": 16}, "store_beats is 15"),
        ("NORM", {"domain": 7}, "domain 7"),
        ("MATMUL", {"destination": 5}, "destination 5"),
        ("MATMUL", {"chunks": 0}, "there is a chunk"),
        ("MATMUL", {"groups": 0}, "a matrix has groups"),
        ("MATMUL", {"groups": 1023, "chunks": 5}, "4095 words at most"),
        ("MATMUL", {"words": 0, "beats": 0}, "a row has words"),
        ("MATMUL", {"beats": 1}, "12 inputs take 2 beats"),
        ("MATMUL", {"words": 194, "beats": 97}, "beats are 1 to 96"),
        ("MATMUL", {"words": 192, "beats": 96, "groups": 86}, "behind all 8192"),
        ("MATMUL", {"bits": 16}, "bits are one of"),
        ("MATMUL", RESIDUAL | {"activate": 1}, "only results for tokens"),
        ("MATMUL", MEMORY | {"bits": 18}, "bits are one of"),
        ("MATMUL", MEMORY | {"store_beats": 49}, "store_beats is 50"),
        ("MATMUL", RESIDUAL | {"to_stride": 9}, "a row has 1 to 9 words, not 10"),
        ("MATMUL", {"to_domain": 0}, "while it is read"),
        ("MATMUL", {"to_domain": 6}, "domain 6"),
        ("MATMUL", {"to_base": 65500}, "behind token_words"),
        ("MATMUL", {"base": 65536 - 29}, "word 65537, behind token_words"),
        ("MATMUL", KEYS | {"chunks": 2}, "one chunk"),
        ("MATMUL", KEYS | {"head_words": 0}, "a head has words"),
        ("MATMUL", VALUES | {"step": 256}, "step is at most 255"),
        ("MATMUL", KEYS | {"first": 127}, "token 136"),
        ("MATMUL", KEYS | {"bits": 16}, "bits are one of"),
        (
            "MATMUL",
            KEYS | {"step": 2, "first": 126, "to_base": 1024 - 100 - 33 * 2 - 1},
            "tile 1024",
        ),
        ("MATMUL", VALUES | {"first": 126, "to_base": 1024 - 100 - 16 - 2 * 9}, "tile 1024"),
        ("ATTENTION", {"keys": 0, "key_groups": 0, "value_beats": 0}, "keys are 1"),
        ("ATTENTION", {"key_groups": 2}, "10 keys take 3"),
        ("ATTENTION", {"value_beats": 3}, "10 inputs take 2"),
        ("ATTENTION", {"logit_shift": 10}, "logit_shift"),
        ("ATTENTION", {"shift": 43}, "shift"),
        ("ATTENTION", {"to_domain": 0}, "while it is read"),
        ("ATTENTION", {"key_base": 1019}, "behind all 1024"),
        ("ATTENTION", {"value_base": 1019}, "behind all 1024"),
        ("ATTENTION", {"value_groups": 0}, "a matrix has groups"),
        ("ATTENTION", {"to_base": 65500, "to_offset": 2}, "behind token_words"),
        ("GATE", {"experts": 17, "groups": 5}, "experts are at most"),
        ("GATE", {"groups": 3}, "16 experts take 4 groups"),
        ("GATE", {"first": 16}, "no range"),
        ("GATE", {"last": 17}, "no range"),
        ("GATE", {"kept": 5, "pick_count": 50}, "kept is 1 to 4"),
        ("GATE", {"first": 13, "kept": 4}, "kept is 1 to 3"),
        ("GATE", {"pick_count": 39}, "pick_count is 40"),
        ("GATE", {"rows": 137, "pick_count": 548}, "rows are 1"),
        ("GATE", {"beats": 3}, "12 inputs take 2"),
        ("EXPERTS", {"down_words": 4, "down_beats": 2}, "5 up_groups take 5"),
        ("EXPERTS", {"hidden_domain": 0}, "while it is read"),
        ("EXPERTS", {"residual_words": 2}, "a row has 1 to 2"),
        ("EXPERTS", {"to_first": (8192 - 30) // 3 + 1}, "behind residual_words"),
        ("EXPERTS", {"down_beats": 2}, "20 inputs take 3"),
        ("EXPERTS", {"up_beats": 1}, "12 inputs take 2"),
        ("EXPERTS", {"hidden_base": 65490}, "behind token_words"),
        ("EXPERTS", {"domain": 7}, "domain 7"),
    ],
)
def test_broken(name, changes, rule):
    found = broken(name, **changes)
    assert found is not None and rule in found


def test_large_designs_have_other_limits():
    zcu104 = DesignConfig.load("zcu104")
    gate = Instruction(
        "GATE", rows=300, words=6, beats=6, groups=4, experts=64, last=64, kept=8, pick_count=2400
    )
    assert broken_rule(gate, zcu104) is None
    assert broken_rule(gate, NANO) is not None
