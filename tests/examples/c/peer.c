/*
 * The C side of tests/c.rs: a process over memory that processes in Rust use at the same time.
 *
 *     peer MEMORY COMMAND NUMBER...
 *
 * MEMORY is file:PATH, named:/NAME or fd:NUMBER, and starts with a header. The other words that a command uses are said
 * by the number of their slot. The exit status is 0 if all was as it should be, 3 if the header has another version.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "header.h"
#include "slotsync.h"

static struct header *header;
static _Atomic int32_t *slots;

/* Not assert: it must be there in a build with optimization, too. */
#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "peer.c:%d: %s\n", __LINE__, #condition);                                                  \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

static void map(const char *memory) {
    int descriptor = -1;
    if (!strncmp(memory, "file:", 5))
        descriptor = open(memory + 5, O_RDWR);
    else if (!strncmp(memory, "named:", 6))
        descriptor = shm_open(memory + 6, O_RDWR, 0);
    else if (!strncmp(memory, "fd:", 3))
        descriptor = atoi(memory + 3);
    CHECK(descriptor >= 0);
    void *base = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    CHECK(base != MAP_FAILED);
    close(descriptor);
    header = base;
    slots = base;
    if (header->version != HEADER_VERSION)
        exit(3);
}

static int32_t look(_Atomic int32_t *word) {
    return atomic_load_explicit(word, memory_order_relaxed);
}

/* A word is a lock if no permits are asked for, else a semaphore. */
static void take(_Atomic int32_t *word, int32_t permits) {
    if (permits == 0)
        slotsync_lock(word);
    else
        slotsync_acquire(word, permits);
}

static void give(_Atomic int32_t *word, int32_t permits) {
    CHECK(permits == 0 ? slotsync_unlock(word) : slotsync_release(word, permits));
}

/* One of two players who hand over to each other: the even steps of the game are the first one's, the odd ones the
 * second's. A step waits for the gate to be open that far. */
static void hand_over(int is_second, int steps, int32_t permits, _Atomic int32_t *own, _Atomic int32_t *other,
                      _Atomic int32_t *gate, _Atomic int32_t *turn) {
    for (int step = is_second; step < steps; step += 2) {
        if (step > 0)
            take(own, permits);
        while (look(gate) <= step)
            sched_yield();
        CHECK(look(turn) == step);
        atomic_store_explicit(turn, step + 1, memory_order_relaxed);
        give(other, permits);
    }
    if (!is_second)
        take(own, permits);
}

/* The total is no atomic: the lock alone keeps others out. */
static void count(int rounds) {
    for (int round = 0; round < rounds; round++) {
        slotsync_lock(&header->lock);
        uint32_t was = header->total;
        if (round % 8 == 0)
            sched_yield();
        header->total = was + 1;
        CHECK(slotsync_unlock(&header->lock));
    }
}

/* Takes one permit in a round, two in the next, and so on up to all that there are. */
static void share_permits(int rounds, int32_t all, _Atomic int32_t *inside) {
    for (int round = 0; round < rounds; round++) {
        int32_t permits = 1 + round % all;
        slotsync_acquire(&header->permits, permits);
        CHECK(atomic_fetch_add(inside, permits) + permits <= all);
        if (round % 8 == 0)
            sched_yield();
        atomic_fetch_sub(inside, permits);
        CHECK(slotsync_release(&header->permits, permits));
    }
}

/* What the functions answer that never wait. */
static void answer(_Atomic int32_t *lock, _Atomic int32_t *permits) {
    CHECK(slotsync_try_lock(lock) && !slotsync_try_lock(lock));
    CHECK(slotsync_unlock(lock) && !slotsync_unlock(lock));
    CHECK(!slotsync_try_acquire(permits, 1) && slotsync_try_acquire(permits, 0));
    CHECK(slotsync_release(permits, 0) && look(permits) == 0);
    CHECK(slotsync_release(permits, 3) && slotsync_try_acquire(permits, 2) && !slotsync_try_acquire(permits, 2));
    CHECK(!slotsync_release(permits, SLOTSYNC_MAX_PERMITS) && look(permits) == 1);
    CHECK(slotsync_release(permits, SLOTSYNC_MAX_PERMITS - 1) && look(permits) == SLOTSYNC_MAX_PERMITS);
    CHECK(slotsync_try_acquire(permits, SLOTSYNC_MAX_PERMITS) && look(permits) == 0);
}

int main(int arguments, char **argument) {
    int number[8] = {0};
    CHECK(arguments >= 3 && arguments - 3 <= 8);
    for (int index = 3; index < arguments; index++)
        number[index - 3] = atoi(argument[index]);
    map(argument[1]);
    const char *command = argument[2];
    if (!strcmp(command, "hand-over"))
        hand_over(number[0], number[1], number[2], &slots[number[3]], &slots[number[4]], &slots[number[5]],
                  &slots[number[6]]);
    else if (!strcmp(command, "count"))
        count(number[0]);
    else if (!strcmp(command, "share-permits"))
        share_permits(number[0], number[1], &slots[number[2]]);
    else if (!strcmp(command, "take"))
        take(&slots[number[0]], number[1]);
    else if (!strcmp(command, "give"))
        for (int time = 0; time < number[2]; time++)
            give(&slots[number[0]], number[1]);
    else if (!strcmp(command, "answer"))
        answer(&slots[number[0]], &slots[number[1]]);
    else
        CHECK(!"a command that is known");
    return 0;
}
