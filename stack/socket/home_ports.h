// HomePorts: which local ports bring the answer of one peer home to this core (RFC 6056 chooses
// among them). Net makes one for each connect, the demuxes ask it for each candidate.
#pragma once
#include <array>

#include "port/rss.h"
#include "socket/endpoint.h"

namespace pinion {

class HomePorts {
 public:
  // Every port: there is one core, or whatever comes elsewhere is handed over.
  HomePorts() = default;
  // Those whose answer the NIC's hash sends to that queue; every port, if the hash does not depend
  // on it. On all cores alike, or two could choose the same.
  HomePorts(const Rss& rss, uint16_t queue, Ip local, const Endpoint& remote);

  bool all() const { return rss_ == nullptr; }
  bool has(uint16_t port) const {
    if (rss_ == nullptr) return true;
    uint32_t hash = without_port_;
    for (unsigned bit = 0; bit < 16; ++bit)
      hash ^= (port >> bit & 1) != 0 ? of_bit_[bit] : 0;
    return rss_->table[hash & (rss_->table.size() - 1)] == queue_;
  }

 private:
  const Rss* rss_ = nullptr;
  uint16_t queue_ = 0;
  // The hash is linear: that of a port is the exclusive or of those of its bits.
  uint32_t without_port_ = 0;
  std::array<uint32_t, 16> of_bit_{};
};

}  // namespace pinion
