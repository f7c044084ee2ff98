// One session's regions and registered buffers: turns a slice that an application names into bytes
// at the core's address, or refuses it. Its own, never in shared memory.
#pragma once
#include <rio/abi.h>

#include <memory>

#include "base/types.h"

namespace pinion {

struct Slice {  // our copy of what the application wrote
  uint32_t buffer_id, offset, length;
};

class BufferTable {
 public:
  // Memory for that many regions and buffers, reserved now; open() sets the session's share.
  BufferTable(uint32_t regions_capacity, uint32_t buffers_capacity);

  // Forgets everything; limits of the session that now owns the table.
  void open(uint32_t regions_max, uint32_t buffers_max);

  // 0; -ENOSPC: no such slot; -EEXIST: the slot is taken.
  int add_region(uint32_t region, std::byte* base, uint64_t size, uint64_t reach);
  // 0; -ENOENT; -EBUSY: a buffer of it is registered.
  int remove_region(uint32_t region);

  // A buffer over [offset, offset + size) of a region. 0; -ENOENT: region; -EINVAL: bounds, or size
  // 0 or over 4 GiB - 1; -ENOSPC: buffers_max.
  int register_buffer(uint32_t region, uint64_t offset, uint64_t size, uint32_t& id);
  // 0, also for an id that is not valid (RIO ignores those); -EBUSY: in use.
  int deregister_buffer(uint32_t id);

  // Where a slice lies; {} with ok=false when id, generation or bounds are wrong. An empty slice
  // inside a buffer is fine.
  struct Located {
    bool ok = false;
    MutableBytes bytes;
  };
  Located locate(const Slice& slice) const {
    const uint32_t index = slice.buffer_id & RIO_BUFFER_INDEX_MASK;
    if (index >= buffers_max_) return {};
    const Buffer& b = buffers_[index];
    if (b.id != slice.buffer_id || b.base == nullptr) return {};
    if (slice.offset > b.length || slice.length > b.length - slice.offset) return {};
    return {true, {b.base + slice.offset, slice.length}};
  }
  // While used, a buffer cannot be deregistered. Only for ids that locate() has just accepted.
  void use(uint32_t id) { ++buffers_[id & RIO_BUFFER_INDEX_MASK].uses; }
  void unuse(uint32_t id) { --buffers_[id & RIO_BUFFER_INDEX_MASK].uses; }
  // The ports that can transmit from a used buffer, a bit each.
  uint64_t reach(uint32_t id) const {
    return regions_[buffers_[id & RIO_BUFFER_INDEX_MASK].region].reach;
  }

  uint32_t buffers() const { return buffers_used_; }

 private:
  struct Region {
    std::byte* base = nullptr;
    uint64_t size = 0;
    uint64_t reach = 0;
    uint32_t buffers = 0;
  };
  struct Buffer {
    std::byte* base = nullptr;  // null: free
    uint32_t length = 0;
    uint32_t id = RIO_INVALID_BUFFER;
    uint32_t uses = 0;
    uint32_t region = 0;
    uint32_t generation = 0;
    bool retired = false;  // its generation has wrapped: an old id must stay dead
  };
  std::unique_ptr<Region[]> regions_;
  std::unique_ptr<Buffer[]> buffers_;
  uint32_t regions_capacity_, buffers_capacity_;
  uint32_t regions_max_ = 0, buffers_max_ = 0;
  uint32_t buffers_used_ = 0;
  uint32_t next_ = 0;  // where the search for a free buffer begins
};

}  // namespace pinion
