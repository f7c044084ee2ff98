/* What kind of memory lies at an address: reads /proc/self/maps. Registering in place may replace
 * private anonymous memory only; anything else has contents that somebody else counts on. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>

#include "session.h"

typedef struct vma {
  uintptr_t start, end;
  char permissions[8];
  unsigned major, minor;
  unsigned long inode;
  const char* path;
} vma;

typedef int (*vma_predicate)(const vma* v, const void* context);

/* True if every byte of the range is mapped and every mapping there satisfies the predicate. */
static int all_vmas(uintptr_t start, uintptr_t end, vma_predicate want, const void* context) {
  FILE* maps = fopen("/proc/self/maps", "re");
  if (!maps) return 0;
  char* line = NULL;
  size_t line_bytes = 0;
  uintptr_t covered = start;
  while (covered < end && getline(&line, &line_bytes, maps) > 0) {
    vma v;
    int path_at = 0;
    unsigned long low, high;
    if (sscanf(line, "%lx-%lx %7s %*x %x:%x %lu %n", &low, &high, v.permissions, &v.major,
               &v.minor, &v.inode, &path_at) < 6)
      continue;
    v.start = low, v.end = high, v.path = line + path_at;
    if (v.end <= covered) continue;
    if (v.start > covered || !want(&v, context)) break;
    covered = v.end;
  }
  free(line);
  fclose(maps);
  return covered >= end;
}

static int private_anonymous(const vma* v, const void* context) {
  const int whole_hugepages = *(const int*)context;
  if (strcmp(v->permissions, "rw-p") != 0) return 0;
  if (v->inode != 0) /* MAP_HUGETLB looks like a file without a name */
    return whole_hugepages && strncmp(v->path, "/anon_hugepage", 14) == 0;
  return strncmp(v->path, "[stack", 6) != 0; /* the copy itself runs on that one */
}

int rio_is_private_anonymous_(const void* ptr, size_t length, int whole_hugepages) {
  return all_vmas((uintptr_t)ptr, (uintptr_t)ptr + length, private_anonymous, &whole_hugepages);
}

typedef struct file_id {
  dev_t device;
  ino_t inode;
} file_id;

static int same_file(const vma* v, const void* context) {
  const file_id* f = context;
  return v->inode == f->inode && makedev(v->major, v->minor) == f->device;
}

int rio_is_file_(const void* ptr, size_t length, dev_t device, ino_t inode) {
  const file_id id = {device, inode};
  return all_vmas((uintptr_t)ptr, (uintptr_t)ptr + length, same_file, &id);
}
