"""Every public layer, cell and model is saved as a `.keras` file, loaded and cloned."""

import importlib
import json
import pkgutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from cell_kinds import BASIC_CELLS, is_rare, new_cell

import tfseq
from tfseq import cells, layers
from tfseq.tasks.classification.model import TextClassifier
from tfseq.tasks.language_modeling.model import LanguageModel
from tfseq.tasks.tagging.model import Sentences, SentenceTagger
from tfseq.tasks.tagging.text_model import TextTagger
from tfseq.tasks.transduction.model import Transducer

BATCH, TIME, FEATURES, VOCABULARY = 3, 7, 4, 11
PACKAGE = "tfseq>"
TOKENS = np.random.default_rng(0).integers(0, VOCABULARY, (BATCH, TIME)).astype("int32")
INPUTS = np.random.default_rng(1).normal(size=(BATCH, TIME, FEATURES)).astype("float32")
MASK = np.arange(TIME) < np.array([[7], [3], [5]])
LENGTHS = np.array([7, 3, 5], "int32")
LETTERS = (TOKENS[..., np.newaxis] > 2 * np.arange(4)) * np.array([1, 5, 2, 4], "int32")


def initializer():
    return keras.initializers.GlorotUniform(keras.random.SeedGenerator(3))


CELLS = {
    **{
        each.__name__: lambda each=each: new_cell(
            each, 5, kernel_initializer=initializer()
        )
        for each in BASIC_CELLS
    },
    "DropoutCell": lambda: cells.DropoutCell(
        cells.SeparateGateGRUCell(5), 0.5, variational=True
    ),
    "ResidualCell": lambda: cells.ResidualCell(
        cells.FusedGateGRUCell(FEATURES, kernel_initializer=initializer())
    ),
    "ZoneoutCell": lambda: cells.ZoneoutCell(cells.FusedGateLSTMCell(5), 0.1, 0.4),
    "StackedCell": lambda: cells.StackedCell(
        [cells.FusedGateLSTMCell(5, forget_bias=0.5), cells.FusedGateGRUCell(2)]
    ),
    "WeightDroppedCell": lambda: cells.WeightDroppedCell(
        cells.FusedGateLSTMCell(5), 0.5
    ),
}
LAYERS_OF_LETTERS = lambda: layers.LetterInputs(  # noqa: E731
    5, 4, CELLS["FusedGateLSTMCell"](), CELLS["FusedGateGRUCell"](), seed=3
)
LAYERS = {
    "GRU": lambda: layers.GRU(5, variant="separate", return_sequences=True),
    "LSTM": lambda: layers.LSTM(
        5, dropout=0.5, recurrent_weight_dropout=0.2, zero_output_for_mask=True
    ),
    "Recurrent": lambda: layers.Recurrent(
        CELLS["StackedCell"](), return_sequences=True, seed=3
    ),
    "SimpleRNN": lambda: layers.SimpleRNN(5, variant="fused", go_backwards=True),
}
# Layers that are called with tokens, and models: how they are made, and how called.
CALLED_WITH_TOKENS = {
    "TokenInputs": (
        lambda: layers.TokenInputs(VOCABULARY, 4, ngram=3, hash_rows=50, dropout=0.1),
        lambda layer: layer(TOKENS, layer.initial_state(BATCH)),
    ),
    "NgramLogits": (
        lambda: layers.NgramLogits(VOCABULARY, 3, num_rows=40),
        lambda layer: layer(TOKENS, layer.initial_state(BATCH)),
    ),
    "ConditionalRandomField": (
        lambda: layers.ConditionalRandomField(FEATURES, initializer()),
        lambda layer: layer.log_likelihood(INPUTS, TOKENS % FEATURES, LENGTHS),
    ),
    "NaiveBayesLogit": (
        lambda: layers.NaiveBayesLogit(2, num_rows=40),
        lambda layer: layer(TOKENS, LENGTHS),
    ),
    "LanguageModel": (
        lambda: LanguageModel(
            layers.TokenInputs(VOCABULARY, 5),
            CELLS["DropoutCell"](),
            VOCABULARY,
            dropout=0.5,
            softmax_initializer=initializer(),
            tie_embeddings=True,
            variational_dropout=True,
            ngrams=layers.NgramLogits(VOCABULARY, 3, num_rows=40),
            activation_regularization=1.0,
            temporal_activation_regularization=2.0,
            softmax_cutoffs=(4, 8),
        ),
        lambda model: model(TOKENS, model.initial_state(BATCH)),
    ),
    "LetterInputs": (
        lambda: LAYERS_OF_LETTERS(),
        lambda layer: layer(TOKENS, LETTERS),
    ),
    "SentenceTagger": (
        lambda: SentenceTagger(
            layers.TokenInputs(VOCABULARY, 4),
            layers.BidirectionalStack(
                [CELLS["DropoutCell"]()], [CELLS["FusedGateGRUCell"]()]
            ),
            3,
            letters=LAYERS_OF_LETTERS(),
            num_features=6,
            num_columns=2,
            feature_embedding_size=3,
            unknown_id=2,
            dropout=0.5,
            kernel_initializer=initializer(),
            field=layers.ConditionalRandomField(3),
        ),
        lambda model: model(
            Sentences(TOKENS, TOKENS, LETTERS, LETTERS[..., :2], LENGTHS)
        ),
    ),
    "TextTagger": (
        lambda: TextTagger(
            layers.TokenInputs(VOCABULARY, 4),
            CELLS["StackedCell"](),
            3,
            lookahead=2,
            dropout=0.5,
            kernel_initializer=initializer(),
        ),
        lambda model: model(TOKENS, model.initial_state(BATCH)),
    ),
    "TextClassifier": (
        lambda: TextClassifier(
            layers.TokenInputs(VOCABULARY, 4),
            CELLS["StackedCell"](),
            CELLS["DropoutCell"](),
            pooling="mean_max",
            dropout=0.5,
            kernel_initializer=initializer(),
            ngrams=layers.NaiveBayesLogit(2, num_rows=40, classes=3),
            classes=3,
            adversarial_norm=2.0,
        ),
        lambda model: model(TOKENS, LENGTHS),
    ),
    "Transducer": (
        lambda: Transducer(
            layers.TokenInputs(VOCABULARY, 6),
            layers.TokenInputs(VOCABULARY, 4),
            layers.BidirectionalStack(
                [CELLS["DropoutCell"]()], [CELLS["FusedGateGRUCell"]()]
            ),
            cells.AttentionCell(
                CELLS["StackedCell"](),
                6,
                10,
                score="additive",
                input_feeding=True,
                kernel_initializer=initializer(),
            ),
            vocabulary_size=VOCABULARY,
            end_id=1,
            dropout=0.5,
            variational_dropout=True,
            softmax_initializer=initializer(),
            tie_embeddings=True,
            label_smoothing=0.1,
        ),
        lambda model: model(TOKENS, model.encode(TOKENS, LENGTHS))[0],
    ),
}
SOFTMAX = lambda: layers.Softmax(VOCABULARY, initializer(), (4, 8))  # noqa: E731


