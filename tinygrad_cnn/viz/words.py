"""The words in which gates are told: one table by the gate's name.

A gate that has no entry is told in the words of its own docstring: the first sentence, and the
paragraph that starts with Rule.
"""

import inspect
from typing import NamedTuple

from ..gate import Gate


class Words(NamedTuple):
    """How a gate is told.

    forward, value: a headline and a sentence on what it computes; backward, gradient: the same on
    what it sends back. expression: how a formula writes it, {0} and {1} being its inputs, if not
    as name(input, input); binds: how tightly, as a number, for parentheses. local: of a gate that
    works on each number by itself, the formula of the derivative for each input ({out} is the
    output), empty where it is a plain number.
    """

    forward: str
    value: str
    backward: str
    gradient: str
    expression: str = ""
    binds: int = 9
    local: tuple[str, ...] = ()


WORDS = {
    "add": Words(
        "Add sums",
        "The output is the sum of the inputs.",
        "Add distributes",
        "Every input gets the upstream gradient, unchanged.",
        "{0} + {1}",
        1,
        ("", ""),
    ),
    "sub": Words(
        "Sub takes away",
        "The output is the first input less the second.",
        "Sub splits",
        "The first input gets the upstream gradient; the second gets it with its sign flipped.",
        "{0} − {1}",
        1,
        ("", ""),
    ),
    "mul": Words(
        "Mul multiplies",
        "The output is the product of the inputs.",
        "Mul switches",
        "Each input gets the upstream gradient times the other input.",
        "{0} · {1}",
        2,
        ("{1}", "{0}"),
    ),
    "div": Words(
        "Div divides",
        "The output is the first input over the second.",
        "Div shares",
        "Both get the gradient over the denominator; the second also times minus the output.",
        "{0} / {1}",
        2,
        ("1 / {1}", "−{out} / {1}"),
    ),
    "neg": Words(
        "Neg flips",
        "The output is the input with its sign flipped.",
        "Neg flips",
        "The gradient goes back with its sign flipped.",
        "−{0}",
        3,
        ("",),
    ),
    "pow": Words(
        "Pow raises",
        "The output is the first input to the power of the second.",
        "Pow brings down",
        "The exponent comes down as a factor, and is one less where it was.",
        "{0}^{1}",
        4,
        ("{1} · {0}^({1} − 1)", "{out} · log {0}"),
    ),
    "exp": Words(
        "Exp raises",
        "The output is e to the power of the input.",
        "Exp repeats itself",
        "The gradient is multiplied by the gate’s own output.",
        "exp({0})",
        local=("{out}",),
    ),
    "log": Words(
        "Log counts powers",
        "The output is the power to which e must be raised to give the input.",
        "Log divides",
        "The gradient is divided by the input.",
        "log({0})",
        local=("1 / {0}",),
    ),
    "sqrt": Words(
        "Root",
        "The output is the number whose square is the input.",
        "Root halves",
        "The gradient is divided by twice the output.",
        "√({0})",
        local=("1 / (2 · {out})",),
    ),
    "abs": Words(
        "Abs drops the sign",
        "The output is the size of the input.",
        "Abs gives the sign back",
        "The gradient is multiplied by the sign of the input.",
        "abs({0})",
        local=("",),
    ),
    "sin": Words(
        "Sine",
        "The output is the sine of the input, in radians.",
        "Sine turns to cosine",
        "The gradient is multiplied by the cosine of the input.",
        "sin({0})",
        local=("cos({0})",),
    ),
    "cos": Words(
        "Cosine",
        "The output is the cosine of the input, in radians.",
        "Cosine turns to minus sine",
        "The gradient is multiplied by minus the sine of the input.",
        "cos({0})",
        local=("−sin({0})",),
    ),
    "tanh": Words(
        "Tanh squashes",
        "The output lies between −1 and 1.",
        "Tanh damps",
        "The gradient is multiplied by one minus the output squared: little passes where the "
        "output is near −1 or 1.",
        "tanh({0})",
        local=("1 − {out}^2",),
    ),
    "sigmoid": Words(
        "Sigmoid squashes",
        "The output lies between 0 and 1.",
        "Sigmoid damps",
        "The gradient is multiplied by σ (1 − σ): never by more than a quarter.",
        "σ({0})",
        local=("{out} · (1 − {out})",),
    ),
    "relu": Words(
        "Relu cuts off",
        "The output is the input where that is positive, else 0.",
        "Relu opens or shuts",
        "A positive input gets the whole gradient. Any other gets zero.",
        "relu({0})",
        local=("",),
    ),
    "maximum": Words(
        "Max picks",
        "The output is the larger input.",
        "Max routes",
        "The larger input gets the whole gradient. The other gets zero.",
        "max({0}, {1})",
        local=("", ""),
    ),
    "minimum": Words(
        "Min picks",
        "The output is the smaller input.",
        "Min routes",
        "The smaller input gets the whole gradient. The other gets zero.",
        "min({0}, {1})",
        local=("", ""),
    ),
    "sum": Words(
        "Sum gathers",
        "The output is the sum of all elements it reaches over.",
        "Sum hands out",
        "Every summand gets the upstream gradient, unchanged.",
        "sum({0})",
    ),
    "mean": Words(
        "Mean averages",
        "The output is the sum of the elements over their number.",
        "Mean shares",
        "Every element gets the upstream gradient over their number.",
        "mean({0})",
    ),
    "matmul": Words(
        "Matmul mixes",
        "Each output is a sum of products: a row of the first input with a column of the second.",
        "Matmul switches",
        "Each input gets the matrix product of the upstream gradient and the other input, "
        "transposed.",
        "{0} @ {1}",
        2,
    ),
    "linear": Words(
        "Linear mixes",
        "Each output is a sum of products: the inputs with a row of weights, and its bias.",
        "Linear switches",
        "The input gets the gradient mixed by the weights; the weights get its products with the "
        "input; the bias gets the gradient itself.",
        "linear({0}, {1})",
    ),
    "conv": Words(
        "Conv slides",
        "The kernel is laid on every place of the input; each output is the sum of products there.",
        "Conv slides back",
        "The input gets the gradient spread by the kernel; the kernel gets the gradient laid on "
        "the input.",
        "conv({0}, {1})",
    ),
    "max_pool": Words(
        "Max picks",
        "The output is the largest element of each window.",
        "Max routes",
        "The largest element of each window gets its gradient. The others get zero.",
        "max pool({0})",
    ),
    "window_sum": Words(
        "Sum gathers",
        "The output is the sum of each window.",
        "Sum hands out",
        "Every element gets the gradients of the windows it lies in.",
        "window sum({0})",
    ),
    "window_mean": Words(
        "Mean averages",
        "The output is the sum of each window over a number, mostly that of its elements.",
        "Mean shares",
        "Every element gets the gradients of the windows it lies in, over that number.",
        "window mean({0})",
    ),
    "reshape": Words(
        "Reshape",
        "The same numbers in another shape.",
        "Reshape back",
        "The gradient takes the old shape.",
        "reshape({0})",
    ),
    "permute": Words(
        "Permute",
        "The same numbers with their axes in another order.",
        "Permute back",
        "The gradient’s axes return to the old order.",
        "permute({0})",
    ),
    "expand": Words(
        "Expand repeats",
        "The input is repeated to a larger shape.",
        "Expand gathers",
        "The gradients of all copies add.",
        "expand({0})",
    ),
    "cross_entropy": Words(
        "Surprise",
        "The output is minus the logarithm of the probability of the right class.",
        "Guess less truth",
        "Each score gets the gradient times its probability; the right class’s, less one.",
        "cross entropy({0})",
    ),
    "softmax": Words(
        "Softmax shares out",
        "The outputs are positive and sum to 1.",
        "Softmax competes",
        "What one output gains the others lose: the gradient less its weighted mean, times the "
        "output.",
        "softmax({0})",
    ),
}


def words_of(record: Gate) -> Words:
    """The words of a gate."""
    return WORDS.get(record.name) or from_docstring(record)


def from_docstring(record: Gate) -> Words:
    """The words that a gate's docstring has for it."""
    title = record.name.replace("_", " ")
    title = title[0].upper() + title[1:]
    rule = rule_of(record) or "Each input gets the upstream gradient times its local one."
    rule = rule if rule.startswith("d") else rule[0].upper() + rule[1:]  # a formula stays: dz/dx
    return Words(title, paragraphs(record)[0], f"{title} backward", rule)


def rule_of(record: Gate) -> str:
    """The gate's rule as its docstring has it, a formula more often than not; or nothing."""
    rules = [text for text in paragraphs(record) if text.startswith("Rule:")]
    return rules[0].removeprefix("Rule:").strip() if rules else ""


def paragraphs(record: Gate) -> list[str]:
    """The paragraphs of a gate's docstring, each in one line."""
    text = inspect.cleandoc(record.body.__doc__ or "")
    return [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]
