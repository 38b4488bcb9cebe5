#!/usr/bin/env bash
# Every test there is, with a summary line for each suite at the end.
#
#   bash tests/all.sh            everything; about 35 minutes on two processors
#   bash tests/all.sh --quick    calls, examples of the docs and a cut of the models, in about 3 minutes once the dependencies are built
#   bash tests/all.sh SUITE...   some of them, by the names below
#
# What this machine lacks is reported as SKIPPED, with the reason. The exit status is 0 only if nothing failed.
set -u -o pipefail
cd "$(dirname "$0")/.." || exit 2

# The caller's flags are not those of the models. The models have a target folder of their own, so that the two do not
# rebuild each other's dependencies.
unset RUSTFLAGS RUSTDOCFLAGS CARGO_ENCODED_RUSTFLAGS
target=${CARGO_TARGET_DIR:-$PWD/target}
under_loom() { RUSTFLAGS='--cfg loom' RUSTDOCFLAGS='--cfg loom' CARGO_TARGET_DIR="$target/loom" "$@"; }

# Three builds: one for development, one for release and one for loom, each with all features.
rooms=(--test memory --test words --test primitives --test arrays --test places --test lock_api --test house)
dev() { cargo test --all-features "$@"; }
release() { cargo test --release --all-features "$@"; }
models() { under_loom cargo test --release --all-features --test loom "$@"; }

# Calls, errors and outcomes over every origin of memory; sequences of calls against models; real processes, killed and
# not; another engine, where there is one; the house rules, the tables in docs/, and that every mutant still fits.
rooms() { dev "${rooms[@]}" --test loom; }
# The examples, and programs that run over them: real processes, some of them in C.
examples() {
    programs
    cargo build --all-features --examples && dev --test examples
}
# The programs that run over the example posix, where this is Debian and we may install them. If one is missing even
# then, its test says so.
programs() {
    if command -v xz && command -v pigz || ! command -v apt-get || [ "$(id -u)" != 0 ]; then
        return
    fi
    DEBIAN_FRONTEND=noninteractive apt-get -y -o DPkg::Lock::Timeout=120 install --no-install-recommends xz-utils pigz
}
# Every example of a public item, and a model of a user's own.
docs() { dev --doc && under_loom cargo test --release --all-features --doc -- futex::model; }
# 16 agents, as threads and as processes, as fast as they get. One stress at a time: it asks how loaded the machine is. With
# slices of half a minute, a load that keeps an agent between its change and its wake looks like no lost wakeup.
stress() { SLOTSYNC_TEST_SLICE_MS=30000 release --test stress -- --nocapture --test-threads=1; }
# A process killed before each instruction of each operation. Many at once: most of it waits for the end of a slice.
kills() { release --test kills -- --nocapture --test-threads=16; }
# The instructions of the fast path, as a user gets it.
uncontended() { release --test uncontended -- --nocapture; }
# Two agents whole, three to two or three preemptions, under each double of the futex.
loom() { models; }
# Each breaks one line; the model that the table names must notice.
mutants() { dev --test loom -- --ignored --nocapture; }
# Other compilers, and other systems, as far as a compiler can tell. Runs under emulators take longer, and may need another
# try: `bash tests/portability.sh run`.
portability() { bash tests/portability.sh check; }

# Of --quick: what is left if processes and sequences of calls are left out, and each model goes to one preemption. The
# models that must fail need more of them.
quick_rooms() { dev "${rooms[@]}" --test loom -- --skip processes:: --skip properties:: --skip node::; }
quick_docs() { dev --doc; }
quick_loom() { LOOM_MAX_PREEMPTIONS=1 models -- --skip must_fail:: --skip doubles::; }

suites=(rooms examples docs stress kills uncontended loom mutants portability)
quick=(quick_rooms quick_docs quick_loom)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
summary=()
failed=0

# Runs a suite, shows its output, and keeps a line for the end; below it, what the suite left out.
run() {
    local start=$SECONDS verdict=ok
    printf '\n=== %s\n' "$1"
    "$1" 2>&1 | tee "$log" || { verdict=FAILED && failed=1; }
    summary+=("$(printf '%-12s %-7s %5d s' "$1" "$verdict" $((SECONDS - start)))")
    while IFS= read -r line; do summary+=("             $line"); done < <(grep SKIPPED "$log" | sort -u)
}

chosen=("$@")
[ $# -gt 0 ] || chosen=("${suites[@]}")
[ "${1-}" != --quick ] || chosen=("${quick[@]}")
for name in "${chosen[@]}"; do
    case " ${suites[*]} ${quick[*]} " in
    *" $name "*) run "$name" ;;
    *) echo "there is no suite $name; there are: ${suites[*]}" >&2 && exit 2 ;;
    esac
done

printf '\n=== summary\n'
printf '%s\n' "${summary[@]}" "$(printf '%-12s %13d s' together $SECONDS)"
exit "$failed"
