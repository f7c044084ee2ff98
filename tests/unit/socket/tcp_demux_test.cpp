// A connection is found by its 4-tuple as long as it is there, whatever was found before.
#include "socket/tcp_demux.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace pinion {
namespace {

constexpr Endpoint kLocalEnd{ipv4(10, 0, 0, 1), 7000}, kRemoteEnd{ipv4(10, 0, 0, 9), 1},
    kOtherEnd{ipv4(10, 0, 0, 9), 2};

Connection connection_to(const Endpoint& remote) {
  Connection c;
  c.local = kLocalEnd, c.remote = remote;
  return c;
}

TEST(TcpDemux, WhoHasLeftIsNotFoundAgain) {
  TcpDemux demux{{}};
  Connection first = connection_to(kRemoteEnd), other = connection_to(kOtherEnd);
  EXPECT_EQ(demux.find(kLocalEnd, kRemoteEnd), nullptr);
  ASSERT_EQ(demux.insert(first), 0);
  ASSERT_EQ(demux.insert(other), 0);
  for (int again = 0; again < 2; ++again) {
    EXPECT_EQ(demux.find(kLocalEnd, kRemoteEnd), &first);
    EXPECT_EQ(demux.find(kLocalEnd, kRemoteEnd), &first);
    EXPECT_EQ(demux.find(kLocalEnd, kOtherEnd), &other);
    EXPECT_EQ(demux.find(kRemoteEnd, kLocalEnd), nullptr);
  }
  EXPECT_EQ(demux.find(kLocalEnd, kRemoteEnd), &first);
  demux.remove(first);
  EXPECT_EQ(demux.find(kLocalEnd, kRemoteEnd), nullptr);
  EXPECT_EQ(demux.find(kLocalEnd, kOtherEnd), &other);

  Connection next = connection_to(kRemoteEnd);
  ASSERT_EQ(demux.insert(next), 0);
  EXPECT_EQ(demux.find(kLocalEnd, kRemoteEnd), &next);
  Connection twice = connection_to(kRemoteEnd);
  EXPECT_EQ(demux.insert(twice), -EADDRINUSE);
  demux.free_port(next);
  EXPECT_EQ(demux.find(kLocalEnd, kRemoteEnd), &next);
  demux.remove(next);
  demux.remove(other);
  EXPECT_EQ(demux.find(kLocalEnd, kOtherEnd), nullptr);
  EXPECT_EQ(demux.connections(), 0u);
}

}  // namespace
}  // namespace pinion
