/* The start of the shared memory: the C side of header.rs. */
#ifndef HEADER_H
#define HEADER_H

#include <stddef.h>
#include <stdint.h>

struct header {
    uint32_t version;        /* the version of this struct: HEADER_VERSION */
    _Atomic int32_t lock;    /* a Lock that protects `total` */
    _Atomic int32_t permits; /* a Semaphore */
    uint32_t total;          /* protected by the lock */
};

enum { HEADER_VERSION = 1 };

_Static_assert(offsetof(struct header, version) == 0, "as in header.rs");
_Static_assert(offsetof(struct header, lock) == 4, "as in header.rs");
_Static_assert(offsetof(struct header, permits) == 8, "as in header.rs");
_Static_assert(offsetof(struct header, total) == 12, "as in header.rs");
_Static_assert(sizeof(struct header) == 16, "as in header.rs");

#endif
