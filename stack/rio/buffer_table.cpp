// Registered buffers of one session; see buffer_table.h.
#include "rio/buffer_table.h"

#include <cerrno>

namespace pinion {

BufferTable::BufferTable(uint32_t regions_capacity, uint32_t buffers_capacity)
    : regions_(std::make_unique<Region[]>(regions_capacity)),
      buffers_(std::make_unique<Buffer[]>(buffers_capacity)),
      regions_capacity_(regions_capacity),
      buffers_capacity_(buffers_capacity) {}

void BufferTable::open(uint32_t regions_max, uint32_t buffers_max) {
  for (uint32_t i = 0; i < regions_capacity_; ++i) regions_[i] = {};
  for (uint32_t i = 0; i < buffers_capacity_; ++i) buffers_[i] = {};
  regions_max_ = regions_max < regions_capacity_ ? regions_max : regions_capacity_;
  buffers_max_ = buffers_max < buffers_capacity_ ? buffers_max : buffers_capacity_;
  buffers_used_ = next_ = 0;
}

int BufferTable::add_region(uint32_t region, std::byte* base, uint64_t size, uint64_t reach) {
  if (region >= regions_max_) return -ENOSPC;
  if (regions_[region].base != nullptr) return -EEXIST;
  regions_[region] = {base, size, reach, 0};
  return 0;
}

int BufferTable::remove_region(uint32_t region) {
  if (region >= regions_max_ || regions_[region].base == nullptr) return -ENOENT;
  if (regions_[region].buffers != 0) return -EBUSY;
  regions_[region] = {};
  return 0;
}

int BufferTable::register_buffer(uint32_t region, uint64_t offset, uint64_t size, uint32_t& id) {
  if (region >= regions_max_ || regions_[region].base == nullptr) return -ENOENT;
  Region& r = regions_[region];
  if (size == 0 || size > UINT32_MAX || offset > r.size || size > r.size - offset) return -EINVAL;
  for (uint32_t tried = 0; tried < buffers_max_; ++tried) {
    const uint32_t index = next_;
    next_ = next_ + 1 == buffers_max_ ? 0 : next_ + 1;
    Buffer& b = buffers_[index];
    if (b.base != nullptr || b.retired) continue;
    b.base = r.base + offset;
    b.length = static_cast<uint32_t>(size);
    b.region = region;
    b.id = index | b.generation << RIO_BUFFER_INDEX_BITS;
    ++r.buffers, ++buffers_used_;
    id = b.id;
    return 0;
  }
  return -ENOSPC;
}

int BufferTable::deregister_buffer(uint32_t id) {
  const uint32_t index = id & RIO_BUFFER_INDEX_MASK;
  if (index >= buffers_max_) return 0;
  Buffer& b = buffers_[index];
  if (b.base == nullptr || b.id != id) return 0;
  if (b.uses != 0) return -EBUSY;
  b.base = nullptr;
  --regions_[b.region].buffers, --buffers_used_;
  // The last generation is never given out: 0xFFFFFFFF must stay invalid, and an id never returns.
  constexpr uint32_t kGenerations = 1u << (32 - RIO_BUFFER_INDEX_BITS);
  if (++b.generation == kGenerations - 1) b.retired = true;
  return 0;
}

}  // namespace pinion
