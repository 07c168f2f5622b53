"""The table of gates: for each one how its inputs and settings are drawn, and what is true of it.

A gate without a row fails the suite; a new gate needs one row, in the file of its family under
`rows/`, and no other test, since what `test_gates.py` asks is asked of every row. A row says

    cases     a strategy of `Case`: inputs as NumPy arrays (float64, whole numbers for indices,
              truth values for masks, None for an input that is left out), and settings
    truth     what the gate computes, in NumPy or in plain loops
    torch     the same in PyTorch, given the module; True stands for its function of that name
    scalar    whether the gate works on single numbers as well
    view      whether the result may share memory with an input
    fixed     inputs that hold floats, but are not differentiated
    waits     whether a device has to be waited for

Which inputs can be differentiated is no column: a gate's record says for which it has rules.
"""

import itertools

from rows import (
    activation,
    contraction,
    indexing,
    loss,
    norm,
    pointwise,
    pool,
    reduction,
    resample,
    shape,
    sort,
    window,
)

FAMILIES = (
    pointwise,
    activation,
    shape,
    indexing,
    reduction,
    contraction,
    sort,
    window,
    pool,
    resample,
    norm,
    loss,
)
ROWS = {name: row for family in FAMILIES for name, row in family.ROWS.items()}

# A row written twice would hide one of the two.
NAMED = list(itertools.chain.from_iterable(family.ROWS for family in FAMILIES))
assert len(NAMED) == len(ROWS), f"two rows: {sorted(n for n in ROWS if NAMED.count(n) > 1)}"
