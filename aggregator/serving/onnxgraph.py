"""Small steps from which an ONNX graph in 64-bit integers is put together (opset 21, by onnx.helper).

Integers are exact in any runtime, so a graph of these steps gives the project's own numbers, not
numbers near them. ONNX has no shift of signed integers and no integer root; both are made here from
what there is, each with the bound that makes it exact.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from federation.fixedpoint import ENTRIES, PROB_BITS, STEP_BITS, Ints, tables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from onnx import ModelProto, NodeProto, ValueInfoProto

    Array = NDArray[np.int64] | NDArray[np.float64]

OPSET: Final = 21
"""Of the standard operators; onnxruntime has it since 1.18."""

_IR: Final = 10
_ERF_TERMS: Final = 112
"""At 6, the next term is below 2^-75 of the sum."""


class Graph:
    """A graph that grows node by node; each step returns the name of its result."""

    def __init__(self) -> None:
        self._nodes: list[NodeProto] = []
        self._constants: dict[str, Array] = {}

    def constant(self, name: str, value: Array | int) -> str:
        """Name a constant; integers are scalars of int64."""
        self._constants[name] = np.array(value, dtype=np.int64) if isinstance(value, int) else value
        return name

    def number(self, value: int) -> str:
        """Return an int64 scalar."""
        return self.constant(f"n{value}", value)

    def step(self, operator: str, *inputs: str, **attributes: float | list[int]) -> str:
        """Add a node with one result."""
        output = f"t{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def name(self, value: str, name: str) -> None:
        """Give a result the name of an output."""
        self._nodes.append(helper.make_node("Identity", [value], [name]))

    def cast(self, value: str, to: int) -> str:
        """Convert to a tensor element type."""
        return self.step("Cast", value, to=to)

    def shifted_right(self, value: str, bits: int) -> str:
        """Return ``value >> bits``, rounded down: integer Mod has the divisor's sign, Div then is exact."""
        divisor = self.number(1 << bits)
        return self.step("Div", self.step("Sub", value, self.step("Mod", value, divisor)), divisor)

    def root(self, value: str) -> str:
        """Return floor(sqrt(value)) for integers in [0, 2^50).

        The float64 root is correctly rounded and so differs by less than 2^-28 from the true one,
        which lies at least 2^-27 below the next integer, unless it is one.
        """
        return self.cast(
            self.step("Floor", self.step("Sqrt", self.cast(value, TensorProto.DOUBLE))), TensorProto.INT64
        )

    def sigmoid(self, logit: str) -> str:
        """Return the logistic function through the committed table, as ``federation.fixedpoint.sigmoid``."""
        table = self.constant("sigmoid_table", tables()[0].astype(np.int64))
        magnitude = self.step("Min", self.step("Abs", logit), self.number((ENTRIES - 1) << STEP_BITS))
        step = self.number(1 << STEP_BITS)
        index = self.step("Min", self.step("Div", magnitude, step), self.number(ENTRIES - 2))
        low = self.step("Gather", table, index)
        high = self.step("Gather", table, self.step("Add", index, self.number(1)))
        rest = self.step("Sub", magnitude, self.step("Mul", index, step))
        rise = self.step("Div", self.step("Mul", self.step("Sub", high, low), rest), step)
        positive = self.step("Add", low, rise)
        negative = self.step("Sub", self.number(1 << PROB_BITS), positive)
        return self.step("Where", self.step("GreaterOrEqual", logit, self.number(0)), positive, negative)

    def float(self, name: str, value: float) -> str:
        """Name a float64 scalar."""
        return self.constant(name, np.array(value))

    def gelu(self, x: str) -> str:
        """Return ``x / 2 (1 + erf(x / sqrt 2))`` in float64, to about 1e-14 of x."""
        half, one = self.float("half", 0.5), self.float("unit", 1.0)
        bell = self._erf(self.step("Mul", x, self.float("root_half", math.sqrt(0.5))))
        return self.step("Mul", self.step("Mul", x, half), self.step("Add", one, bell))

    def _erf(self, x: str) -> str:
        """Return the error function, as onnxruntime has it in float32 only.

        ``2 / sqrt(pi) exp(-x^2) sum_n 2^n x^(2n+1) / (2n+1)!!`` (Abramowitz and Stegun 7.1.6), whose terms
        all have x's sign, so that nothing cancels; beyond 6 it is 1 to the last bit. The sum is one in
        x^2 / 36, so that no coefficient is tiny: onnxruntime was seen to take those below 1e-38 for 0.
        """
        bound = self.float("six", 6.0)
        x = self.step("Max", self.step("Min", x, bound), self.step("Neg", bound))
        square = self.step("Mul", x, x)
        part = self.step("Div", square, self.float("thirty_six", 36.0))
        terms = [1.0]
        for n in range(1, _ERF_TERMS):
            terms.append(terms[-1] * 72 / (2 * n + 1))
        total = self.float(f"erf{_ERF_TERMS - 1}", terms[-1])
        for n in range(_ERF_TERMS - 2, -1, -1):
            total = self.step("Add", self.step("Mul", total, part), self.float(f"erf{n}", terms[n]))
        front = self.step("Mul", x, self.float("erf_unit", 2 / math.sqrt(math.pi)))
        return self.step("Mul", self.step("Mul", front, self.step("Exp", self.step("Neg", square))), total)

    def model(
        self,
        inputs: list[ValueInfoProto],
        outputs: list[ValueInfoProto],
        *,
        name: str,
        about: str,
        metadata: Mapping[str, str],
    ) -> ModelProto:
        """Return the checked model.

        Args:
            inputs: What it takes.
            outputs: What it gives.
            name: Of the graph.
            about: What it is, in words.
            metadata: What it says about itself.
        """
        from onnx import checker

        constants = [numpy_helper.from_array(value, key) for key, value in self._constants.items()]
        graph = helper.make_graph(self._nodes, name, inputs, outputs, constants)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=_IR,
            producer_name="folkmoot",
            doc_string=about,
        )
        helper.set_model_props(model, dict(metadata))
        checker.check_model(model, full_check=True)
        return model


def rows_of(name: str, kind: int, *shape: int | str) -> ValueInfoProto:
    """Describe an input or output whose first axis is the example's."""
    return helper.make_tensor_value_info(name, kind, ["examples", *shape])


def floats_of(values: Ints, bits: int) -> NDArray[np.float64]:
    """Return fixed-point numbers as floats, exactly."""
    return np.ldexp(values.astype(np.float64), -bits)
