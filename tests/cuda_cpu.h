// CUDA C on the CPU: a block's threads are fibres of one thread of the system, which take turns at
// barriers. Blocks run one after another. What goes wrong is counted in a Report.
#pragma once
#include <cmath>
#include <cstring>
#include <cstdlib>
#include <setjmp.h>
#include <ucontext.h>
#include <utility>

using std::erf;
using std::erfc;
using std::exp;
using std::log;
using std::sqrt;

#define __global__
#define __device__
// Shared memory is what all blocks find in one section, filled with ones before each of them.
#define __shared__ static __attribute__((section("block_memory")))
#define __syncthreads() wait_at(__LINE__)

struct Dim { unsigned x, y, z; };
static Dim threadIdx, blockIdx, blockDim, gridDim;

struct Report {
    long long divergent;  // barriers that some threads of a block met and others did not
    long long undefined;  // operations on numbers, or indices of shared memory, that C leaves open
    long long arguments;  // arguments whose size is not that of the parameter
};
static Report report;

static inline unsigned __float_as_uint(float x) { unsigned z; memcpy(&z, &x, 4); return z; }
static inline float __uint_as_float(unsigned x) { float z; memcpy(&z, &x, 4); return z; }
static inline double __longlong_as_double(long long x) { double z; memcpy(&z, &x, 8); return z; }
static inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b)
{
    return (unsigned __int128)a * b >> 64;
}

// ---------------------------------------------------------------------------------------- fibres

// A context is made once for each thread of a launch. Turns are taken by jumps, which unlike
// swapcontext ask nothing of the system.
static const size_t STACK = 1 << 16;
struct Fibre { ucontext_t birth; jmp_buf place; int line; bool born, done; };
static Fibre *fibres, *current;
static jmp_buf scheduler;
static char *stacks;
static void (*work)();

static void rest()
{
    if (!_setjmp(current->place)) _longjmp(scheduler, 1);
}

static void wait_at(int line)
{
    current->line = line;
    rest();
}

static void live()
{
    for (;;) {
        work();
        current->done = true;
        rest();
    }
}

static __attribute__((noinline)) void resume(Fibre *f)
{
    current = f;
    if (_setjmp(scheduler)) return;
    if (f->born) _longjmp(f->place, 1);
    f->born = true;
    setcontext(&f->birth);
}

extern "C" {
extern char __start_block_memory[] __attribute__((weak, visibility("hidden")));
extern char __stop_block_memory[] __attribute__((weak, visibility("hidden")));
}

// Run one block; its threads take turns in the order i -> (first + i step) mod count.
static void run_block(int count, int first, int step)
{
    char *memory = __start_block_memory;
    if (memory) memset(memory, 255, __stop_block_memory - memory);
    for (int i = 0; i < count; ++i) fibres[i].done = false;
    for (bool running = true; running;) {
        int line = -1;  // where the threads of this round came to rest; 0: at the end
        running = false;
        bool apart = false;
        for (int k = 0; k < count; ++k) {
            int i = (first + (long long)k * step) % count;
            Fibre &f = fibres[i];
            if (!f.done) {
                threadIdx = {(unsigned)i, 0, 0};
                resume(&f);
            }
            int place = f.done ? 0 : f.line;
            apart = apart || (line >= 0 && place != line);
            line = place;
            running = running || !f.done;
        }
        report.divergent += apart;
    }
}

// Orders: 0 forward, 1 backward, 2 mixed; of threads and of blocks alike.
static void turn(int order, int count, int &first, int &step)
{
    first = order == 1 ? count - 1 : order == 2 ? count / 3 : 0;
    step = 1;
    if (order == 1) step = count - 1;
    if (order == 2 && count % 7) step = 7;  // 7 and count have no common factor
    if (count == 1) step = 0;
}

static Report launch(unsigned blocks, unsigned threads, int order, void (*body)())
{
    report = Report();
    work = body;
    gridDim = {blocks, 1, 1};
    blockDim = {threads, 1, 1};
    fibres = (Fibre *)calloc(threads, sizeof(Fibre));
    stacks = (char *)malloc(threads * STACK);
    for (unsigned i = 0; i < threads; ++i) {
        getcontext(&fibres[i].birth);
        fibres[i].birth.uc_stack.ss_sp = stacks + i * STACK;
        fibres[i].birth.uc_stack.ss_size = STACK;
        makecontext(&fibres[i].birth, live, 0);
    }
    int first, step, block_first, block_step;
    turn(order, threads, first, step);
    turn(order, blocks, block_first, block_step);
    for (unsigned k = 0; k < blocks; ++k) {
        blockIdx = {(unsigned)((block_first + (unsigned long long)k * block_step) % blocks), 0, 0};
        run_block(threads, first, step);
    }
    free(fibres);
    free(stacks);
    return report;
}

// ------------------------------------------------------------------------------------- arguments

static void **given;
static long long wrong_sizes;

template <class... P, size_t... I>
static void call(void (*kernel)(P...), std::index_sequence<I...>) { kernel(*(P *)given[I]...); }

template <class... P>
static void call(void (*kernel)(P...)) { call(kernel, std::index_sequence_for<P...>()); }

template <class... P>
static long long mismatches(void (*)(P...), const long long *sizes, int count)
{
    const long long wanted[] = {(long long)sizeof(P)...};
    if (count != sizeof...(P)) return 1;
    long long wrong = 0;
    for (int i = 0; i < count; ++i) wrong += sizes[i] != wanted[i];
    return wrong;
}

// The function by which Python runs a kernel.
#define ENTRY(name) \
    extern "C" void run_##name(void **arguments, const long long *sizes, int count, \
        unsigned blocks, unsigned threads, int order, Report *out) \
    { \
        given = arguments; \
        out->arguments = mismatches(name, sizes, count); \
        if (out->arguments) return; \
        *out = launch(blocks, threads, order, [] { call(name); }); \
    }

// The compiler's checks report here (-fsanitize=undefined without its library).
#define CHECK(name) extern "C" void __ubsan_handle_##name() { ++report.undefined; }
CHECK(add_overflow)
CHECK(sub_overflow)
CHECK(mul_overflow)
CHECK(negate_overflow)
CHECK(divrem_overflow)
CHECK(shift_out_of_bounds)
CHECK(out_of_bounds)
