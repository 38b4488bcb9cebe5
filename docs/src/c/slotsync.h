/*
 * The words of slotsync's Lock and Semaphore, for programs in C11 on Linux that share memory with programs in Rust.
 *
 * Each word is four bytes of memory that all of them have mapped as shared, at an address that is a multiple of four.
 * Zero is a valid word: an unlocked lock, a semaphore without permits. Access the words only by these functions, which
 * may change errno. Compile with -std=gnu11, or define _DEFAULT_SOURCE before the first include.
 */
#ifndef SLOTSYNC_H
#define SLOTSYNC_H

#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

_Static_assert(sizeof(_Atomic int32_t) == 4 && _Alignof(_Atomic int32_t) == 4, "a word is four bytes");
_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "a lock within an atomic operation would not be shared");
#if !defined SYS_futex || (defined __x86_64__ && defined __ILP32__)
#error "on this machine the time-out of a futex is not two longs"
#endif

/*
 * The longest sleep, in seconds. If a process is killed between changing a word and waking a sleeper, the wake is never
 * sent. So each sleeper looks at the word again after this time.
 */
#ifndef SLOTSYNC_SLICE
#define SLOTSYNC_SLICE 1
#endif

/*
 * Sleeps while the word holds the expected value. It may return for no reason, so the caller looks again.
 * It does not set FUTEX_PRIVATE_FLAG, which would not reach other processes.
 */
static inline void slotsync_wait(_Atomic int32_t *word, int32_t expected) {
    /* The type that the system call takes, in 32 bits and in 64. It is not always the C library's timespec. */
    const struct { long seconds, nanoseconds; } slice = {SLOTSYNC_SLICE, 0};
    syscall(SYS_futex, word, FUTEX_WAIT, expected, &slice, NULL, 0);
}

/* Wakes count sleepers. It uses the address only, because another process may have freed the memory by then. */
static inline void slotsync_wake(_Atomic int32_t *word, int count) {
    syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0);
}

/* ---------------------------------------------------------------------------------------------------------- Lock */

enum { SLOTSYNC_UNLOCKED = 0, SLOTSYNC_LOCKED = 1, SLOTSYNC_CONTENDED = 2 };

/* Takes the lock if nobody holds it. Returns true if it did. */
static inline bool slotsync_try_lock(_Atomic int32_t *word) {
    int32_t was = SLOTSYNC_UNLOCKED;
    return atomic_compare_exchange_strong_explicit(word, &was, SLOTSYNC_LOCKED, memory_order_acquire,
                                                   memory_order_relaxed);
}

/* Takes the lock, sleeping until it is available. */
static inline void slotsync_lock(_Atomic int32_t *word) {
    if (slotsync_try_lock(word))
        return;
    /* After this we take the lock as contended only, because others may sleep beside us. */
    while (atomic_exchange_explicit(word, SLOTSYNC_CONTENDED, memory_order_acquire) != SLOTSYNC_UNLOCKED)
        slotsync_wait(word, SLOTSYNC_CONTENDED);
}

/* Unlocks; any agent may. Returns false, and changes nothing, if nobody held the lock. */
static inline bool slotsync_unlock(_Atomic int32_t *word) {
    int32_t was = atomic_exchange_explicit(word, SLOTSYNC_UNLOCKED, memory_order_release);
    if (was != SLOTSYNC_UNLOCKED && was != SLOTSYNC_LOCKED)
        slotsync_wake(word, 1);
    return was != SLOTSYNC_UNLOCKED;
}

/* ----------------------------------------------------------------------------------------------------- Semaphore */

/* Bits 0 to 29 are the number of permits. Above them are two marks: an agent that needs one permit may sleep, and an
 * agent that needs several may sleep. */
#define SLOTSYNC_MAX_PERMITS ((INT32_C(1) << 30) - 1)
#define SLOTSYNC_WAITING (INT32_C(1) << 30)
#define SLOTSYNC_MANY_WAITING INT32_MIN

/* For internal use. Takes count permits if they are available, sets the mark, and stores the resulting word in *left.
 * Returns true if it did. */
static inline bool slotsync_take_permits(_Atomic int32_t *word, int32_t count, int32_t mark, int32_t *left) {
    int32_t was = atomic_load_explicit(word, memory_order_relaxed);
    while ((was & SLOTSYNC_MAX_PERMITS) >= count) {
        *left = (was - count) | mark;
        if (atomic_compare_exchange_weak_explicit(word, &was, *left, memory_order_acquire, memory_order_relaxed))
            return true;
    }
    return false;
}

/* Takes count permits, from 0 to SLOTSYNC_MAX_PERMITS, if they are available. Returns true if it did. */
static inline bool slotsync_try_acquire(_Atomic int32_t *word, int32_t count) {
    int32_t left;
    return slotsync_take_permits(word, count, 0, &left);
}

/* Takes count permits at once, from 0 to SLOTSYNC_MAX_PERMITS, sleeping until they are available. */
static inline void slotsync_acquire(_Atomic int32_t *word, int32_t count) {
    const int32_t mark = count == 1 ? SLOTSYNC_WAITING : SLOTSYNC_MANY_WAITING;
    bool must_wake_all = false;
    int32_t left;
    if (slotsync_try_acquire(word, count))
        return;
    do {
        int32_t was = atomic_fetch_or_explicit(word, mark, memory_order_relaxed), marked = was | mark;
        /* A wake of one may be under way, sent before this mark was set. From now on it can reach an agent that needs
         * several. The agent that set the mark is responsible for it, and wakes all, unless there are no permits. */
        if (mark == SLOTSYNC_MANY_WAITING && !(was & mark))
            must_wake_all = true;
        if ((marked & SLOTSYNC_MAX_PERMITS) < count) {
            if (must_wake_all && (marked & SLOTSYNC_MAX_PERMITS) > 0)
                slotsync_wake(word, INT_MAX);
            must_wake_all = false;
            slotsync_wait(word, marked);
        }
        /* A release removes the marks for a wake. Perhaps it came to us while others sleep beside us, so we leave our
         * mark in the word. */
    } while (!slotsync_take_permits(word, count, mark, &left));
    /* The release that woke us may have been the only one to wake: later ones find no marks until we set ours. So pass
     * the wake on if permits are left. From here on, others may have freed the memory. */
    if ((left & SLOTSYNC_MAX_PERMITS) > 0)
        slotsync_wake(word, left & SLOTSYNC_MANY_WAITING ? INT_MAX : 1);
}

/* Adds count permits, from 0 to SLOTSYNC_MAX_PERMITS. Returns false, and changes nothing, if that is too many. */
static inline bool slotsync_release(_Atomic int32_t *word, int32_t count) {
    if (count == 0)
        return true;
    int32_t was = atomic_load_explicit(word, memory_order_relaxed);
    do {
        if ((was & SLOTSYNC_MAX_PERMITS) > SLOTSYNC_MAX_PERMITS - count)
            return false;
        /* Without the marks: the woken agents set them again. */
    } while (!atomic_compare_exchange_weak_explicit(word, &was, (was & SLOTSYNC_MAX_PERMITS) + count,
                                                    memory_order_release, memory_order_relaxed));
    if (was & SLOTSYNC_MANY_WAITING)
        slotsync_wake(word, INT_MAX);
    else if (was & SLOTSYNC_WAITING)
        slotsync_wake(word, count);
    return true;
}

#endif
