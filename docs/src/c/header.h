/* What lies at the start of the memory: the C side of header.rs. */
#ifndef HEADER_H
#define HEADER_H

#include <stddef.h>
#include <stdint.h>

struct header {
    uint32_t version;        /* of this struct: see HEADER_VERSION */
    _Atomic int32_t lock;    /* a Lock, for `total` */
    _Atomic int32_t permits; /* a Semaphore */
    uint32_t total;          /* what the lock protects */
};

enum { HEADER_VERSION = 1 };

_Static_assert(offsetof(struct header, version) == 0, "as in header.rs");
_Static_assert(offsetof(struct header, lock) == 4, "as in header.rs");
_Static_assert(offsetof(struct header, permits) == 8, "as in header.rs");
_Static_assert(offsetof(struct header, total) == 12, "as in header.rs");
_Static_assert(sizeof(struct header) == 16, "as in header.rs");

#endif
