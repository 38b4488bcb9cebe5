#!/usr/bin/env bash
# ThreadSanitizer and AddressSanitizer over the tests of the primitives, by hand: not part of tests/all.sh.
#
#   bash tests/sanitizers.sh [address|thread|all]
#
# AddressSanitizer takes a nightly toolchain. ThreadSanitizer also takes a std that was built with it, or it reports
# races inside std that are none; this uses the compiler and the source of std that tests/portability.sh unpacks from
# Debian's packages. It sees the threads of one process and knows nothing of races between processes.
set -u -o pipefail
cd "$(dirname "$0")/.." || exit 2
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS

work=${SLOTSYNC_PORTABILITY_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/slotsync-portability}
target=${CARGO_TARGET_DIR:-$PWD/target}
host=$(rustc -vV | sed -n 's/^host: //p')
failed=0
programs=(--features guarded --test primitives --test arrays --test memory)
# Only threads: what these skip forks, or observes what a sanitizer changes.
threads=(--skip processes --skip scribbles:: --skip publish:: --skip node:: --skip tearing:: --skip buffer::
    --skip descriptors:: --skip names:: --skip races:: --skip room:: --skip objects::)

verdict() { printf 'sanitizers: %-8s %s\n' "$1" "$2"; }

address() {
    cargo +nightly --version >/dev/null 2>&1 || { verdict address 'SKIPPED: no nightly toolchain' && return; }
    # Some tests ask for more memory than there is, and want to be told so.
    if ASAN_OPTIONS=allocator_may_return_null=1 RUSTFLAGS=-Zsanitizer=address CARGO_TARGET_DIR=$target/asan cargo +nightly test --target "$host" \
        "${programs[@]}" --test places --test stress -- "${threads[@]:2}"; then
        verdict address OK
    else
        verdict address FAILED && failed=1
    fi
}

thread() {
    local compiler=$work/rustc-newest runtime
    [ -e "$compiler/rustc" ] || bash tests/portability.sh check
    [ -e "$compiler/rustc" ] || { verdict thread "SKIPPED: tests/portability.sh could not get a compiler with std's source" && return; }
    # Debian's compiler comes without the runtime library; the toolchain's own serves.
    runtime=$(find "$(rustc --print sysroot)" -name 'librustc-*_rt.tsan.a' | head -n 1)
    [ -n "$runtime" ] || { verdict thread 'SKIPPED: the toolchain has no ThreadSanitizer runtime' && return; }
    cp "$runtime" "$compiler/usr/lib/rustlib/$host/lib/librustc-stable_rt.tsan.a"
    # Only tests of threads: a fork of a process with threads confuses the sanitizer.
    if RUSTC=$compiler/rustc RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=thread CARGO_TARGET_DIR=$target/tsan \
        cargo test -Zbuild-std --target "$host" "${programs[@]}" -- "${threads[@]}"; then
        verdict thread OK
    else
        verdict thread FAILED && failed=1
    fi
}

case ${1-all} in
address | thread) "$1" ;;
all) address; thread ;;
*) echo 'usage: bash tests/sanitizers.sh [address|thread|all]' >&2 && exit 2 ;;
esac
exit "$failed"
