"""A released model as files for other software: ONNX and safetensors, with what it is in their metadata.

The linear model stays what it is, integers: its ONNX graph gives the very numbers of this project.
A network's graph computes in float64 up to the logit, which agrees with PyTorch's to about 1e-12, so
that the 24-bit logit may turn by one unit; from there on it is integers too.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from aggregator.public import write_atomically
from federation.errors import ConfigError
from federation.fixedpoint import LOGIT_BITS, PROB_BITS, norm_squared, tables
from federation.models.linear import (
    MAX_SCALE,
    MEAN_BITS,
    SCALE_BITS,
    WEIGHT_BITS,
    parse_model,
    require_exact,
)

if TYPE_CHECKING:
    from aggregator.serving.onnxgraph import Graph
    from aggregator.serving.release import Release
    from federation.fixedpoint import Ints
    from federation.models.registry import Architecture

_LOGIT_SHIFT: Final = SCALE_BITS + MEAN_BITS + WEIGHT_BITS - LOGIT_BITS
_LARGEST_LOGIT: Final = float(1 << 20)
_HINT: Final = "pip install 'folkmoot[export]'"

_ABOUT: Final = (
    "Input present: whether each word occurs, by index. Outputs: logit (int64, 24 fractional bits, intercept "
    "included), chance (int64, 24 fractional bits), probability (float64, chance / 2^24)."
)


def metadata_of(release: Release) -> dict[str, str]:
    """Return what a file says about itself: text by name."""
    last, manifest = release.last, release.manifest
    return {
        "folkmoot.name": manifest.name,
        "folkmoot.model": last.model_hash.hex(),
        "folkmoot.receipt": str(last.receipt_cid),
        "folkmoot.receipts": " ".join(str(round_.receipt_cid) for round_ in release.rounds),
        "folkmoot.chain_id": str(release.domain.chain_id),
        "folkmoot.federation": release.domain.federation,
        "folkmoot.epoch": str(release.domain.epoch),
        "folkmoot.round": str(last.round),
        "folkmoot.manifest": manifest.hash.hex(),
        "folkmoot.features": manifest.model.features_sha256,
        "folkmoot.epsilon": manifest.privacy.epsilon,
        "folkmoot.delta": manifest.privacy.delta,
        "folkmoot.bits": f"weights {WEIGHT_BITS}, mean {MEAN_BITS}, logit {LOGIT_BITS}, chance {PROB_BITS}",
    }


def safetensors_bytes(release: Release) -> bytes:
    """Return a safetensors file: all integers of the model, and a network's tensors by their names.

    Tensors: ``weights`` (dim,), ``intercept`` (1,), ``mean`` (words,), ``sigmoid_table`` (2049,), int64 in
    the fixed point that the metadata names; of a network also its parameters as float64.

    Raises:
        ConfigError: safetensors is not installed.
    """
    try:
        from safetensors.numpy import save
    except ImportError as error:
        raise ConfigError("safetensors is not installed", hint=_HINT) from error
    weights, intercept = parse_model(release.model)
    tensors: dict[str, np.ndarray] = {
        "weights": weights,
        "intercept": np.array([intercept], dtype=np.int64),
        "mean": release.mean,
        "sigmoid_table": tables()[0].astype(np.int64),
    }
    if release.manifest.module is not None:
        tensors |= _parameters(release.manifest.module.architecture, weights)
    return _in_order(save(tensors, metadata={"format": "np", **metadata_of(release)}))


def _in_order(data: bytes) -> bytes:
    """Return a safetensors file with its header in one order: the library's differs from run to run."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8:end]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data[end:]


def _parameters(architecture: Architecture, weights: Ints) -> dict[str, np.ndarray]:
    values = np.ldexp(weights.astype(np.float64), -WEIGHT_BITS)
    ends = np.cumsum([parameter.size for parameter in architecture.parameters])
    parts = np.split(values, ends[:-1])
    return {
        parameter.name: part.reshape(parameter.shape)
        for parameter, part in zip(architecture.parameters, parts, strict=True)
    }


