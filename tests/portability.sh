#!/usr/bin/env bash
#
# Does the crate compile, and do its plain tests pass, where its developers do not sit?
#
#     bash tests/portability.sh [check|run|all]
#
#   check  type-checks the library for other systems, and with the oldest supported compiler
#   run    runs tests as an aarch64 program under qemu-user, as a Windows program under Wine, and with programs of 32
#          bits beside programs of 64
#   all    both (the default)
#
# A target that the active toolchain has is used as it is. For any other, std is compiled from the source that Debian
# packages, by the compiler of the same package: the package registries are all this script needs of the network.
# Neither emulator stands for the real machine: qemu keeps the host's memory order, and Wine's futex is not Windows'.
#
# Every step ends in OK, FAILED or SKIPPED with the reason; the exit status is 1 if one FAILED, else 0. All that is
# fetched or built stays in SLOTSYNC_PORTABILITY_DIR (default: slotsync-portability in the user's cache directory), so
# that a second run is quick; remove it to start afresh, for instance to get a newer compiler from Debian. As root on
# Debian the script installs the packages it needs. It writes nothing to the source tree.

set -u -o pipefail

readonly CHECKED_TARGETS=(
    x86_64-pc-windows-msvc
    aarch64-apple-darwin
    x86_64-unknown-freebsd
    i686-unknown-linux-gnu
    aarch64-unknown-linux-gnu
    powerpc-unknown-linux-gnu   # no atomics of 64 bits; the other byte order
)
# An emulator can tell what atomic operations, the futex and the size of a word do, and it is slow. So it runs no sequences
# of calls against models, and of the origins of memory only the anonymous one, beside private memory.
# What is touched after it was published is told by memory that goes away, which an emulator does not do well.
readonly ONE_ORIGIN=(--skip ::memfd --skip ::named --skip ::file --skip properties:: --skip publish::)
readonly QEMU_TESTS=(words primitives arrays)
# On Windows there is waiting within one process.
readonly WINE_TESTS=(words primitives arrays places)
# What 32 bits could change, and what is shared with 64.
readonly I686_TESTS=(words primitives arrays places memory examples)
readonly TEST_SECONDS=300       # for each test program: a lost wakeup must not hang the whole run
readonly SKIPPED=77             # the exit status of a step that could not be tried

SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd) || exit
readonly SOURCE
WORK=$(realpath -m "${SLOTSYNC_PORTABILITY_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/slotsync-portability}") || exit
readonly WORK
readonly TREE=$WORK/tree

MSRV=$(sed -n 's/^rust-version *= *"\([^"]*\)".*/\1/p' "$SOURCE/Cargo.toml")
readonly MSRV

# ---------------------------------------------------------------------------------------------------------- reporting

passed=0 failed=0 skipped=0 lines=()

# step SUBJECT ACTIVITY COMMAND...: runs the command in a subshell where the first failure ends it, and reports.
step() {
    local subject=$1 activity=$2 log=$WORK/log/${1// /-}-${2// /-}.log start=$SECONDS status
    shift 2
    (set -e && cd "$TREE" && "$@") >"$log" 2>&1 </dev/null 9>&-
    status=$?
    case $status in
    0) passed=$((passed + 1)) && verdict "OK ($((SECONDS - start)) s$(remarks "$log"))" && left_out "$log" ;;
    "$SKIPPED") skipped=$((skipped + 1)) && verdict "SKIPPED: $(<"$RUN/reason")" ;;
    *) failed=$((failed + 1)) && verdict FAILED && tail_of "$log" ;;
    esac
}

# Reads step's `subject` and `activity`.
verdict() {
    lines+=("$(printf 'portability: %-25s %-17s %s' "$subject" "$activity" "$1")")
    printf '%s\n' "${lines[-1]}"
}

# What else is worth knowing of a step that passed: how many tests that was, how many warnings the crate has there.
remarks() {
    awk '/^test result: ok/ { tests += $4; ignored += $8 }
         /^warning: .* generated [0-9]+ warning/ { match($0, /generated [0-9]+/); warnings += substr($0, RSTART + 10) }
         END {
             if (tests) printf ", %d tests", tests
             if (ignored) printf ", %d ignored", ignored
             if (warnings) printf ", %d warnings", warnings
         }' "$1"
}

# What single tests left out, and said so.
left_out() {
    sed -n 's/^SKIPPED /  left out: /p' "$1" | sort -u
}

