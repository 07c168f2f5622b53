"""Functions that are written out in LLVM's language, as machine code that is called by its address.

They say what the processor is to do, instruction by instruction, and are translated as they stand.
Through Numba they would be looked through for what could be improved, which is nothing, and take
four times as long to compile.

Only overlays import this: it needs Numba.
"""

import contextlib
from collections.abc import Callable

from llvmlite import binding, ir
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target

from .code_cache import CodeCache
from .compiling import compiling, tell

WORD = ir.IntType(64)
NAME = "code"
ENGINES = []  # which keep the machine code alive


@global_compiler_lock  # LLVM is for one thread at a time
def assembled(write: Callable, count: int) -> int:
    """Where the machine code of a function of `count` int64 numbers lies.

    write: called as (builder, *numbers) it writes the function's code. What was translated is kept
    on disk as in `compiled`.
    """
    target = cpu_target.target_context.codegen().magic_tuple()
    cache = None
    with contextlib.suppress(RuntimeError):  # there is no folder that can be written to
        cache = CodeCache(write, {})
    code = None if cache is None else cache.load(count, target)
    if code is None:
        with compiling(write):
            code = translated(write, count, target)
        if cache is not None:
            tell(cache.name, False)
            cache.save(count, code)
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine(target))
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    ENGINES.append(engine)
    return engine.get_function_address(NAME)


def machine(target: tuple) -> binding.TargetMachine:
    """LLVM's idea of the processor that Numba compiles for."""
    triple, processor, features = target
    kind = binding.Target.from_triple(triple)
    return kind.create_target_machine(cpu=processor, features=features, opt=3, jit=True)


def translated(write: Callable, count: int, target: tuple) -> bytes:
    """The machine code of a function."""
    module = ir.Module()
    module.triple = target[0]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [WORD] * count), NAME)
    builder = ir.IRBuilder(function.append_basic_block())
    write(builder, *function.args)
    builder.ret_void()
    return machine(target).emit_object(binding.parse_assembly(str(module)))
