// Doors: how many connections without a Logon each port has places for, and what streams that
// takes.
#include "gateway/engine/doors.h"

#include <gtest/gtest.h>

namespace pinion::gateway {
namespace {

Config with_clients(size_t count, size_t ports) {
  Config config;
  config.clients.resize(count);
  for (size_t i = 0; i < count; ++i)
    config.clients[i].port = static_cast<uint16_t>(9000 + i % ports);
  return config;
}

// After a restart all sessions come back at once, as strangers, and maybe from one address.
TEST(Doors, AllSessionsOfAPortMayComeAtOnce) {
  for (const size_t clients : {1, 2, 10, 64})
    for (const size_t ports : {1, 2, 10, 64}) {
      const Config config = with_clients(clients, ports);
      uint32_t strangers = 0;
      for (size_t i = 0; i < std::min(clients, ports); ++i) {
        const size_t sessions = clients / ports + (i < clients % ports);
        EXPECT_GT(strangers_at(config, config.clients[i]), sessions);
        strangers += strangers_at(config, config.clients[i]);
      }
      EXPECT_EQ(accepted_max(config), 2 * (clients + strangers));
    }
}

// RIO's streams take 320 KiB each, and a session of piniond has 256 MiB unless it is said.
TEST(Doors, SixtyFourSessionsFitTheUsualMemory) {
  EXPECT_LE(streams_of(with_clients(64, 1)) * 320 / 1024, 200u);
  EXPECT_LE(streams_of(with_clients(64, 64)) * 320 / 1024, 200u);
}

}  // namespace
}  // namespace pinion::gateway
