"""How Numba compiles kernels: each function is optimised and translated once.

Left to itself Numba does both for every function, and again within each function that calls it. A
function that only compiled code calls, a `Part`, therefore remains as it was written down, in
LLVM's language, until it is linked into a `Whole`: what Python or a worker calls.

Of Numba's passes over Python's code those are left out that look for what kernels do not have:
closures, `with`, exceptions that are computed, branches that types decide, arrays in expressions.
What Numba searches for each time that it meets it is put where it need not search, see `Known`.

Only overlays import this: it needs Numba.
"""

import functools
import operator
from collections.abc import Callable

from llvmlite import binding
from numba import _dynfunc
from numba.core import ir, typed_passes, types, untyped_passes
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase
from numba.core.compiler_machinery import FunctionPass, PassManager, register_pass
from numba.core.extending import _Intrinsic
from numba.core.ir_utils import build_definitions
from numba.core.ssa import reconstruct_ssa
from numba.core.transforms import canonicalize_cfg
from numba.cpython.builtins import do_minmax
from numba.extending import intrinsic, models, register_model, typeof_impl

# --- what is optimised and translated -------------------------------------------------------------


class Part(JITCodeLibrary):
    """The code of a function that only compiled code calls: ready to be linked, no more."""

    def _optimize_functions(self, ll_module: object) -> None:
        """They are optimised when all are there."""
        ll_module.data_layout = self._codegen._data_layout

    def finalize(self) -> None:
        """Whoever calls it links, optimises and translates."""
        self._finalized = True


class Whole(JITCodeLibrary):
    """The code of a function that is called from outside, with all that it calls."""

    _optimize_functions = Part._optimize_functions

    def add_linking_library(self, library: JITCodeLibrary) -> None:
        """Link a function that is called, and those that it calls."""
        super().add_linking_library(library)
        if isinstance(library, Part):
            for called in library._linking_libraries:
                self.add_linking_library(called)


class Straight(Whole):
    """Code whose loops remain as they are written.

    That vectors are in it already is told by whoever asks for it. LLVM would make several copies of
    each loop, which takes a third of the time, and more for each to be translated.
    """

    def _optimize_final_module(self) -> None:
        """All else is done."""
        tuning = binding.create_pipeline_tuning_options(speed_level=3)
        tuning.loop_vectorization = tuning.loop_interleaving = tuning.loop_unrolling = False
        builder = binding.create_pass_builder(self._codegen._tm, tuning)
        builder.getModulePassManager().run(self._final_module, builder)


# --- what is found once ---------------------------------------------------------------------------


class Known(types.Callable, types.Opaque):
    """A function of which the signature for given types is found once; see `known`.

    Numba looks through up to thirty lists each time that an operator is written down, and again for
    its code; of an intrinsic it asks all registries for news.
    """

    def __init__(self, function: Callable) -> None:
        self.function = function
        self.signatures = {}
        self.kinds = {}
        super().__init__(f"Known({function!r})")

    @property
    def key(self) -> Callable:
        """What tells it from others."""
        return self.function

    def get_call_type(self, context: object, args: tuple, kws: dict) -> object:
        """The signature for arguments of these types."""
        key = (args, *kws.items())
        found = self.signatures.get(key)
        if found is None:
            kind = context.resolve_value_type(self.function)
            found = self.signatures[key] = kind.get_call_type(context, args, kws)
            self.kinds[found.args] = kind
        return found

    def get_call_signatures(self) -> tuple[list, bool]:
        """What there is to choose from: not told."""
        return [], True

    def get_impl_key(self, signature: object) -> object:
        """What Numba knows the function's code by."""
        return self.kinds[signature.args].get_impl_key(signature)


register_model(Known)(models.OpaqueModel)


@typeof_impl.register(Known)
def type_of_known(value: Known, _: object) -> Known:
    """Numba's type of it is itself."""
    return value


def extreme(sign: Callable) -> Callable:
    """min or max of two numbers as instructions: Numba would compile a function for each type."""

    @intrinsic
    def found(typing, x, y):
        kind = typing.unify_types(types.unliteral(x), types.unliteral(y))

        def generate(context, b, signature, given):
            return do_minmax(context, b, signature.args, given, sign)

        return kind(kind, kind), generate

    return found


INSTEAD = {min: extreme(operator.lt), max: extreme(operator.gt)}


@functools.cache
def known(function: Callable) -> Known:
    """The one stand-in for a function, within what is compiled."""
    return Known(INSTEAD.get(function, function))


# --- the passes -----------------------------------------------------------------------------------


@register_pass(mutates_CFG=True, analysis_only=False)
class Prepare(FunctionPass):
    """Give each value a name of its own, and put what is known in the place of functions."""

    _name = "prepare"

    def __init__(self) -> None:
        super().__init__()

    def run_pass(self, state: object) -> bool:
        """Change the function."""
        function = state.func_ir
        function.blocks = canonicalize_cfg(function.blocks)
        state.func_ir = function = reconstruct_ssa(function)
        function._definitions = build_definitions(function.blocks)
        for block in function.blocks.values():
            for assignment in block.find_insts(ir.Assign):
                told = assignment.value
                if isinstance(told, ir.Expr) and told.op in ("binop", "inplace_binop"):
                    told.fn = known(told.fn)
                    if told.op == "inplace_binop":
                        told.immutable_fn = known(told.immutable_fn)
                elif isinstance(told, ir.Global) and (
                    told.value in (min, max, bool) or isinstance(told.value, _Intrinsic)
                ):
                    told.value = known(told.value)
        return True


@register_pass(mutates_CFG=True, analysis_only=False)
class JoinNames(typed_passes.PreLowerStripPhis):
    """Give values one name again that are one variable's."""

    _name = "join_names"

    def run_pass(self, state: object) -> bool:
        """Change the function."""
        state.func_ir = function = self._strip_phi_nodes(state.func_ir)
        function._definitions = build_definitions(function.blocks)
        return True


@register_pass(mutates_CFG=True, analysis_only=False)
class LowerWhole(typed_passes.NativeLowering):
    """Write a function down in LLVM's language, and translate it."""

    _name = "lower_whole"
    library = Whole

    def run_pass(self, state: object) -> bool:
        """Fill state.library."""
        state.library = self.library(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        return super().run_pass(state)


@register_pass(mutates_CFG=True, analysis_only=False)
class LowerStraight(LowerWhole):
    """Write a function down in LLVM's language, and translate its loops as they are."""

    _name = "lower_straight"
    library = Straight


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


class Passes(PassManager):
    """Passes one after the other, each of which leaves behind what the next ones need."""

    _ENFORCING = False


class WholeCompiler(CompilerBase):
    """Compiles a function that is called from outside."""

    lowering = LowerWhole

    def define_pipelines(self) -> list[PassManager]:
        """The passes, in order."""
        passes = Passes("kernels")
        for step in (
            untyped_passes.TranslateByteCode,
            untyped_passes.FixupArgs,
            Prepare,
            typed_passes.NopythonTypeInference,
            JoinNames,
            typed_passes.IRLegalization,
            self.lowering,
            typed_passes.NoPythonBackend,
        ):
            passes.add_pass(step, step.name())
        passes.finalize()
        return [passes]


class StraightCompiler(WholeCompiler):
    """Compiles a function that is called from outside and whose loops remain as they are."""

    lowering = LowerStraight


class PartCompiler(WholeCompiler):
    """Compiles a function that only compiled code calls."""

    lowering = LowerPart