def randomize(layer):
    rng = np.random.default_rng(5)
    for weight in layer.weights:
        weight.assign(rng.normal(size=weight.shape))


def assert_same(got, expected):
    for one, other in zip(tf.nest.flatten(got), tf.nest.flatten(expected), strict=True):
        np.testing.assert_array_equal(one, other)


def assert_same_config(one, other):
    """JSON, for a file holds lists in the place of tuples."""
    assert json.dumps(one.get_config()) == json.dumps(other.get_config())


def save_and_load(model, tmp_path):
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert_same_config(loaded, model)
    return loaded


def test_a_classifier_is_read_by_its_other_name():
    model = TextClassifier(layers.TokenInputs(VOCABULARY, 4), CELLS["StackedCell"]())
    content = json.dumps(keras.saving.serialize_keras_object(model))
    other = content.replace("TextClassifier", "SentimentClassifier")
    assert other != content
    loaded = keras.saving.deserialize_keras_object(json.loads(other))
    assert isinstance(loaded, TextClassifier)
    assert_same_config(loaded, model)


def test_nothing_public_is_forgotten():
    public = {}
    for found in pkgutil.walk_packages(tfseq.__path__, "tfseq."):
        if found.name.startswith(("tfseq.cells", "tfseq.layers")) or (
            found.name.startswith("tfseq.tasks") and found.name.endswith("model")
        ):
            module = importlib.import_module(found.name)
            public |= {
                name: value
                for name, value in vars(module).items()
                if isinstance(value, type) and value.__module__ == found.name
            }
    registered = {
        name
        for name, value in public.items()
        if issubclass(value, keras.layers.Layer)
        and keras.saving.get_registered_name(value) == PACKAGE + name
    }
    # The stack is a part of the tagger, and attention of the transducer.
    within = {"BidirectionalStack", "AttentionCell"}
    tested = {*CELLS, *LAYERS, *CALLED_WITH_TOKENS, *within, "Softmax"}
    assert registered == tested
    # Those that are only bases of others are not called themselves.
    bases = {"Cell", "ComposedCell", "RecurrentCell", "SequenceModel", "WrappedCell"}
    offered = {
        name
        for room in (cells, layers)
        for name in room.__all__
        if isinstance(getattr(room, name), type)
        and issubclass(getattr(room, name), keras.layers.Layer)
    }
    assert offered - bases <= registered


