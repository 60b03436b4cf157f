"""A small model that really trains, an epoch at a time, from checkpoint to checkpoint. Pure; numpy is used here alone.

The model has one hidden layer (tanh) and tells classes apart (softmax, cross-entropy); Adam fits it to mini-batches,
shuffled anew each epoch. A checkpoint holds all that the next epoch depends on: weights, both moments of the optimiser,
its step count and the state of the random generator. Nothing else may, no clock and no global, so that an epoch done
again by the next life gives the same bits, and a run cut into many lives ends like an undisturbed one.

That holds for any process, any number of threads and any hash seed on one machine with one numpy. A store that moves to
another kind of processor goes on, but with other last bits: numpy chooses its code by what the processor can do.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reference_server.errors import Refusal

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Layers = tuple[int, int, int]

FEWEST_SAMPLES = 2

_HIDDEN = 32
_SAMPLES_A_STEP = 32
_SAMPLES_A_LOOK = 1024  # bounds the memory of an evaluation
_LEARNING_RATE = 0.01
_FIRST_DECAY, _SECOND_DECAY, _TINY = 0.9, 0.999, 1e-8

_SPIRAL_TURNS = 1.0
_SPIRAL_RADIUS = 2.0
_SPIRAL_NOISE = 0.1

_MAGIC = b"mcp-crashtest training checkpoint\n"
_VERSION = 1
_DTYPE = "<f8"
_DIGEST_BYTES = hashlib.sha256().digest_size
# One seed serves two ends; a name for each keeps their numbers independent.
_DATA, _MODEL = 0, 1


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """What is learnt from: a row of numbers in ``x`` for each class number, from 0 on, in ``y``."""

    x: Floats
    y: Integers

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return int(self.y.max()) + 1


@dataclass(frozen=True, slots=True)
class Epoch:
    """A finished epoch: where the next one starts, and how the model then does on all samples."""

    checkpoint: bytes
    number: int
    loss: float
    accuracy: float


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A checkpoint's content. All weights are one vector, and so are the moments: the optimiser needs no layers."""

    layers: Layers
    weights: Floats
    first_moment: Floats
    second_moment: Floats
    steps: int
    epoch: int
    random_state: dict[str, Any]

    def encoded(self) -> bytes:
        """The checkpoint: a magic line, a line of JSON, the three vectors, and SHA-256 of all that."""
        header = {
            "version": _VERSION,
            "dtype": _DTYPE,
            "layers": self.layers,
            "steps": self.steps,
            "epoch": self.epoch,
            "random_state": self.random_state,
        }
        vectors = np.stack([self.weights, self.first_moment, self.second_moment])
        body = b"%b%b\n%b" % (_MAGIC, json.dumps(header).encode(), vectors.astype(_DTYPE).tobytes())
        return body + hashlib.sha256(body).digest()


class _Parts(NamedTuple):
    """The layers in a vector of weights; views, not copies."""

    hidden_weights: Floats
    hidden_bias: Floats
    output_weights: Floats
    output_bias: Floats


def generated(size: int, seed: int) -> Samples:
    """Two interleaved noisy spirals, a class each: no straight line parts them. Raises Refusal."""
    if size < FEWEST_SAMPLES:
        raise Refusal(f"a dataset needs at least {FEWEST_SAMPLES} samples, one of each class, and not {size}")
    generator = np.random.Generator(np.random.PCG64((seed, _DATA)))
    y = np.arange(size, dtype=np.int64) % 2
    along = np.sqrt(generator.random(size))  # the root spreads the samples evenly over the spiral's length
    angle = 2 * np.pi * _SPIRAL_TURNS * along + np.pi * y
    spiral = _SPIRAL_RADIUS * np.stack([along * np.cos(angle), along * np.sin(angle)], axis=1)
    return Samples(spiral + _SPIRAL_NOISE * generator.standard_normal((size, 2)), y)


def begin(samples: Samples, seed: int) -> bytes:
    """The first checkpoint, at epoch 0, of a model that fits these samples."""
    layers = (samples.x.shape[1], _HIDDEN, samples.classes)
    generator = np.random.Generator(np.random.PCG64((seed, _MODEL)))
    weights = np.zeros(_count(layers))
    parts = _parts(weights, layers)
    # Wide enough that the hidden units bend at different places, else they all learn the same straight line.
    parts.hidden_weights[:] = generator.standard_normal(parts.hidden_weights.shape) * (2 / math.sqrt(layers[0]))
    parts.hidden_bias[:] = generator.standard_normal(_HIDDEN)
    parts.output_weights[:] = generator.standard_normal(parts.output_weights.shape) / math.sqrt(_HIDDEN)
    zeros = np.zeros_like(weights)
    return Model(layers, weights, zeros, zeros, 0, 0, dict(generator.bit_generator.state)).encoded()


def train_epoch(checkpoint: bytes, samples: Samples) -> Epoch:
    """Learn from all samples once, in a random order; the same checkpoint and samples give the same bits.

    Raises ValueError when the checkpoint is torn or foreign, or belongs to other samples than these.
    """
    model = decode(checkpoint)
    _check_fits(model, samples)
    generator = _generator(model.random_state)
    order = generator.permutation(len(samples.y))
    steps = model.steps
    for start in range(0, len(order), _SAMPLES_A_STEP):
        chosen = order[start : start + _SAMPLES_A_STEP]
        steps += 1
        _adjust(model, steps, _gradient(model, samples.x[chosen], samples.y[chosen]))
    state = dict(generator.bit_generator.state)
    after = replace(model, steps=steps, epoch=model.epoch + 1, random_state=state)
    loss, accuracy = _evaluated(after, samples)
    return Epoch(after.encoded(), after.epoch, loss, accuracy)


