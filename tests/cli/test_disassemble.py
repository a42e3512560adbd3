def test_the_program_of_a_task(m3vit):
    head, *lines = m3vit("disassemble", "--task", "depth", "--design", "nano").stdout.splitlines()
    assert head.startswith(f"# task depth: {len(lines)} instructions at line 0x")
    assert lines[0].split()[:2] == ["0", "BEGIN"]
    assert lines[-1].split() == [str(len(lines) - 1), "END"]
    names = [line.split()[1] for line in lines]
    assert names.count("GATE") == names.count("EXPERTS") == 3
    assert names.count("TABLE") == 6


def test_the_first_task_is_the_default(m3vit):
    assert m3vit("disassemble", "--design", "nano").stdout.startswith("# task semseg: ")


def test_an_unknown_task_is_named(refused):
    assert "no task 'flow'" in refused("disassemble", "--task", "flow")
