"""Walking and standing people, facing +y, feet at the origin."""

import numpy as np

from m3vit.model.scenes.geometry import Mesh, blob, box, lathe, limb
from m3vit.model.scenes.parts import MATTE, PERSON, Thing

SKINS = ((0.55, 0.36, 0.26), (0.42, 0.25, 0.16), (0.25, 0.14, 0.08), (0.12, 0.07, 0.04))
HAIRS = ((0.02, 0.015, 0.01), (0.08, 0.04, 0.02), (0.3, 0.2, 0.08), (0.4, 0.4, 0.4))


def person(rng: np.random.Generator) -> Thing:
    """An adult or child with varied clothes, stride, and sometimes a hat, bag or skirt."""
    height = rng.uniform(1.55, 1.9) if rng.random() < 0.85 else rng.uniform(1.0, 1.4)
    unit = height / 1.75
    girth = unit * rng.uniform(0.85, 1.25)
    skin = np.array(SKINS[rng.integers(len(SKINS))])
    hair = np.array(HAIRS[rng.integers(len(HAIRS))])
    top, bottom = rng.uniform(0.02, 0.7, 3), rng.uniform(0.02, 0.35, 3)
    if rng.random() < 0.5:
        top, bottom = np.full(3, rng.uniform(0.02, 0.7)), np.full(3, rng.uniform(0.02, 0.2))
    bare_arms = rng.random() < 0.3
    stride = rng.uniform(0.0, 0.35) * unit
    hip, shoulder = 0.88 * unit, 1.42 * unit
    meshes: list[Mesh] = []
    for side in (-1, 1):
        foot = np.array([side * 0.1 * girth, side * stride, 0.06])
        knee = np.array([side * 0.1 * girth, side * stride * 0.6 + 0.05, 0.47 * unit])
        pelvis = np.array([side * 0.09 * girth, 0, hip])
        meshes.append(limb(pelvis, knee, 0.09 * girth, 0.07 * girth, bottom))
        meshes.append(limb(knee, foot, 0.07 * girth, 0.05 * girth, bottom))
        meshes.append(box([0.1, 0.26, 0.08], (foot[0], foot[1] + 0.06, 0), [0.05, 0.04, 0.04]))
        joint = np.array([side * 0.21 * girth, 0, shoulder - 0.03])
        elbow = joint + np.array([side * 0.06, -side * stride * 0.4, -0.28 * unit])
        hand = elbow + np.array([0, -side * stride * 0.4 + 0.08, -0.24 * unit])
        meshes.append(limb(joint, elbow, 0.06 * girth, 0.05 * girth, top))
        meshes.append(limb(elbow, hand, 0.045 * girth, 0.04, skin if bare_arms else top))
        meshes.append(blob([0.05, 0.05, 0.07], hand, skin, segments=6))
    torso = (0.20 * girth, 0.13 * girth, 0.36 * unit)
    meshes.append(blob(torso, (0, 0, (hip + shoulder) / 2), top, segments=10))
    meshes.append(blob((0.2 * girth, 0.11 * girth, 0.12 * unit), (0, 0, shoulder - 0.07), top))
    if rng.random() < 0.3:
        skirt = lathe(
            [0.28 * girth, 0.16 * girth],
            [rng.uniform(0.2, 0.6) * unit, hip + 0.1],
            colour=rng.uniform(0.02, 0.6, 3),
        )
        meshes.append(skirt)
    else:
        meshes.append(blob((0.18 * girth, 0.13 * girth, 0.14), (0, 0, hip), bottom))
    meshes.append(limb([0, 0, shoulder - 0.05], [0, 0.02, 1.55 * unit], 0.06, 0.055, skin))
    meshes.append(blob((0.085, 0.1, 0.125), (0, 0.02, 1.63 * unit), skin, segments=10))
    meshes.append(blob((0.095, 0.1, 0.1), (0, -0.015, 1.68 * unit), hair, segments=8))
    if rng.random() < 0.25:
        bag = rng.uniform(0.02, 0.4, 3)
        meshes.append(box([0.32, 0.18, 0.42], (0, -0.2, shoulder - 0.45 * unit), bag))
    if rng.random() < 0.08:
        meshes.append(limb([0.2, 0.1, 1.1], [0.2, 0.1, 2.1], 0.015, 0.015, [0.1, 0.1, 0.1]))
        canopy = lathe([0.55, 0.4, 0.0], [1.95, 2.1, 2.2], (0.2, 0.1, 0), rng.uniform(0.02, 0.6, 3))
        meshes.append(canopy)
    return Thing(PERSON, tuple((mesh, MATTE) for mesh in meshes))
