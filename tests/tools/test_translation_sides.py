"""The sides of the benchmark's translation: the same numbers from all of them."""

import numpy as np
import pytest
import tensorflow as tf

from tfseq.decoding import compile_decoding

torch = pytest.importorskip("torch")


@pytest.fixture(name="sides", scope="module")
def fixture_sides(load_side):
    """The work and both sides, their models with the same weights, far from zero."""
    work, ours, theirs = (
        load_side(f"translation_{name}") for name in ("work", "tfseq", "pytorch")
    )
    sizes = work.Sizes(
        tokens=30,
        embedding=6,
        units=8,
        dropout=0.0,
        pairs=40,
        batch=100,
        sentences=10,
        decoded=4,
    )
    weights = work.first_weights(sizes)
    weights = weights._replace(target_embedding=9 * weights.target_embedding)
    model = ours.build_task(sizes).build_model(ours.vocabularies_of(sizes))
    ours.set_weights(model, weights)
    peer = theirs.Transducer(sizes)
    peer.set_weights(weights)
    return work, theirs, sizes, model, peer


def test_losses_and_gradients_are_equal(sides):
    work, theirs, sizes, model, peer = sides
    for batch in work.training_batches(sizes)[:3]:
        peer.zero_grad()
        loss, minimised = peer(*theirs.tensors(batch))
        minimised.backward()
        variables = (model.inputs_layer.embedding, model.cell.key_kernel, model.bridge)
        with tf.GradientTape() as tape:
            losses = model.losses(batch, training=True)
            sum_of_both = losses.loss + losses.penalty
        gradients = tape.gradient(sum_of_both, [each.value for each in variables])
        np.testing.assert_allclose(loss.detach(), losses.loss, rtol=1e-5)
        np.testing.assert_allclose(minimised.detach(), sum_of_both, rtol=1e-5)
        expected = (
            peer.targets.weight.grad,
            peer.keys.weight.grad.T,
            peer.bridge.weight.grad.T,
        )
        for found, own in zip(gradients, expected, strict=True):
            np.testing.assert_allclose(tf.convert_to_tensor(found), own, atol=1e-4)


@pytest.mark.parametrize(("width", "length_penalty"), [(1, 0.0), (3, 0.0), (3, 1.0)])
def test_targets_are_equal(sides, width, length_penalty):
    work, theirs, sizes, model, peer = sides
    decode = compile_decoding(model, width=width, length_penalty=length_penalty)
    for batch in work.decoding_batches(sizes):
        found = decode(model.encode(batch.sources, batch.lengths), batch.limits)
        with torch.inference_mode():
            if width == 1:
                expected = theirs.greedy(peer, *theirs.tensors(batch))
            else:
                expected = theirs.beam_search(
                    peer,
                    *theirs.tensors(batch),
                    width=width,
                    length_penalty=length_penalty,
                )
        assert found.ids[:, 0].numpy().tolist() == expected.tolist()
