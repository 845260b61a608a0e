"""A genuine picture as an attack: shown on a modelled screen, or printed on modelled paper.

What comes back is the scene before a camera; `camera.seen` looks at it. Simulated attacks serve for
training alone: no figure counts them.
"""

from __future__ import annotations

import cv2
import numpy as np

from training.presentation.camera import Image, blurred

GAMMA = 2.2


def replayed(picture: Image, rng: np.random.Generator) -> Image:
    """On a screen: its picture is photographed again, so it is soft, pale, and lit from within."""
    image = blurred(picture, rng.uniform(0.2, 1.6) * picture.shape[1] / 200)
    light = _screen_light(np.clip(image, 0, 1) ** GAMMA, rng)
    light = light * _grid(light.shape, rng) * _bands(light.shape, rng)
    light = light + _veil(light.shape, rng) + _glare(light.shape, rng)
    scene = np.clip(light * rng.uniform(0.7, 1.5), 0, 1) ** (1 / GAMMA)
    return np.asarray(scene, np.float32)


def printed(picture: Image, rng: np.random.Generator) -> Image:
    """On paper: fewer tones, dots or lines of the printer, grain, a cast, sometimes a fold."""
    image = blurred(picture, rng.uniform(0.2, 1.2) * picture.shape[1] / 200)
    if rng.random() < 0.3:
        image = np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2)
    dots = _halftone(image, rng) if rng.random() < 0.6 else image
    white, black = rng.uniform(0.75, 1.0, 3) * rng.uniform(0.75, 1), rng.uniform(0.03, 0.25)
    paper = black + dots * (white - black)
    scene = paper * _grain(paper.shape, rng) * _fold(paper.shape, rng)
    return np.asarray(np.clip(scene * _shade(paper.shape, rng), 0, 1), np.float32)


def _screen_light(light: Image, rng: np.random.Generator) -> Image:
    """Its white, mostly bluish; its black, never quite black; its colours, too many or too few."""
    white = np.array([rng.uniform(0.75, 1.05), rng.uniform(0.88, 1.05), rng.uniform(0.95, 1.3)])
    if rng.random() < 0.25:
        white = white[::-1]  # a night mode, or a warm camera
    grey = light.mean(axis=2, keepdims=True)
    coloured = np.clip(grey + (light - grey) * rng.uniform(0.55, 1.4), 0, None)
    return coloured * white * rng.uniform(0.7, 1.3)


def _plane(shape: tuple[int, ...], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates on the screen or paper of every pixel: turned a little, in perspective."""
    height, width = shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    angle, lean = rng.normal(0, 0.12), rng.normal(0, 0.12, 2) / max(height, width)
    depth = 1 + lean[0] * x + lean[1] * y
    return (x * np.cos(angle) - y * np.sin(angle)) / depth, (
        x * np.sin(angle) + y * np.cos(angle)
    ) / depth


def _grid(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Sub-pixels, sampled without a filter: what is finer than the camera's pixels is moire."""
    if rng.random() < 0.35:
        return np.ones(1, np.float32)
    u, v = _plane(shape, rng)
    frequency, depth = rng.uniform(0.3, 2.2), rng.uniform(0.02, 0.35)
    shifts = np.array([0, 1 / 3, 2 / 3]) * (rng.random() < 0.7)
    columns = np.cos(2 * np.pi * (u[..., None] * frequency + shifts))
    rows = np.cos(2 * np.pi * v[..., None] * frequency * rng.choice([1.0, 0.5]))
    share = rng.uniform(0, 1)
    pattern = share * columns + (1 - share) * rows
    return np.asarray(1 + depth * blurred(pattern.astype(np.float32), rng.uniform(0.3, 0.9)))


def _bands(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """The shutter meets the refresh: dark bands across, mostly level."""
    if rng.random() < 0.6:
        return np.ones(1, np.float32)
    u, v = _plane(shape, rng)
    along = v if rng.random() < 0.8 else u
    wave = np.cos(2 * np.pi * (along / shape[0] * rng.uniform(0.5, 14) + rng.random()))
    sharp = np.tanh(wave * rng.uniform(0.5, 4))
    return np.asarray((1 + rng.uniform(0.03, 0.25) * sharp)[..., None], np.float32)


def _veil(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """The room's light on the glass, uneven."""
    corners = rng.uniform(0.3, 1, (2, 2, 1)) * rng.uniform(0.5, 1, 3)
    smooth = cv2.resize(corners.astype(np.float32), (shape[1], shape[0]))
    return np.asarray(smooth * rng.choice([rng.uniform(0, 0.05), rng.uniform(0.02, 0.25)]))


def _glare(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Lamps, windows and edges mirrored in the glass."""
    height, width = shape[:2]
    light = np.zeros((height, width), np.float32)
    for _ in range(int(rng.integers(0, 4)) if rng.random() < 0.5 else 0):
        middle = int(rng.uniform(0, width)), int(rng.uniform(0, height))
        if rng.random() < 0.5:
            axes = int(rng.uniform(2, 0.2 * width)), int(rng.uniform(2, 0.2 * height))
            cv2.ellipse(light, middle, axes, rng.uniform(0, 180), 0, 360, rng.uniform(0.1, 1), -1)
        else:
            end = int(rng.uniform(0, width)), int(middle[1] + rng.normal(0, 0.1 * height))
            cv2.line(light, middle, end, rng.uniform(0.1, 0.7), int(rng.integers(1, 8)))
    soft = blurred(light, rng.uniform(0.5, 12))
    return np.asarray(soft[..., None] * rng.uniform(0.5, 1.1, 3), np.float32)


def _halftone(image: Image, rng: np.random.Generator) -> Image:
    """Dots or lines whose size follows the tone, an angle for each ink."""
    pitch, hard = rng.uniform(1.6, 5), rng.uniform(2, 8)
    inks = []
    for channel, turn in enumerate(np.radians([15, 75, 0])):
        u, v = _plane(image.shape, rng)
        a, b = u * np.cos(turn) - v * np.sin(turn), u * np.sin(turn) + v * np.cos(turn)
        screen = (np.cos(2 * np.pi * a / pitch) + np.cos(2 * np.pi * b / pitch)) / 4 + 0.5
        inks.append(1 / (1 + np.exp(-hard * (image[..., channel] - screen))))
    share = rng.uniform(0.1, 0.7)
    return np.asarray(image * (1 - share) + np.stack(inks, axis=2) * share, np.float32)


def _grain(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    height, width = shape[:2]
    fine = rng.normal(0, rng.uniform(0.003, 0.05), (height, width))
    coarse = rng.normal(0, rng.uniform(0.003, 0.04), (height // 6 + 2, width // 6 + 2))
    return np.asarray((1 + fine + cv2.resize(coarse, (width, height)))[..., None], np.float32)


def _fold(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    if rng.random() < 0.7:
        return np.ones(1, np.float32)
    u, v = _plane(shape, rng)
    at = (u / shape[1] if rng.random() < 0.5 else v / shape[0]) - rng.uniform(0.2, 0.8)
    edge = np.tanh(at * rng.uniform(10, 60)) * rng.uniform(0.02, 0.15)
    line = np.exp(-((at * rng.uniform(60, 200)) ** 2)) * rng.uniform(-0.2, 0.25)
    return np.asarray((1 + edge + line)[..., None], np.float32)


def _shade(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """The room's light on the paper."""
    corners = rng.uniform(0.7, 1.1, (2, 2, 1)) * rng.uniform(0.85, 1.05, 3)
    return np.asarray(cv2.resize(corners.astype(np.float32), (shape[1], shape[0])))
