/*
 * The words of slotsync's Lock and Semaphore, for programs in C11 on Linux that share memory with programs in Rust.
 *
 * Each word is four bytes of memory that all of them have mapped as shared, at an address that is a multiple of four,
 * and zero is a valid word: a lock that nobody holds, a semaphore without permits. Nobody accesses a word but by these
 * functions. They may change errno. Compile with -std=gnu11, or define _DEFAULT_SOURCE before the first include.
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
 * The longest sleep, in seconds. A process that is killed between changing a word and waking who sleeps on it takes the
 * wake with it: so who sleeps looks again now and then.
 */
#ifndef SLOTSYNC_SLICE
#define SLOTSYNC_SLICE 1
#endif

/*
 * Sleeps while the word holds what is expected. It may return for any reason or none, so the caller looks again.
 * Without FUTEX_PRIVATE_FLAG: that would not meet the other processes.
 */
static inline void slotsync_wait(_Atomic int32_t *word, int32_t expected) {
    /* What the system call takes, in a process of 32 bits as in one of 64; not always the C library's timespec. */
    const struct { long seconds, nanoseconds; } slice = {SLOTSYNC_SLICE, 0};
    syscall(SYS_futex, word, FUTEX_WAIT, expected, &slice, NULL, 0);
}

/* Wakes so many of those who sleep on the word. It uses the address alone: others may have freed the memory by then. */
static inline void slotsync_wake(_Atomic int32_t *word, int count) {
    syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0);
}

/* ---------------------------------------------------------------------------------------------------------- Lock */

enum { SLOTSYNC_UNLOCKED = 0, SLOTSYNC_LOCKED = 1, SLOTSYNC_CONTENDED = 2 };

/* Takes the lock if nobody holds it, and says whether that was so. */
static inline bool slotsync_try_lock(_Atomic int32_t *word) {
    int32_t was = SLOTSYNC_UNLOCKED;
    return atomic_compare_exchange_strong_explicit(word, &was, SLOTSYNC_LOCKED, memory_order_acquire,
                                                   memory_order_relaxed);
}

/* Takes the lock, and sleeps until that is possible. */
static inline void slotsync_lock(_Atomic int32_t *word) {
    if (slotsync_try_lock(word))
        return;
    /* Who was about to sleep takes the lock as contended only: others may sleep beside it. */
    while (atomic_exchange_explicit(word, SLOTSYNC_CONTENDED, memory_order_acquire) != SLOTSYNC_UNLOCKED)
        slotsync_wait(word, SLOTSYNC_CONTENDED);
}

/* Unlocks, whoever has locked. False: nobody held the lock, and nothing has changed. */
static inline bool slotsync_unlock(_Atomic int32_t *word) {
    int32_t was = atomic_exchange_explicit(word, SLOTSYNC_UNLOCKED, memory_order_release);
    if (was != SLOTSYNC_UNLOCKED && was != SLOTSYNC_LOCKED)
        slotsync_wake(word, 1);
    return was != SLOTSYNC_UNLOCKED;
}

/* ----------------------------------------------------------------------------------------------------- Semaphore */

/* Bits 0 to 29 are how many permits there are. Above them are two marks: somebody may sleep, who needs one permit, or
 * several. */
#define SLOTSYNC_MAX_PERMITS ((INT32_C(1) << 30) - 1)
#define SLOTSYNC_WAITING (INT32_C(1) << 30)
#define SLOTSYNC_MANY_WAITING INT32_MIN

/* Not for use from outside. Takes permits if there are so many, and leaves the word with that mark: then *left is what
 * it left. */
static inline bool slotsync_take_permits(_Atomic int32_t *word, int32_t count, int32_t mark, int32_t *left) {
    int32_t was = atomic_load_explicit(word, memory_order_relaxed);
    while ((was & SLOTSYNC_MAX_PERMITS) >= count) {
        *left = (was - count) | mark;
        if (atomic_compare_exchange_weak_explicit(word, &was, *left, memory_order_acquire, memory_order_relaxed))
            return true;
    }
    return false;
}

/* Takes so many permits, from 0 to SLOTSYNC_MAX_PERMITS, if there are, else none, and says whether it did. */
static inline bool slotsync_try_acquire(_Atomic int32_t *word, int32_t count) {
    int32_t left;
    return slotsync_take_permits(word, count, 0, &left);
}

/* Takes so many permits at once, from 0 to SLOTSYNC_MAX_PERMITS, and sleeps until there are so many. */
static inline void slotsync_acquire(_Atomic int32_t *word, int32_t count) {
    const int32_t mark = count == 1 ? SLOTSYNC_WAITING : SLOTSYNC_MANY_WAITING;
    bool owes_a_wake = false;
    int32_t left;
    if (slotsync_try_acquire(word, count))
        return;
    do {
        int32_t was = atomic_fetch_or_explicit(word, mark, memory_order_relaxed), marked = was | mark;
        /* A wake of one may be under way, sent when nobody had said that somebody needs several: from now on it can
         * reach one of those. Who set that mark answers for it, and wakes all, unless there are no permits anyway. */
        if (mark == SLOTSYNC_MANY_WAITING && !(was & mark))
            owes_a_wake = true;
        if ((marked & SLOTSYNC_MAX_PERMITS) < count) {
            if (owes_a_wake && (marked & SLOTSYNC_MAX_PERMITS) > 0)
                slotsync_wake(word, INT_MAX);
            owes_a_wake = false;
            slotsync_wait(word, marked);
        }
        /* A release takes the marks away for a wake, which came to us perhaps, while others sleep beside us: we leave
         * with our mark in the word. */
    } while (!slotsync_take_permits(word, count, mark, &left));
    /* The release that woke us may have been the only one to wake: who comes after it finds no marks until we set ours.
     * So pass the wake on if there are more permits. From here on, others may have freed the memory. */
    if ((left & SLOTSYNC_MAX_PERMITS) > 0)
        slotsync_wake(word, left & SLOTSYNC_MANY_WAITING ? INT_MAX : 1);
}

/* Adds permits, from 0 to SLOTSYNC_MAX_PERMITS. False: there would be too many, and nothing has changed. */
static inline bool slotsync_release(_Atomic int32_t *word, int32_t count) {
    if (count == 0)
        return true;
    int32_t was = atomic_load_explicit(word, memory_order_relaxed);
    do {
        if ((was & SLOTSYNC_MAX_PERMITS) > SLOTSYNC_MAX_PERMITS - count)
            return false;
        /* The marks go: those who are woken set them again. */
    } while (!atomic_compare_exchange_weak_explicit(word, &was, (was & SLOTSYNC_MAX_PERMITS) + count,
                                                    memory_order_release, memory_order_relaxed));
    if (was & SLOTSYNC_MANY_WAITING)
        slotsync_wake(word, INT_MAX);
    else if (was & SLOTSYNC_WAITING)
        slotsync_wake(word, count);
    return true;
}

#endif
