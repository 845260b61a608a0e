"""Makes scripts/demo/genuine.jpg and manipulated.jpg from a public-domain portrait.

    python scripts/make_demo_selfies.py [--models service/models] [--out scripts/demo]

Genuine: NASA's portrait of the astronaut Eileen Collins (`skimage.data.astronaut()`), cut to a
selfie. Manipulated: the same picture after a face manipulation: a copy of the face, stretched,
smoothed and recoloured, is blended back inside an oval over eyes, nose and mouth.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from service.analysis.face.blazeface import (  # noqa: E402
    LEFT_EYE,
    MOUTH,
    RIGHT_EYE,
    Face,
    FaceDetector,
)

QUALITY = 92
SELFIE = (slice(0, 320), slice(62, 382))  # rows, columns of the portrait


def genuine() -> np.ndarray:
    """320 x 320 cut of the portrait, enlarged to 480 x 480, RGB."""
    from skimage import data

    portrait = data.astronaut()[SELFIE]
    return np.asarray(cv2.resize(portrait, (480, 480), interpolation=cv2.INTER_CUBIC))


def manipulated(image: np.ndarray, face: Face) -> np.ndarray:
    """The face blended with a changed copy of itself."""
    mask = oval(image.shape[:2], face)
    changed = recolour(stretch(image, face))
    return np.asarray(np.rint(image * (1 - mask) + changed * mask), np.uint8)


def oval(shape: tuple[int, int], face: Face) -> np.ndarray:
    """HxWx1 mask in 0..1 over eyes, nose and mouth with a soft rim."""
    eyes = face.keypoints[[RIGHT_EYE, LEFT_EYE]]
    centre = (eyes.mean(axis=0) + face.keypoints[MOUTH]) / 2
    axes = (round(np.ptp(eyes[:, 0]) * 0.95), round(face.height * 0.42))
    mask = np.zeros(shape, np.float32)
    cv2.ellipse(mask, (round(centre[0]), round(centre[1])), axes, 0, 0, 360, 1.0, -1)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), face.width / 30))[..., None]


def stretch(image: np.ndarray, face: Face) -> np.ndarray:
    """A little wider, shorter and lower, and smoothed: generated skin lacks fine texture."""
    x, y = face.x + face.width / 2, face.y + face.height / 2
    across = [1.07, 0.0, -0.07 * x]
    down = [0.0, 0.96, 0.04 * y + 0.02 * face.height]
    matrix, size = np.array([across, down]), image.shape[1::-1]
    return np.asarray(cv2.medianBlur(cv2.warpAffine(image, matrix, size, flags=cv2.INTER_CUBIC), 9))


def recolour(image: np.ndarray) -> np.ndarray:
    """A little warmer."""
    return np.clip(image * np.array([1.08, 1.0, 0.92]) + [6.0, 0.0, -6.0], 0, 255)


def save(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=Path, default=ROOT / "service" / "models")
    parser.add_argument("--out", type=Path, default=ROOT / "scripts" / "demo")
    args = parser.parse_args()
    image = genuine()
    face = FaceDetector(args.models).detect(image).faces[0]
    save(args.out / "genuine.jpg", image)
    save(args.out / "manipulated.jpg", manipulated(image, face))


if __name__ == "__main__":
    main()