# The end of a log, without the tests that passed.
tail_of() {
    printf '  the end of %s:\n' "$1"
    grep -v '^test .* ok$' "$1" | tail -n 40 | sed 's/^/  | /'
}

# Ends the step it is called from.
skip() {
    printf '%s' "$*" | tr '\n' ' ' >"$RUN/reason"
    exit "$SKIPPED"
}

summary() {
    printf '\n'
    printf '%s\n' "${lines[@]}"
    printf 'portability: %d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
}

# ------------------------------------------------------------------------------------------------------ what is needed

is_root() {
    [ "$(id -u)" = 0 ]
}

# apt_get COMMAND...: or the end of the step, with apt-get's own reason.
apt_get() {
    DEBIAN_FRONTEND=noninteractive apt-get -y -o DPkg::Lock::Timeout=120 "$@" 2>&1 | tee "$RUN/apt" ||
        skip "apt-get $1 failed: $(grep '^E:' "$RUN/apt" | tail -n 1)"
}

# Fresh package lists, once a run and only if a step needs a package: with stale ones a download may be gone.
apt_lists() {
    command -v apt-get >/dev/null || skip "not Debian: there is no apt-get"
    [ ! -e "$RUN/apt-lists" ] || return 0
    if is_root; then
        apt-get update || echo "apt-get update failed; going on with the lists that are here"
    fi
    touch "$RUN/apt-lists"
}

# The first of these commands or files that is not there.
missing() {
    local thing
    for thing; do
        command -v "$thing" >/dev/null || [ -e "$thing" ] || { echo "$thing" && return; }
    done
}

# need THING... -- PACKAGE...: installs the packages unless all the commands and files are there already.
need() {
    local things=() lacking
    while [ "$1" != -- ]; do
        things+=("$1")
        shift
    done
    shift
    lacking=$(missing "${things[@]}")
    [ -n "$lacking" ] || return 0
    apt_lists
    is_root || skip "$lacking is missing, and only root can install $*"
    apt_get install --no-install-recommends "$@"
    lacking=$(missing "${things[@]}")
    [ -z "$lacking" ] || skip "$lacking is missing even with $* installed"
}

# ------------------------------------------------------------------------------------------------------- compilers

# The newest "VERSION PACKAGE" of a rustc in Debian whose version starts with $1. Debian's stable releases carry a
# newer compiler for the browsers' sake beside their own: hence two names.
debian_rustc_version() {
    apt-cache madison rustc-web rustc | awk -F ' *[|] *' -v prefix="$1" '
        /Packages$/ && index($2, prefix) == 1 { sub(/^ +/, "", $1); print $2, $1 }' | sort -uV | tail -n 1
}

# debian_rustc NAME PREFIX [src]: makes $WORK/NAME/rustc, a compiler from Debian, if need be with std's source.
#
# Its packages are unpacked, not installed: they would collide with rustup and with each other.
debian_rustc() {
    local root=$WORK/$1 version package
    [ ! -e "$root" ] || return 0
    need cc -- gcc libc6-dev
    apt_lists
    read -r version package <<<"$(debian_rustc_version "$2")" || true
    [ -n "$package" ] || skip "apt offers no rustc ${2%.}"
    is_supported "$version" || skip "the newest rustc of apt is $version, but the crate needs $MSRV"
    unpack_rustc "$root.new" "$version" "${package#rustc}" "${@:3}"
    write_wrapper "$root.new"
    mv "$root.new" "$root" # last: whatever has that name is whole
}

# unpack_rustc ROOT VERSION INFIX [src]. What else that compiler needs, for instance which LLVM, apt's solver knows.
unpack_rustc() {
    local root=$1 packages=("rustc$3=$2" "libstd-rust$3-dev=$2") deb
    [ "${4-}" != src ] || packages+=("rust$3-src=$2")
    rm -rf "$root"
    mkdir -p "$root/debs/partial"
    apt_get install --download-only --reinstall --allow-downgrades --no-install-recommends \
        -o Debug::NoLocking=1 -o Dir::Cache::archives="$root/debs" "${packages[@]}"
    for deb in "$root"/debs/*.deb; do
        dpkg -x "$deb" "$root"
    done
    rm -rf "$root/debs" "$root"/usr/src/rustc-*/{compiler,src,tests}
}

