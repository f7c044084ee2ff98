// Region: memory shared between one application and the core. The daemon makes it, both map it, the
// daemon seals and populates it, and only then may the core touch it (ARCHITECTURE.md 5).
//
//   create()  memfd, sized, mapped here        fd() goes to the application, which maps it
//   go_live() sealed, checked, populated        from now on no page of it can go away
#pragma once
#include <string>

#include "base/types.h"

namespace pinion {

// Where the core's views lie: pmd-glue has one low reserved range, for DMA through narrow IOMMUs.
class AddressArena {
 public:
  virtual ~AddressArena() = default;
  // Address space for `bytes`, aligned to 2 MiB; null when there is none left. Mapped over.
  virtual void* take(size_t bytes) = 0;
  // Gives it back: what was mapped there is replaced by an inaccessible reservation, so that
  // nothing else can come to lie inside the arena.
  virtual void give(void* at, size_t bytes) = 0;
  // It is populated now: which ports can transmit from there? See KernelMessage::reach.
  virtual uint64_t map(void* at, size_t bytes) = 0;
};

struct RegionConfig {
  bool hugepages = false;
  bool lock = false;              // mlock what was populated
  AddressArena* arena = nullptr;  // null: wherever mmap likes
  bool skip_seals = false;        // tests of the SIGBUS backstop only
};

class Region {
 public:
  static constexpr size_t kSmallPage = 4096, kHugePage = size_t{2} << 20;

  Region() = default;
  ~Region() { reset(); }
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  // bytes is rounded up to whole pages. -EINVAL; -ENOMEM, with a sentence that says what to do.
  int create(const RegionConfig& config, uint64_t bytes, bool small_pages, std::string& why);
  // Seals, checks, populates; closes the descriptor. -EINPROGRESS: another `slice` bytes (whole
  // pages) were populated, call again; -EPROTO: the application has resized or sealed it in the
  // meantime; -ENOMEM. After a failure it is only good for reset().
  int go_live(std::string& why, uint64_t slice = UINT64_MAX);
  void reset();

  std::byte* base() const { return base_; }
  uint64_t size() const { return size_; }
  size_t page_bytes() const { return page_bytes_; }
  uint64_t reach() const { return reach_; }
  int fd() const { return fd_; }
  bool exists() const { return base_ != nullptr; }
  bool live() const { return live_; }
  // A page went away in spite of the seals: its content is lost, the session must end.
  bool evicted() const;

 private:
  int map(std::string& why);
  int seal(std::string& why);
  int populate(std::byte* at, size_t bytes, std::string& why);

  RegionConfig config_;
  std::byte* base_ = nullptr;
  uint64_t size_ = 0;
  uint64_t reach_ = 0;
  size_t page_bytes_ = kSmallPage;
  int fd_ = -1;
  int watch_ = -1;
  uint64_t populated_ = 0;
  bool sealed_ = false;
  bool live_ = false;
};

}  // namespace pinion
