#!/bin/sh
# Run a command with the options that a sanitizer's runtime needs here.
# usage: with-sanitizer.sh asan|ubsan|tsan COMMAND...

sanitizer=$1
shift

# Leaks are no matter of an allocator's tests: what is still cached counts as
# lost.  A request that must fail is allowed to.  Faults that a test provokes
# on purpose must end the process as they do without a sanitizer.
ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:handle_abort=0:handle_segv=0:$ASAN_OPTIONS
UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1:$UBSAN_OPTIONS
TSAN_OPTIONS=halt_on_error=1:handle_segv=0:die_after_fork=0:$TSAN_OPTIONS
export ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS

# The runtimes of gcc 12 and clang 14 do not cope with the address space
# randomization of newer kernels.
if [ "$sanitizer" = tsan ] && setarch -R true 2>/dev/null; then
	exec setarch -R "$@"
fi
exec "$@"