def onnx_bytes(release: Release) -> bytes:
    """Return an ONNX model: from which words occur to logit, chance and probability.

    Raises:
        ConfigError: onnx is not installed.
    """
    try:
        from onnx import TensorProto

        from aggregator.serving.onnxgraph import Graph, rows_of
    except ImportError as error:
        raise ConfigError("onnx is not installed", hint=_HINT) from error
    graph = Graph()
    weights, intercept = parse_model(release.model)
    if release.manifest.module is None:
        require_exact(weights)
        logit = _linear(graph, release.mean, weights)
    else:
        logit = _network(graph, release.mean, weights, release.manifest.module.architecture)
    logit = graph.step("Add", logit, graph.number(intercept))
    chance = graph.sigmoid(logit)
    one = graph.constant("one", np.array(1 << PROB_BITS, dtype=np.float64))
    graph.name(logit, "logit")
    graph.name(chance, "chance")
    graph.name(graph.step("Div", graph.cast(chance, TensorProto.DOUBLE), one), "probability")
    model = graph.model(
        [rows_of("present", TensorProto.BOOL, release.manifest.words)],
        [
            rows_of("logit", TensorProto.INT64),
            rows_of("chance", TensorProto.INT64),
            rows_of("probability", TensorProto.DOUBLE),
        ],
        name=release.manifest.name,
        about=_ABOUT,
        metadata=metadata_of(release),
    )
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _scales(graph: Graph, mean: Ints, present: str) -> tuple[str, str]:
    """Return the number of words b and the scale a of each example; ``linear.Design.build`` in ONNX.

    The root's argument is cut at MAX_SCALE^2 first: the scale is cut there anyway. An example equal to the
    mean gets a scale other than 0, which multiplies 0.
    """
    count = graph.step("ReduceSum", present, graph.constant("axis", np.array([1])), keepdims=0)
    cross = graph.step("MatMul", present, graph.constant("mean", mean))
    norm = graph.step("Mul", count, graph.number(1 << 2 * MEAN_BITS))
    norm = graph.step("Sub", norm, graph.step("Mul", cross, graph.number(1 << MEAN_BITS + 1)))
    norm = graph.step("Add", norm, graph.number(norm_squared(mean)))
    norm = graph.step("Max", norm, graph.number(1))
    largest = graph.step("Div", graph.number(1 << (2 * SCALE_BITS + 2 * MEAN_BITS)), norm)
    return count, graph.root(graph.step("Min", largest, graph.number(MAX_SCALE**2)))


def _linear(graph: Graph, mean: Ints, weights: Ints) -> str:
    from onnx import TensorProto

    present = graph.cast("present", TensorProto.INT64)
    _, scale = _scales(graph, mean, present)
    summed = graph.step("MatMul", present, graph.constant("weights", weights))
    inner = graph.step("Mul", summed, graph.number(1 << MEAN_BITS))
    inner = graph.step("Sub", inner, graph.number(int(mean @ weights)))
    return graph.shifted_right(graph.step("Mul", scale, inner), _LOGIT_SHIFT)


def _network(graph: Graph, mean: Ints, weights: Ints, architecture: Architecture) -> str:
    from onnx import TensorProto

    from aggregator.serving.onnxgraph import floats_of

    tensors = _parameters(architecture, weights)
    outer = graph.constant("outer", tensors["outer.weight"].T.copy())
    present = graph.cast("present", TensorProto.INT64)
    occurs = graph.cast("present", TensorProto.DOUBLE)
    count, scale = _scales(graph, mean, present)
    axis = graph.constant("axis", np.array([1]))
    if architecture.name == "embedding":
        inner = graph.constant("inner", tensors["vectors.weight"])
        lengths = graph.cast(graph.step("Max", count, graph.number(1)), TensorProto.DOUBLE)
        factor = graph.step("Reciprocal", graph.step("Sqrt", lengths))
        features = occurs
    else:
        inner = graph.constant("inner", tensors["inner.weight"].T.copy())
        ulp = graph.constant("scale_one", np.array(2.0**-SCALE_BITS))
        factor = graph.step("Mul", graph.cast(scale, TensorProto.DOUBLE), ulp)
        features = graph.step("Sub", occurs, graph.constant("mean_floats", floats_of(mean, MEAN_BITS)))
    scaled = graph.step("Mul", features, graph.step("Unsqueeze", factor, axis))
    hidden = graph.step("MatMul", scaled, inner)
    active = graph.gelu(hidden)
    logit = graph.step("Squeeze", graph.step("MatMul", active, outer), axis)
    bound = graph.constant("bound", np.array(_LARGEST_LOGIT))
    logit = graph.step("Max", graph.step("Min", logit, bound), graph.step("Neg", bound))
    unit_logit = graph.constant("logit_one", np.array(float(1 << LOGIT_BITS)))
    return graph.cast(graph.step("Round", graph.step("Mul", logit, unit_logit)), TensorProto.INT64)


def write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        ConfigError: It cannot be written.
    """
    try:
        write_atomically(path, data)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {(error.strerror or str(error)).lower()}") from error