write_wrapper() {
    cat >"$1/rustc" <<'END'
#!/bin/sh
# Not being installed, the compiler has to be told where its libraries are.
root=${0%/*}
for libraries in "$root"/usr/lib/*-linux-gnu; do :; done
LD_LIBRARY_PATH=$libraries exec "$root/usr/bin/rustc" "$@"
END
    chmod +x "$1/rustc"
}

is_supported() {
    [ "$(printf '%s\n' "$MSRV" "$1" | sort -V | head -n 1)" = "$MSRV" ]
}

has_target() {
    [ -e "$(rustc --print sysroot)/lib/rustlib/$1/lib" ]
}

# cargo_for TARGET COMMAND...: the active cargo, with std from source if its toolchain lacks the target.
#
# One target directory for all of this: checks and tests of aarch64 share its std, which takes the most time.
cargo_for() {
    local target=$1 std=()
    shift
    if ! has_target "$target"; then
        debian_rustc rustc-newest '' src
        # Lets a stable cargo and Debian's stable compiler rebuild std: no nightly toolchain is needed.
        export RUSTC=$WORK/rustc-newest/rustc RUSTC_BOOTSTRAP=1
        std=(-Zbuild-std -Zbuild-std-features=panic-unwind) # not backtrace, whose crates are a sixth of the work
    fi
    # After the command itself: what comes behind a `--` is for the tests.
    CARGO_TARGET_DIR=$WORK/target cargo "$1" --target "$target" "${LOCKED[@]}" "${std[@]}" "${@:2}"
}

# ------------------------------------------------------------------------------------------------------------- steps

type_check() {
    cargo_for "$1" check --lib --features guarded
}

type_check_msrv() {
    debian_rustc "rustc-$MSRV" "$MSRV."
    RUSTC=$WORK/rustc-$MSRV/rustc CARGO_TARGET_DIR=$WORK/target-msrv cargo check --lib --features guarded "${LOCKED[@]}"
}

# run_tests TARGET TEST... -- OPTION...: those programs, and options for each of them.
run_tests() {
    local target=$1 chosen=()
    shift
    while [ "$1" != -- ]; do
        chosen+=(--test "$1")
        shift
    done
    cargo_for "$target" test --features guarded --no-fail-fast "${chosen[@]}" "$@" | tee -a "$RUN/tests"
    grep -q '^test .* ok$' "$RUN/tests" || skip "all tests are compiled out or ignored"
}

# For the tests to leave out what an emulator cannot do, and to do less of what it does slowly.
emulated() {
    export SLOTSYNC_EMULATED=1 PROPTEST_CASES=32
}

run_under_qemu() {
    local sysroot=/usr/aarch64-linux-gnu
    emulated
    need qemu-aarch64 aarch64-linux-gnu-gcc "$sysroot/include/stdio.h" -- \
        qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="timeout -k 10 $TEST_SECONDS qemu-aarch64 -L $sysroot"
    run_tests aarch64-unknown-linux-gnu "${QEMU_TESTS[@]}" -- "${ONE_ORIGIN[@]}" --skip processes
    # One after the other: what qemu forks while its other threads are busy may hang, holding a lock that one of them had.
    RUST_TEST_THREADS=1 run_tests aarch64-unknown-linux-gnu primitives -- "${ONE_ORIGIN[@]}" processes::
}

# Not gcc-multilib: that drives out the compilers for other machines.
need_32_bits() {
    [ "$(uname -m)" = x86_64 ] || skip "not an x86-64 machine"
    need cc -- gcc libc6-dev
    need /lib/ld-linux.so.2 /usr/lib32/crt1.o -- "gcc-$(cc -dumpversion | cut -d. -f1)-multilib"
    echo 'int main(void) { return 0; }' >"$RUN/probe.c"
    cc -m32 -o "$RUN/probe" "$RUN/probe.c" || skip "cc -m32 makes no program"
    "$RUN/probe" || skip "this system runs no program of 32 bits"
}

# The tests in 64 bits, with a program in C of 32.
run_beside_32_bits() {
    need_32_bits
    CARGO_TARGET_DIR=$WORK/target cargo test "${LOCKED[@]}" --test examples -- of_32_bits
}

# The tests in 32 bits, with a program in C of 64, and of 32.
run_beside_64_bits() {
    need_32_bits
    export CARGO_TARGET_I686_UNKNOWN_LINUX_GNU_RUNNER="timeout -k 10 $TEST_SECONDS"
    # Of the examples only the program in C: the others are run by programs of this word size.
    run_tests i686-unknown-linux-gnu "${I686_TESTS[@]}" -- "${ONE_ORIGIN[@]}" --skip race:: --skip programs:: --skip posix::
}

run_under_wine() {
    emulated
    PATH=$PATH:/usr/lib/wine # where Debian keeps wine64, as long as no package makes it a default
    need wine64 wineserver x86_64-w64-mingw32-gcc -- wine64 gcc-mingw-w64-x86-64
    # Nothing on the screen, no offers to download .NET or a browser, no entries in the desktop's menus.
    export WINEDEBUG=-all WINEDLLOVERRIDES=winemenubuilder.exe,mscoree,mshtml= DISPLAY='' WINEPREFIX=$WORK/wine
    make_wine_prefix
    export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER="timeout -k 10 $TEST_SECONDS wine64"
    run_tests x86_64-pc-windows-gnu "${WINE_TESTS[@]}" -- --skip properties:: --skip publish::
    run_tests x86_64-pc-windows-gnu memory -- growable::calls::
}

make_wine_prefix() {
    local new=$WORK/wine.new
    [ ! -d "$WORK/wine" ] || return 0
    rm -rf "$new"
    WINEPREFIX=$new wine64 wineboot --init
    WINEPREFIX=$new wineserver --wait
    add_process_prng "$new/drive_c/windows/system32/bcryptprimitives.dll"
    mv "$new" "$WORK/wine"
}

# std seeds its hash maps with ProcessPrng, from a library which Wine 8 does not have.
add_process_prng() {
    [ ! -e "$1" ] || return 0
    cat >"$RUN/prng.c" <<'END'
#include <windows.h>
#include <ntsecapi.h>
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T length) { return RtlGenRandom(data, (ULONG)length); }
END
    x86_64-w64-mingw32-gcc -shared -O1 -o "$1" "$RUN/prng.c" -ladvapi32
}

# ------------------------------------------------------------------------------------------------------------- main

# Cargo and the tests run in a copy, for they write: a missing Cargo.lock, the cases proptest found. Times are kept,
# so that cargo recompiles only what changed.
copy_source() {
    mkdir -p "$TREE" &&
        find "$TREE" -mindepth 1 -maxdepth 1 ! -name Cargo.lock -exec rm -rf {} + &&
        tar -C "$SOURCE" --exclude=./target --exclude=./.git -cf - . | tar -C "$TREE" --no-same-owner -xf -
}

check() {
    local target
    for target in "${CHECKED_TARGETS[@]}"; do
        step "$target" type-checked type_check "$target"
    done
    step "rustc $MSRV" type-checked type_check_msrv
}

run() {
    step aarch64-unknown-linux-gnu 'tests under qemu' run_under_qemu
    step x86_64-pc-windows-gnu 'tests under Wine' run_under_wine
    step 'x86_64 beside i686' run run_beside_32_bits
    step 'i686 beside x86_64' run run_beside_64_bits
}

prepare() {
    command -v cargo >/dev/null || { echo "portability: there is no cargo" >&2 && return 1; }
    mkdir -p "$WORK/log" || return
    exec 9>"$WORK/lock" && flock 9 || return # one run at a time; steps close it, for Wine's server lives on
    RUN=$(mktemp -d) || return
    trap 'rm -rf "$RUN"' EXIT
    copy_source || return
    LOCKED=()
    [ ! -e "$SOURCE/Cargo.lock" ] || LOCKED=(--locked)
    # What the caller may have set for an ordinary build does not fit a foreign target or another compiler.
    unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_RUSTFLAGS CARGO_BUILD_TARGET RUSTC RUSTC_WRAPPER
    unset RUSTC_WORKSPACE_WRAPPER RUSTC_BOOTSTRAP
    export RUSTUP_AUTO_INSTALL=0 # take what is there: toolchains are no package registry's
    # For checks as well, which do not link: with another linker cargo would compile std again.
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
    export CARGO_TERM_COLOR=never CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0 LC_ALL=C
}

main() {
    local steps part
    case ${1-all} in
    check | run) steps=("$1") ;;
    all) steps=(check run) ;;
    *) echo "usage: bash tests/portability.sh [check|run|all]" >&2 && return 2 ;;
    esac
    prepare || return
    for part in "${steps[@]}"; do
        "$part"
    done
    summary
    [ "$failed" -eq 0 ]
}

main "$@"
