#include "socket/home_ports.h"

namespace pinion {

// The answer comes from the peer, so its source is the remote end.
HomePorts::HomePorts(const Rss& rss, uint16_t queue, Ip local, const Endpoint& remote)
    : rss_(&rss), queue_(queue) {
  RssTuple answer{remote.address, local, remote.port, 0};
  without_port_ = rss_hash(rss, answer);
  uint32_t depends = 0;
  for (unsigned bit = 0; bit < 16; ++bit) {
    answer.destination_port = static_cast<uint16_t>(1u << bit);
    of_bit_[bit] = rss_hash(rss, answer) ^ without_port_;
    depends |= of_bit_[bit];
  }
  if ((depends & (rss.table.size() - 1)) == 0) rss_ = nullptr;
}

}  // namespace pinion