def weights_digest(checkpoint: bytes) -> str:
    """SHA-256 of all weights, bit by bit; raises ValueError when the checkpoint is torn or foreign."""
    return hashlib.sha256(decode(checkpoint).weights.astype(_DTYPE).tobytes()).hexdigest()


def decode(checkpoint: bytes) -> Model:
    """A checkpoint's content, whose arrays are the caller's own; raises ValueError when it is torn or foreign."""
    body, digest = checkpoint[:-_DIGEST_BYTES], checkpoint[-_DIGEST_BYTES:]
    if not body.startswith(_MAGIC):
        raise ValueError("these bytes do not begin like a training checkpoint: they are another program's, or torn")
    if hashlib.sha256(body).digest() != digest:
        raise ValueError("the training checkpoint is torn or was altered: its digest does not match its content")
    header, _, vectors = body[len(_MAGIC) :].partition(b"\n")
    fields = json.loads(header)
    if fields.get("version") != _VERSION or fields.get("dtype") != _DTYPE:
        raise ValueError(
            f"the training checkpoint has version {fields.get('version')} with {fields.get('dtype')} numbers; "
            f"this server reads version {_VERSION} with {_DTYPE}: use the server that wrote it"
        )
    return _model(fields, vectors)


def _model(fields: dict[str, Any], vectors: bytes) -> Model:
    inputs, hidden, outputs = fields["layers"]
    layers = (inputs, hidden, outputs)
    rows = np.frombuffer(vectors, dtype=_DTYPE).reshape(3, _count(layers))
    # Copies, because bytes cannot be written to and need not lie where the processor reads numbers best.
    weights, first, second = (row.astype(np.float64) for row in rows)
    return Model(layers, weights, first, second, fields["steps"], fields["epoch"], fields["random_state"])


def _generator(state: Any) -> np.random.Generator:
    bits = np.random.PCG64(0)
    bits.state = state
    return np.random.Generator(bits)


def _count(layers: Layers) -> int:
    inputs, hidden, outputs = layers
    return (inputs + 1) * hidden + (hidden + 1) * outputs


def _parts(vector: Floats, layers: Layers) -> _Parts:
    inputs, hidden, outputs = layers
    ends = np.cumsum([inputs * hidden, hidden, hidden * outputs])
    first, second, third, fourth = np.split(vector, ends)
    return _Parts(first.reshape(inputs, hidden), second, third.reshape(hidden, outputs), fourth)


def _product(subscripts: str, left: Floats, right: Floats) -> Floats:
    """A product of matrices whose sums are always taken in the same order.

    ``@`` and ``np.dot`` ask the BLAS library, which may divide a sum among its threads and picks its code by the
    processor and by environment variables: they would decide the order of additions, and so the last bits. Unoptimised
    einsum is one plain loop of numpy's own.
    """
    product: Floats = np.einsum(subscripts, left, right, optimize=False)
    return product


def _forward(parts: _Parts, x: Floats) -> tuple[Floats, Floats]:
    """What the hidden units say, and the logarithms of the classes' probabilities."""
    hidden = np.tanh(_product("ni,ih->nh", x, parts.hidden_weights) + parts.hidden_bias)
    scores = _product("nh,hc->nc", hidden, parts.output_weights) + parts.output_bias
    scores -= scores.max(axis=1, keepdims=True)
    return hidden, scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))


def _gradient(model: Model, x: Floats, y: Integers) -> Floats:
    """How the mean loss over a mini-batch changes with each weight."""
    parts = _parts(model.weights, model.layers)
    hidden, logarithms = _forward(parts, x)
    errors = np.exp(logarithms)
    errors[np.arange(len(y)), y] -= 1
    errors /= len(y)
    behind = _product("nc,hc->nh", errors, parts.output_weights) * (1 - hidden * hidden)
    slopes = _Parts(
        hidden_weights=_product("ni,nh->ih", x, behind),
        hidden_bias=behind.sum(axis=0),
        output_weights=_product("nh,nc->hc", hidden, errors),
        output_bias=errors.sum(axis=0),
    )
    return np.concatenate([slope.ravel() for slope in slopes])


def _adjust(model: Model, step: int, gradient: Floats) -> None:
    """One step of Adam (Kingma and Ba, arXiv:1412.6980, algorithm 1), in place."""
    model.first_moment[:] = _FIRST_DECAY * model.first_moment + (1 - _FIRST_DECAY) * gradient
    model.second_moment[:] = _SECOND_DECAY * model.second_moment + (1 - _SECOND_DECAY) * gradient * gradient
    first = model.first_moment / (1 - _FIRST_DECAY**step)
    second = model.second_moment / (1 - _SECOND_DECAY**step)
    model.weights[:] -= _LEARNING_RATE * first / (np.sqrt(second) + _TINY)


def _evaluated(model: Model, samples: Samples) -> tuple[float, float]:
    """The mean loss over all samples, and the share of them that the model classifies rightly."""
    parts = _parts(model.weights, model.layers)
    loss, right, size = 0.0, 0, len(samples.y)
    for start in range(0, size, _SAMPLES_A_LOOK):
        y = samples.y[start : start + _SAMPLES_A_LOOK]
        _, logarithms = _forward(parts, samples.x[start : start + _SAMPLES_A_LOOK])
        loss -= float(logarithms[np.arange(len(y)), y].sum())
        right += int((logarithms.argmax(axis=1) == y).sum())
    return loss / size, right / size


def _check_fits(model: Model, samples: Samples) -> None:
    inputs, _, outputs = model.layers
    if (inputs, outputs) != (samples.x.shape[1], samples.classes):
        raise ValueError(
            f"the training checkpoint is of a model with {inputs} columns and {outputs} classes, and the samples have "
            f"{samples.x.shape[1]} and {samples.classes}: it was trained on others"
        )
