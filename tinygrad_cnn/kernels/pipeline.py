"""How Numba compiles kernels: each function is optimised and translated once.

Left to itself Numba does both for every function, and again within each function that calls it. A
function that only compiled code calls, a `Part`, therefore remains as it was written down, in
LLVM's language, until it is linked into a `Whole`: what Python or a worker calls.

Of Numba's passes over Python's code those are left out that look for what kernels do not have:
closures, `with`, exceptions that are computed, branches that types decide, arrays in expressions.

Only overlays import this: it needs Numba.
"""

from numba import _dynfunc
from numba.core import typed_passes, untyped_passes
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase
from numba.core.compiler_machinery import PassManager, register_pass


class Whole(JITCodeLibrary):
    """The code of a function that is called from outside, with all that it calls."""

    def _optimize_functions(self, ll_module: object) -> None:
        """They are optimised when all are there."""
        ll_module.data_layout = self._codegen._data_layout


class Part(Whole):
    """The code of a function that only compiled code calls: ready to be linked, no more."""

    def _optimize_final_module(self) -> None:
        """Whoever calls it does so."""

    def _finalize_final_module(self) -> None:
        """It is not translated either."""
        self._finalize_dynamic_globals()
        self._finalized = True


@register_pass(mutates_CFG=True, analysis_only=False)
class LowerWhole(typed_passes.NativeLowering):
    """Write a function down in LLVM's language, and translate it."""

    _name = "lower_whole"

    def run_pass(self, state: object) -> bool:
        """Fill state.library."""
        state.library = Whole(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        return super().run_pass(state)


@register_pass(mutates_CFG=True, analysis_only=False)
class LowerPart(typed_passes.NativeLowering):
    """Write a function down in LLVM's language, for callers that are compiled."""

    _name = "lower_part"

    def run_pass(self, state: object) -> bool:
        """Fill state.library, and tell the compiler of the function."""
        state.library = Part(state.targetctx.codegen(), state.func_id.func_qualname)
        state.flags.no_compile = True
        super().run_pass(state)
        code = state.cr.fndesc
        # Numba knows functions by the objects that Python would call.
        key = _dynfunc.make_function(code.lookup_module(), code.qualname, "", 0, state.cr.env, ())
        state.cr = state.cr._replace(cfunc=key)
        state.targetctx.insert_user_function(key, code, [state.library])
        return True


class WholeCompiler(CompilerBase):
    """Compiles a function that is called from outside."""

    lowering = LowerWhole

    def define_pipelines(self) -> list[PassManager]:
        """The passes, in order."""
        passes = PassManager("kernels")
        for step in (
            untyped_passes.TranslateByteCode,
            untyped_passes.FixupArgs,
            untyped_passes.IRProcessing,
            untyped_passes.ReconstructSSA,
            typed_passes.NopythonTypeInference,
            typed_passes.PreLowerStripPhis,
            typed_passes.IRLegalization,
            self.lowering,
            typed_passes.NoPythonBackend,
        ):
            passes.add_pass(step, step.name())
        passes.finalize()
        return [passes]


class PartCompiler(WholeCompiler):
    """Compiles a function that only compiled code calls."""

    lowering = LowerPart
