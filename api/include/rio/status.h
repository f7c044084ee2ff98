/* The status page of a daemon: a file beside its control socket (<path>.status) that anyone with
 * read access maps read-only. The housekeeping thread rewrites it a few times a second; looking at
 * it costs the daemon nothing. Names and texts are in the page, so a reader needs no version. */
#ifndef RIO_STATUS_H
#define RIO_STATUS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RIO_STATUS_MAGIC 0x54535250u /* "PRST" */
#define RIO_STATUS_VERSION 1u
#define RIO_STATUS_ENTRIES_MAX 2048u

enum rio_status_section {
  RIO_STATUS_INFO = 1,   /* text only: instance, NICs, cores */
  RIO_STATUS_GAUGE = 2,  /* how much of something is in use */
  RIO_STATUS_COUNTER = 3,
  RIO_STATUS_DROP = 4, /* frames dropped, by reason */
  RIO_STATUS_CORE = 5  /* of one of several cores, which others sum up: "core0.passes" */
};

typedef struct rio_status_entry {
  uint32_t section;
  uint32_t reserved;
  uint64_t value;
  char name[48];
  char text[136]; /* what it means, or the value of an INFO entry */
} rio_status_entry;

typedef struct rio_status_page {
  uint32_t magic;
  uint32_t version;
  uint32_t seqlock; /* odd while being written */
  uint32_t pid;     /* 0: the daemon has ended */
  uint64_t updates;
  uint64_t updated_realtime_ns;
  uint32_t entry_bytes;
  uint32_t entries;
  rio_status_entry entry[RIO_STATUS_ENTRIES_MAX];
} rio_status_page;

#ifdef __cplusplus
}
#endif
#endif
