"""The front end and the network of the voice detector: 16 kHz sound in, one logit out."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

SIZE, HOP, BINS = 512, 160, 256  # samples of a frame and between frames; lines above 0 Hz
FLOOR = 1e-3  # of a frame's power where all lines are alike: what is below counts as silence
WIDTHS = (24, 40, 64, 96)
WHITE = SIZE * 3 / 8  # the power of a line of white noise of power 1 under a Hann window


class Front(nn.Module):
    """Log power of 256 lines of 31 Hz, less its mean.

    Without `phase` the mean is one for the whole window. With it, it is taken line by line, so that
    a constant colouring (a microphone, a telephone) falls out, and two channels are added: cosine
    and sine of how far each line's phase goes on from frame to frame beyond what its own frequency
    gives. Networks of the two kinds err differently.
    """

    window: Tensor
    turn: Tensor

    def __init__(self, phase: bool = False) -> None:
        super().__init__()
        self.phase = phase
        lines = torch.arange(1, BINS + 1, dtype=torch.float64)
        self.register_buffer("window", torch.hann_window(SIZE))
        self.register_buffer("turn", -2 * torch.pi * lines * HOP / SIZE)

    def forward(self, sound: Tensor) -> Tensor:
        """BxN -> BxCx256xT."""
        level = sound.pow(2).mean(-1, keepdim=True).sqrt() + 1e-5
        spectrum = torch.stft(
            sound / level, SIZE, HOP, window=self.window, center=False, return_complex=True
        )[:, 1 : BINS + 1]
        power = torch.log(spectrum.abs().pow(2) + FLOOR * WHITE)
        if not self.phase:
            return ((power - power.mean((-1, -2), keepdim=True)) / 4)[:, None]
        moving = ((power - power.mean(-1, keepdim=True)) / 3)[:, None]
        return torch.cat([moving, self._advance(spectrum)], 1)

    def _advance(self, spectrum: Tensor) -> Tensor:
        turned = spectrum[..., 1:] * spectrum[..., :-1].conj()
        turned = turned * torch.polar(torch.ones_like(self.turn), self.turn)[:, None]
        unit = turned / (turned.abs() + FLOOR * WHITE)
        return functional.pad(torch.stack([unit.real, unit.imag], 1), (1, 0)).float()


def block(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    """Half the lines and half the frames."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, 2, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class VoiceResidual(nn.Module):
    """A convolution beside a way around it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.a = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.n = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.n(self.a(x)))


class VoiceNet(nn.Module):
    """A small residual network; what it found over time is pooled with weights it learns."""

    def __init__(self, phase: bool = False, dropout: float = 0.4) -> None:
        super().__init__()
        self.front = Front(phase)
        a, b, c, d = WIDTHS
        self.body = nn.Sequential(
            block(3 if phase else 1, a, 5),
            *(block(a, b, 3), VoiceResidual(b)),
            *(block(b, c, 3), VoiceResidual(c)),
            *(block(c, d, 3), VoiceResidual(d)),
        )
        self.fold = nn.Sequential(
            nn.Dropout(dropout / 2),
            nn.Conv1d(d * BINS // 16, 96, 1),
            nn.BatchNorm1d(96),
            nn.ReLU(),
        )
        self.att = nn.Conv1d(96, 1, 1)
        self.drop = nn.Dropout(dropout)
        self.out = nn.Linear(192, 1)

    def forward(self, features: Tensor) -> Tensor:
        """What `front` gives -> a logit each, positive where a machine spoke."""
        found = self.fold(self.body(features).flatten(1, 2))
        weight = torch.softmax(self.att(found), -1)
        mean = (weight * found).sum(-1)
        spread = ((weight * found * found).sum(-1) - mean * mean).clamp(min=1e-4).sqrt()
        logit: Tensor = self.out(self.drop(torch.cat([mean, spread], 1)))
        return logit[:, 0]
