"""Pictures of estimates are drawn."""

from pathlib import Path

from PIL import Image

from m3vit.hls.design import DesignConfig
from m3vit.host.program import build_plan
from m3vit.model import synthetic
from m3vit.sim.performance import Ddr, estimate
from m3vit.sim.performance.plots import COLOURS, Point, plot_parts, plot_roofline


def test_pictures(tmp_path: Path) -> None:
    plan = build_plan(synthetic.random_model(), DesignConfig.load("nano"))
    found = estimate(plan, "depth")
    assert set(found.usage.waits) <= set(COLOURS)
    parts, roof = tmp_path / "new" / "parts.png", tmp_path / "roof.png"
    plot_parts(found, parts, "a title")
    points = [
        Point("measured", found.macs, found.ddr_bytes, found.cycles, measured=True),
        Point("estimated", found.macs, 2 * found.ddr_bytes, found.cycles, measured=False),
    ]
    plot_roofline(points, found, Ddr(), roof)
    for path in (parts, roof):
        with Image.open(path) as picture:
            assert picture.format == "PNG"
            colours = picture.convert("RGB").getcolors(1 << 20)
            assert colours is not None
            assert len(colours) > 10