def sequential(layer):
    return keras.Sequential([keras.Input((TIME, FEATURES)), layer])


WRAPPINGS = {
    "RNN": lambda cell: keras.layers.RNN(cell, return_sequences=True),
    "Bidirectional": lambda cell: keras.layers.Bidirectional(keras.layers.RNN(cell)),
    "Recurrent": lambda cell: layers.Recurrent(cell, return_sequences=True),
    "Bidirectional Recurrent": lambda cell: keras.layers.Bidirectional(
        layers.Recurrent(cell)
    ),
}


def cells_and_wrappings():
    """Every cell in one layer, and in the others one of each way to make a cell.

    A layer saves the cell's configuration and weights, whatever cell it is.
    """
    for name in CELLS:
        marks = [pytest.mark.slow] * is_rare(name)
        yield pytest.param(name, "Recurrent", marks=marks)
    for name in ("SeparateGateLSTMCell", "DropoutCell", "StackedCell"):
        for wrapping in WRAPPINGS:
            if wrapping != "Recurrent":
                yield pytest.param(name, wrapping)


@pytest.mark.parametrize(("name", "wrapping"), cells_and_wrappings())
def test_cells_within_layers_of_keras(name, wrapping, tmp_path):
    model = sequential(WRAPPINGS[wrapping](CELLS[name]()))
    randomize(model)
    loaded = save_and_load(model, tmp_path)
    layer, again = model.layers[0], loaded.layers[0]
    assert_same(again(INPUTS, mask=MASK), layer(INPUTS, mask=MASK))
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    assert_same(copy(INPUTS), model(INPUTS))


@pytest.mark.parametrize("name", LAYERS)
def test_recurrent_layers(name, tmp_path):
    model = keras.Sequential(
        [keras.Input((TIME, FEATURES)), keras.layers.Masking(), LAYERS[name]()]
    )
    model.compile("sgd", "mse")
    inputs = np.where(MASK[..., np.newaxis], INPUTS, 0)
    model.fit(inputs, np.zeros(model(inputs).shape), verbose=0)
    loaded = save_and_load(model, tmp_path)
    assert_same(loaded(inputs), model(inputs))
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    assert_same(copy(inputs), model(inputs))


@keras.saving.register_keras_serializable(package="tfseq tests")
class Holder(keras.Model):
    """A model around one layer, which may be of any kind."""

    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape=None):
        if not self.layer.built:
            self.layer.build()

    def get_config(self):
        layer = keras.saving.serialize_keras_object(self.layer)
        return {**super().get_config(), "layer": layer}

    @classmethod
    def from_config(cls, config):
        layer = keras.saving.deserialize_keras_object(config["layer"])
        return cls(**{**config, "layer": layer})


@pytest.mark.parametrize("name", CALLED_WITH_TOKENS)
def test_layers_of_tokens_and_models(name, tmp_path):
    make, call = CALLED_WITH_TOKENS[name]
    made = make()
    made.build()
    randomize(made)
    if isinstance(made, keras.Model):
        loaded = save_and_load(made, tmp_path)
        copy = keras.models.clone_model(made)
        copy.set_weights(made.get_weights())
        assert_same(call(copy), call(made))
    else:
        loaded = save_and_load(Holder(made), tmp_path).layer
    assert type(loaded) is type(made)
    assert_same_config(loaded, made)
    assert_same(call(loaded), call(made))


def test_softmax(tmp_path):
    softmax = SOFTMAX()
    softmax.build(FEATURES)
    randomize(softmax)
    loaded = save_and_load(Holder(softmax), tmp_path).layer
    assert_same(loaded(INPUTS[0]), softmax(INPUTS[0]))


def test_a_loaded_language_model_keeps_its_tied_embedding(tmp_path):
    make, _ = CALLED_WITH_TOKENS["LanguageModel"]
    model = make()
    model.build()
    loaded = save_and_load(model, tmp_path)
    assert loaded.softmax.kernel is loaded.inputs_layer.embedding
    assert len(loaded.trainable_variables) == len(model.trainable_variables)
