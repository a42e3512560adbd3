from m3vit.hls.registers import ADDRESS_BITS, COUNTERS, REGISTERS


def test_every_word_belongs_to_one_register():
    words = [address for register in REGISTERS.values() for address, _, _ in register.words()]
    assert words == sorted(set(words))
    assert all(address % 4 == 0 and address < 1 << ADDRESS_BITS for address in words)
    assert set(COUNTERS) < set(REGISTERS.values())


def test_words_cover_a_register():
    for register in REGISTERS.values():
        bits = [bit for _, low, high in register.words() for bit in range(low, high + 1)]
        assert bits == list(range(register.bits))
