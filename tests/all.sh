#!/usr/bin/env bash
# Every test there is, with a summary line for each suite at the end.
#
#   bash tests/all.sh            everything
#   bash tests/all.sh SUITE...   some of them, by the names below
#
# What this machine lacks is said as SKIPPED, with the reason. The exit status is 0 only if nothing failed.
set -u -o pipefail
cd "$(dirname "$0")/.." || exit 2

# The caller's flags are not the models', and the models have a target folder of their own, so that neither rebuilds the
# other's dependencies.
unset RUSTFLAGS RUSTDOCFLAGS CARGO_ENCODED_RUSTFLAGS
target=${CARGO_TARGET_DIR:-$PWD/target}
under_loom() { RUSTFLAGS='--cfg loom' RUSTDOCFLAGS='--cfg loom' CARGO_TARGET_DIR="$target/loom" "$@"; }

# Calls, errors and outcomes over every origin of memory; the house rules; the tables in docs/ against the crate.
plain() {
    cargo test --lib --test lock --test rw_lock --test semaphore --test event --test latch --test barrier --test once \
        --test synchronic --test cond --test typed_array --test copies --test data_view --test tearing --test layout \
        --test bump --test publish --test slot --test slot_waits --test buffer --test buffer_names \
        --test buffer_descriptors --test buffer_room --test growable --test growable_objects --test floors \
        --test mutants &&
        cargo test --features guarded --test guarded --test docs &&
        cargo test --features lock_api --test lock_api
}
# Every example of a public item, and a model of a user's own.
docs() { cargo test --all-features --doc && under_loom cargo test --release --doc -- futex::platform; }
# Sequences of calls against a sequential model, from any value of the word.
proptest() {
    cargo test --features guarded --test lock_properties --test primitive_properties --test array_properties \
        --test view_properties --test growable_properties
}
# Typed arrays, views and growth against those of another engine, where there is one.
node() { cargo test --test node -- --nocapture; }
# The programs that run over the example posix, where this is Debian and we may install them. If one is missing even
# then, its test says so.
programs() {
    if command -v xz && command -v pigz || ! command -v apt-get || [ "$(id -u)" != 0 ]; then
        return
    fi
    DEBIAN_FRONTEND=noninteractive apt-get -y -o DPkg::Lock::Timeout=120 install --no-install-recommends xz-utils pigz
}
# Real processes, killed and not, and some in C. Three of these run the examples, which must exist.
processes() {
    programs
    cargo test --features guarded --test processes --test primitive_processes --test growable_processes \
        --test words_elsewhere --test c --test buffer_races &&
        cargo build --features guarded --example race --example bounded_queue --example initialize --example records \
            --example tearing --example strings &&
        cargo test --features guarded --test race --test examples &&
        cargo build --release --example posix && cargo test --release --test posix
}
# 16 agents, as threads and as processes, as fast as they get.
stress() { cargo test --release --features guarded --test stress -- --nocapture; }
# A process killed before each instruction of each operation. Many at once: most of it waits for the end of a slice.
kills() {
    cargo test --release --features guarded --test kills -- --nocapture --test-threads=16 &&
        cargo test --release --test growable_processes -- --nocapture
}
# The instructions of the fast path, as a user gets it.
uncontended() { cargo test --release --features guarded --test uncontended -- --nocapture; }
# Two agents whole, three to three preemptions, under each double of the futex.
loom() { under_loom cargo test --release --features guarded --test loom; }
# Each breaks one line; the model that the table names must notice.
mutants() { cargo test --test mutants -- --ignored --nocapture; }
# Other compilers, other systems, as far as this machine can.
portability() { bash tests/portability.sh; }

suites=(plain docs proptest node processes stress kills uncontended loom mutants portability)
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

for name in "${@:-${suites[@]}}"; do
    case " ${suites[*]} " in
    *" $name "*) run "$name" ;;
    *) echo "there is no suite $name; there are: ${suites[*]}" >&2 && exit 2 ;;
    esac
done

printf '\n=== summary\n'
printf '%s\n' "${summary[@]}"
exit "$failed"
