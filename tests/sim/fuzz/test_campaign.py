import dataclasses

from m3vit.sim.fuzz import campaign, generate


def test_random_kernels_are_equal_and_a_fault_is_found(monkeypatch):
    kernels = [generate.kernel(seed) for seed in (8, 9)]
    compile_source = campaign.compile_source

    def faulty(path, top, **options):
        design = compile_source(path, top, **options)
        if top != kernels[1].top:
            return design
        text = design.modules[top]
        pushed = text.index("out_pushed = ") + len("out_pushed = ")
        changed = text[:pushed] + "1 ^ " + text[pushed:]
        return dataclasses.replace(design, modules={**design.modules, top: changed})

    monkeypatch.setattr(campaign, "compile_source", faulty)
    good, bad = campaign.run_batch(kernels)
    assert (good.status, good.message) == ("equal", "")
    assert bad.status == "differs"
    assert "beat 0 of stream 'out'" in bad.message


def test_what_the_compiler_refuses_is_told_with_its_rule():
    kernel = generate.kernel(8)
    text = kernel.text.replace(".read();", ".read(); in.read();", 1)
    (verdict,) = campaign.run_batch([dataclasses.replace(kernel, text=text)])
    assert verdict.status == "refused"
    assert "[one-access-per-stream]" in verdict.message
