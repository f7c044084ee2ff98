// A thread that makes pages of the journal's ring and of the FIX stores writable before the trading
// thread comes to them. On its own, since it waits for the disk when that is slow, and neither
// orders nor people nor the journal's writer may wait with it.
#pragma once
#include <thread>

#include "gateway/engine/engine.h"
#include "gateway/journal/journal.h"

namespace pinion::gateway {

class PageToucher {
 public:
  // Both outlive it; clients do not come and go any more.
  PageToucher(const Engine& engine, const journal::Journal& journal)
      : engine_(engine), journal_(journal) {}
  ~PageToucher() { stop(); }
  PageToucher(const PageToucher&) = delete;
  PageToucher& operator=(const PageToucher&) = delete;

  void start();
  void stop();

 private:
  void run() const;

  const Engine& engine_;
  const journal::Journal& journal_;
  std::thread thread_;
  uint32_t ending_ = 0;
};

}  // namespace pinion::gateway
