from m3vit.hls.compiler.names import RESERVED, Names, legal


def test_every_name_from_cpp_becomes_an_identifier():
    assert legal("lane[3].sum") == "lane_3_sum"
    assert legal("m3vit::Row<4>") == "m3vit_Row_4"
    assert legal("4th") == "n4th"
    assert legal("reg") == "reg_"
    assert legal("clk") == "clk_"
    assert legal("__x") == "x"
    assert not {legal(word) for word in RESERVED} & RESERVED


def test_a_name_is_given_once():
    names = Names(frozenset({"sum"}))
    given = [
        names.unique(name) for name in ("sum", "sum", "lane", "lane", "lane_1", "wire", "wire")
    ]
    assert given == ["sum_1", "sum_2", "lane", "lane_1", "lane_1_1", "wire_", "wire__1"]
