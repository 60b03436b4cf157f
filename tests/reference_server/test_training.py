"""The model learns, and its checkpoints are exact: any number of lives, in any process, end with the same bits."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.errors import Refusal
from reference_server.training import (
    Epoch,
    Model,
    Samples,
    begin,
    decode,
    generated,
    train_epoch,
    weights_digest,
)
from tests.lab import ROOT, environment

SEED = 7
EPOCHS = 4
SAMPLES = generated(200, SEED)
FIRST = begin(SAMPLES, SEED)
DEADLINE_S = 60

# A life of its own: it reads a checkpoint, trains so many epochs on, and writes the checkpoint.
LIFE = f"""
import sys
from reference_server.training import generated, train_epoch
checkpoint = sys.stdin.buffer.read()
for _ in range(int(sys.argv[1])):
    checkpoint = train_epoch(checkpoint, generated({len(SAMPLES.y)}, {SEED})).checkpoint
sys.stdout.buffer.write(checkpoint)
"""


def epochs(checkpoint: bytes, samples: Samples) -> Iterator[Epoch]:
    """One epoch after the other, each from the checkpoint of the one before."""
    while True:
        epoch = train_epoch(checkpoint, samples)
        checkpoint = epoch.checkpoint
        yield epoch


def trained(checkpoint: bytes, samples: Samples, count: int) -> list[Epoch]:
    return list(itertools.islice(epochs(checkpoint, samples), count))


def life(checkpoint: bytes, count: int, **changes: str) -> bytes:
    return subprocess.run(
        [sys.executable, "-c", LIFE, str(count)],
        input=checkpoint,
        env={**environment(), **changes},
        cwd=ROOT,
        capture_output=True,
        timeout=DEADLINE_S,
        check=True,
    ).stdout


@pytest.mark.parametrize("seed", range(3))
def test_it_learns_the_spirals(seed: int) -> None:
    samples = generated(400, seed)
    course = trained(begin(samples, seed), samples, 60)
    assert course[0].accuracy < 0.85, "a problem that is solved at once shows no learning"
    assert course[-1].accuracy > 0.95
    assert course[-1].loss < course[0].loss / 10
    assert [epoch.number for epoch in course] == list(range(1, 61))


def test_loss_and_accuracy_are_those_of_the_weights_in_the_checkpoint() -> None:
    epoch = train_epoch(FIRST, SAMPLES)
    model = decode(epoch.checkpoint)
    hidden, rest = np.split(model.weights, [3 * 32])
    scores = np.tanh(SAMPLES.x @ hidden[:64].reshape(2, 32) + hidden[64:]) @ rest[:64].reshape(32, 2) + rest[64:]
    chances = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    assert epoch.loss == pytest.approx(-np.log(chances[np.arange(200), SAMPLES.y]).mean())
    assert epoch.accuracy == (chances.argmax(axis=1) == SAMPLES.y).mean()


def test_an_epoch_done_again_gives_the_same_bits() -> None:
    assert train_epoch(FIRST, SAMPLES) == train_epoch(FIRST, SAMPLES)


def test_each_epoch_has_an_order_of_its_own() -> None:
    states = [decode(epoch.checkpoint).random_state["state"] for epoch in trained(FIRST, SAMPLES, EPOCHS)]
    assert len({json.dumps(state) for state in states}) == EPOCHS


def test_lives_of_one_epoch_end_with_the_bits_of_an_undisturbed_run() -> None:
    undisturbed = life(FIRST, EPOCHS)
    checkpoint = FIRST
    for _ in range(EPOCHS):
        checkpoint = life(checkpoint, 1)
    assert checkpoint == undisturbed
    assert weights_digest(checkpoint) == weights_digest(trained(FIRST, SAMPLES, EPOCHS)[-1].checkpoint)


def test_neither_the_blas_library_nor_hash_seeds_change_a_bit() -> None:
    environments: list[dict[str, str]] = [
        {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"},
        {"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2", "PYTHONHASHSEED": "1"},
        {"OPENBLAS_NUM_THREADS": "8", "OMP_NUM_THREADS": "8", "PYTHONHASHSEED": "4294967295"},
        {"OPENBLAS_CORETYPE": "Sandybridge"},  # another order of additions, as on another processor
    ]
    assert len({life(FIRST, EPOCHS, **changes) for changes in environments}) == 1


def test_the_same_seed_gives_the_same_samples_and_another_seed_others() -> None:
    again, other = generated(200, SEED), generated(200, SEED + 1)
    assert np.array_equal(again.x, SAMPLES.x)
    assert not np.array_equal(other.x, SAMPLES.x)
    assert sorted(SAMPLES.y) == [0] * 100 + [1] * 100


@pytest.mark.parametrize("size", [-1, 0, 1])
def test_a_dataset_of_a_single_class_is_not_generated(size: int) -> None:
    with pytest.raises(Refusal, match="at least 2 samples"):
        generated(size, SEED)


def test_the_digest_is_of_the_weights_alone() -> None:
    model = decode(FIRST)
    digest = weights_digest(FIRST)
    model.first_moment[0] = 1
    assert weights_digest(model.encoded()) == digest
    model.weights[0] = np.nextafter(model.weights[0], 1)
    assert weights_digest(model.encoded()) != digest


@st.composite
def models(draw: st.DrawFn) -> Model:
    """Any model, of any bits: also such as no training comes to."""
    layers = draw(st.tuples(*[st.integers(1, 4)] * 3))
    count = (layers[0] + 1) * layers[1] + (layers[1] + 1) * layers[2]
    vectors = [
        np.frombuffer(draw(st.binary(min_size=8 * count, max_size=8 * count)), dtype="<f8").astype(np.float64)
        for _ in range(3)
    ]
    numbers = st.integers(0, 2**128 - 1)
    state = {
        "bit_generator": "PCG64",
        "state": {"state": draw(numbers), "inc": draw(numbers)},
        "has_uint32": draw(st.integers(0, 1)),
        "uinteger": draw(st.integers(0, 2**32 - 1)),
    }
    whole = st.integers(0, 2**63)
    return Model(layers, vectors[0], vectors[1], vectors[2], draw(whole), draw(whole), state)


@given(models())
def test_a_decoded_checkpoint_is_the_model_that_was_encoded(model: Model) -> None:
    copy = decode(model.encoded())
    assert copy.encoded() == model.encoded()
    assert (copy.layers, copy.steps, copy.epoch) == (model.layers, model.steps, model.epoch)
    assert copy.random_state == model.random_state
    for name in ("weights", "first_moment", "second_moment"):
        assert getattr(copy, name).tobytes() == getattr(model, name).tobytes()


def test_a_torn_checkpoint_is_refused_wherever_it_is_torn() -> None:
    for length in range(len(FIRST)):
        with pytest.raises(ValueError, match="torn"):
            decode(FIRST[:length])


@given(st.integers(0, len(FIRST) - 1), st.integers(1, 255))
def test_an_altered_checkpoint_is_refused(position: int, change: int) -> None:
    altered = bytearray(FIRST)
    altered[position] ^= change
    with pytest.raises(ValueError, match="checkpoint"):
        decode(bytes(altered))


@pytest.mark.parametrize("foreign", [b"", b"\x80\x04N.", b"{}", b"\x93NUMPY\x01\x00", FIRST + b"\n"])
def test_a_foreign_checkpoint_is_refused(foreign: bytes) -> None:
    for use in (decode, weights_digest, lambda checkpoint: train_epoch(checkpoint, SAMPLES)):
        with pytest.raises(ValueError, match="checkpoint"):
            use(foreign)


def test_a_newer_checkpoint_is_refused_with_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("reference_server.training._VERSION", 2)
        newer = begin(SAMPLES, SEED)
    with pytest.raises(ValueError, match=r"has version 2 .* reads version 1"):
        decode(newer)


def test_a_checkpoint_of_other_samples_is_refused() -> None:
    other = Samples(np.array([[1.0], [2.0], [3.0]]), np.array([0, 1, 0]))
    with pytest.raises(ValueError, match="2 columns and 2 classes, and the samples have 1 and 2"):
        train_epoch(FIRST, other)
