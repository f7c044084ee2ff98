/* Registered memory: regions that the daemon makes and both sides map, and buffers in them. Memory
 * of the application's own is replaced in place: the same address, the same contents, but the
 * daemon's pages; when it is no longer registered, private memory takes their place again. */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "session.h"

#define SMALL_PAGE 4096u
#define HUGE_PAGE (2u << 20)

/* After a failure, whose sentence in rio_last_error stays. */
static void destroy_region(rio_session* s, uint32_t region) {
  char why[192] = "";
  strncpy(why, rio_last_error(), sizeof why - 1);
  rio_control m = {.handle = region};
  rio_call_(s, RIO_CTL_REGION_DESTROY, &m, NULL);
  rio_fail_(0, "%s", why);
}

/* Maps the descriptor and has the daemon make the region live. */
static int map_and_commit(rio_session* s, int fd, rio_mapping* map) {
  struct stat info;
  if (fstat(fd, &info) != 0) return rio_fail_(-errno, "fstat: %s", strerror(errno));
  map->device = info.st_dev;
  map->inode = info.st_ino;
  map->base = mmap(NULL, map->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (map->base == MAP_FAILED)
    return rio_fail_(-errno, "mapping %zu bytes: %s", map->bytes, strerror(errno));
  rio_control m = {.handle = map->region};
  const int status = rio_call_(s, RIO_CTL_REGION_COMMIT, &m, NULL);
  if (status < 0) {
    munmap(map->base, map->bytes);
    return status;
  }
  madvise(map->base, map->bytes, MADV_DONTFORK); /* a child that touches it must fault */
  return 0;
}

int rio_map_region_(rio_session* s, size_t bytes, uint32_t page_bytes, rio_mapping** out) {
  if (bytes == 0) return rio_fail_(-EINVAL, "a region of 0 bytes");
  rio_mapping* map = calloc(1, sizeof *map);
  if (!map) return rio_fail_(-ENOMEM, "out of memory");
  int fds[2];
  rio_control m = {.size = bytes, .a = page_bytes};
  int status = rio_call_(s, RIO_CTL_REGION_CREATE, &m, fds);
  if (status < 0) {
    free(map);
    return status;
  }
  map->region = m.handle;
  map->bytes = m.size;
  if (fds[0] < 0)
    status = rio_fail_(-EMFILE, "no memory came: this process has no descriptors (RLIMIT_NOFILE)");
  else if (m.size < bytes) status = rio_fail_(-EPROTO, "the daemon sent too little memory");
  else status = map_and_commit(s, fds[0], map);
  rio_close_fds_(fds);
  if (status < 0) {
    destroy_region(s, map->region);
    free(map);
    return status;
  }
  map->next = s->mappings;
  s->mappings = map;
  *out = map;
  return 0;
}

static void unlink_mapping(rio_session* s, const rio_mapping* map) {
  for (rio_mapping** at = &s->mappings; *at; at = &(*at)->next) {
    if (*at != map) continue;
    *at = map->next;
    return;
  }
}

void rio_drop_region_(rio_session* s, rio_mapping* map) {
  unlink_mapping(s, map);
  munmap(map->base, map->bytes);
  destroy_region(s, map->region);
  free(map);
}

int rio_map_memory(rio_session* s, size_t bytes, void** out) {
  *out = NULL;
  int status = rio_lock_(s);
  if (status < 0) return status;
  rio_mapping* map = NULL;
  status = rio_map_region_(s, bytes, 0, &map);
  if (status == 0) {
    map->kind = RIO_MAPPED_FOR_USER;
    *out = map->base;
  }
  rio_unlock_(s);
  return status;
}

static int unmap_user(rio_session* s, const void* memory) {
  rio_mapping* map = s->mappings;
  while (map && (map->base != memory || map->kind != RIO_MAPPED_FOR_USER)) map = map->next;
  if (!map) return rio_fail_(-EINVAL, "not an address from rio_map_memory");
  if (map->buffers) return rio_fail_(-EBUSY, "%u buffers in it are registered", map->buffers);
  rio_control m = {.handle = map->region};
  const int status = rio_call_(s, RIO_CTL_REGION_DESTROY, &m, NULL);
  if (status < 0) return status;
  munmap(map->base, map->bytes);
  unlink_mapping(s, map);
  free(map);
  return 0;
}

int rio_unmap_memory(rio_session* s, void* memory) {
  int status = rio_lock_(s);
  if (status < 0) return status;
  status = unmap_user(s, memory);
  rio_unlock_(s);
  return status;
}

/* Private memory takes the place of a region that replaced some. Nothing happens when the
 * application has unmapped the memory in the meantime: something else may lie there now. */
static int restore_private(const rio_mapping* map) {
  if (!rio_is_file_(map->base, map->bytes, map->device, map->inode)) return 0;
  void* copy = mmap(NULL, map->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (copy == MAP_FAILED) return -ENOMEM;
  memcpy(copy, map->base, map->bytes);
  if (mremap(copy, map->bytes, map->bytes, MREMAP_MAYMOVE | MREMAP_FIXED, map->base) !=
      MAP_FAILED)
    return 0;
  munmap(copy, map->bytes);
  return -ENOMEM;
}

static int is_aligned(const void* ptr, size_t length, size_t page) {
  return (uintptr_t)ptr % page == 0 && length % page == 0;
}

/* A move that fails late has unmapped its target already. Where something still lies there, nothing
 * is done. */
static void put_back(const rio_mapping* map, void* ptr, size_t length) {
  void* at = mmap(ptr, length, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (at == ptr) memcpy(ptr, map->base, length);
  else if (at != MAP_FAILED) munmap(at, length);
}

static int replace_in_place(rio_session* s, void* ptr, size_t length, rio_mapping** out) {
  const int huge = is_aligned(ptr, length, HUGE_PAGE);
  if (!is_aligned(ptr, length, SMALL_PAGE) || !rio_is_private_anonymous_(ptr, length, huge))
    return rio_fail_(-EINVAL, "not whole pages of private anonymous memory: use rio_map_memory");
  rio_mapping* map = NULL;
  int status = rio_map_region_(s, length, huge ? 0 : SMALL_PAGE, &map);
  if (!map) return status;
  /* The checker takes it that rio_fail_ might return 0. */
  memcpy(map->base, ptr, length); /* NOLINT(clang-analyzer-core.NonNullParamChecker) */
  void* moved = MAP_FAILED;
  if (map->bytes == length)
    moved = mremap(map->base, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, ptr);
  if (moved == MAP_FAILED) {
    put_back(map, ptr, length);
    rio_drop_region_(s, map);
    return rio_fail_(-EINVAL, "this memory cannot be replaced in place: use rio_map_memory");
  }
  map->base = ptr;
  map->kind = RIO_MAPPED_IN_PLACE;
  *out = map;
  return 0;
}

int rio_register_mapping_(rio_session* s, rio_mapping* map, size_t offset, size_t length,
                          rio_buffer_id* out) {
  rio_buffer* buffer = malloc(sizeof *buffer);
  if (!buffer) return rio_fail_(-ENOMEM, "out of memory");
  rio_control m = {.handle = map->region, .offset = offset, .size = length};
  const int status = rio_call_(s, RIO_CTL_BUFFER_REGISTER, &m, NULL);
  if (status < 0) {
    free(buffer);
    return status;
  }
  *buffer = (rio_buffer){.next = s->buffers, .mapping = map, .id = m.handle};
  s->buffers = buffer;
  map->buffers++;
  *out = m.handle;
  return 0;
}

/* Gives the memory of an in-place region back, once no buffer is left in it. */
static void release_in_place(rio_session* s, rio_mapping* map) {
  if (map->kind != RIO_MAPPED_IN_PLACE || map->buffers) return;
  if (restore_private(map) < 0) return; /* stays shared with the core; usable, and ours */
  unlink_mapping(s, map);
  destroy_region(s, map->region);
  free(map);
}

static int register_locked(rio_session* s, void* ptr, size_t length, rio_buffer_id* out) {
  if (!ptr || length == 0 || length > UINT32_MAX)
    return rio_fail_(-EINVAL, "a buffer has 1 byte to 4 GiB - 1");
  const uintptr_t at = (uintptr_t)ptr;
  rio_mapping* map = s->mappings;
  for (; map; map = map->next) {
    const uintptr_t base = (uintptr_t)map->base;
    if (map->kind == RIO_MAPPED_FOR_RINGS || at < base || at - base >= map->bytes) continue;
    if (length > map->bytes - (at - base))
      return rio_fail_(-EINVAL, "the buffer ends behind its region");
    break;
  }
  if (!map) {
    const int status = replace_in_place(s, ptr, length, &map);
    if (!map) return status;
  }
  const int status = rio_register_mapping_(s, map, at - (uintptr_t)map->base, length, out);
  if (status < 0) release_in_place(s, map);
  return status;
}

int rio_register_buffer(rio_session* s, void* ptr, size_t length, rio_buffer_id* out) {
  *out = RIO_INVALID_BUFFER;
  int status = rio_lock_(s);
  if (status < 0) return status;
  status = register_locked(s, ptr, length, out);
  rio_unlock_(s);
  return status;
}

static int deregister_locked(rio_session* s, rio_buffer_id id) {
  rio_buffer** at = &s->buffers;
  while (*at && (*at)->id != id) at = &(*at)->next;
  rio_buffer* buffer = *at;
  if (!buffer || buffer->mapping->kind == RIO_MAPPED_FOR_RINGS) return 0; /* as RIO: ignored */
  rio_control m = {.handle = id};
  const int status = rio_call_(s, RIO_CTL_BUFFER_DEREGISTER, &m, NULL);
  if (status < 0) return status;
  *at = buffer->next;
  buffer->mapping->buffers--;
  release_in_place(s, buffer->mapping);
  free(buffer);
  return 0;
}

int rio_deregister_buffer(rio_session* s, rio_buffer_id id) {
  int status = rio_lock_(s);
  if (status < 0) return status;
  status = deregister_locked(s, id);
  rio_unlock_(s);
  return status;
}

void rio_forget_memory_(rio_session* s) {
  const int ours = s->pid == getpid();
  while (s->chunks) {
    rio_chunk* next = s->chunks->next;
    rio_arena_destroy(&s->chunks->arena);
    free(s->chunks);
    s->chunks = next;
  }
  while (s->buffers) {
    rio_buffer* next = s->buffers->next;
    free(s->buffers);
    s->buffers = next;
  }
  while (s->mappings) {
    rio_mapping* next = s->mappings->next;
    if (ours && s->mappings->kind == RIO_MAPPED_IN_PLACE) restore_private(s->mappings);
    else if (ours) munmap(s->mappings->base, s->mappings->bytes);
    free(s->mappings);
    s->mappings = next;
  }
}
