// The oracle of the simulation: every datagram that an application sent, by number, and what became
// of it. Content is a function of (seed, number), so that any byte can be judged without a copy.
// The first thing that is wrong is kept as a sentence.
#pragma once
#include <string>
#include <vector>

#include "socket/socket.h"

namespace pinion::sim {

class Ledger {
 public:
  static constexpr uint32_t kDatagramMin = 16;  // so that each says its number

  // `copies`: how often the link may deliver one datagram.
  Ledger(uint64_t seed, uint32_t copies) : seed_(seed), copies_(copies) {}

  // A new datagram: writes its content to `out`, returns its number.
  uint64_t send(const Endpoint& from, const Endpoint& to, MutableBytes out);
  // Its send has completed; nothing may arrive of one that failed.
  void completed(uint64_t number, int32_t status);
  // A receive of the socket `to` has completed with it: all of it, or its front.
  void delivered(const Endpoint& from, const Endpoint& to, Bytes front, uint32_t true_length);

  uint64_t sent() const { return records_.size(); }
  uint64_t deliveries() const { return deliveries_; }
  uint32_t copies_of(uint64_t number) const { return records_[number].copies; }
  uint64_t last_delivered() const { return last_delivered_; }

  void fail(const std::string& what) {
    if (failure_.empty()) failure_ = what;
  }
  const std::string& failure() const { return failure_; }

 private:
  struct Record {
    Endpoint from, to;
    uint32_t length = 0;
    uint32_t copies = 0;
    bool unsent = false;
  };
  std::byte content(uint64_t number, uint32_t at) const;

  uint64_t seed_;
  uint32_t copies_;
  uint64_t deliveries_ = 0, last_delivered_ = 0;
  std::vector<Record> records_;
  std::string failure_;
};

}  // namespace pinion::sim
