// Two ends where something is scarce: frames, places in the port, elements for what was sent,
// chunks for what came out of order, room at the reader, the link itself. Every byte arrives all
// the same, and everything comes back to the baseline; and what a lossy link may cost.
#include "tcp/pair.h"

namespace pinion {
namespace {

using testing::FakeStream;
using testing::PairOptions;
using testing::TcpPair;

TEST(TcpScarce, FramesAndPlacesInThePort) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    TcpPair pair({.seed = seed, .loss = 0.01});
    while (!pair.all_arrived() && pair.step(600 * kSecond)) {
      for (TcpPair::End* end : {&pair.a, &pair.b}) {
        end->port.tx_accepts = pair.rng.below(4);
        end->port.pool_frames = pair.rng.below(12);
      }
      // A port that took nothing is tried again soon; nobody tells when.
      pair.now += 10 * kMicro;
    }
    for (TcpPair::End* end : {&pair.a, &pair.b}) {
      end->port.tx_accepts = end->port.pool_frames = SIZE_MAX;
    }
    pair.expect_delivered();
  }
}

TEST(TcpScarce, ElementsOfWhatWasSentSharedByMany) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    TcpConfig tcp;
    tcp.segments_max = 32;
    TcpPair pair({.seed = seed, .loss = 0.02, .tcp = tcp, .bytes = 30'000, .connections = 12});
    while (!pair.all_arrived() && pair.step(600 * kSecond)) {
      ASSERT_LE(pair.a.tcp().segments_used(), 32u);
    }
    pair.expect_delivered();
  }
}

TEST(TcpScarce, NoChunksForWhatComesOutOfOrder) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    TcpPair pair({.seed = seed, .loss = 0.05, .reorder = 0.1, .bytes = 50'000});
    while (!pair.all_arrived() && pair.step(600 * kSecond)) {
      for (auto& s : pair.listener.accepted) s->chunks_max = pair.rng.below(3);
    }
    pair.expect_delivered();
  }
}

TEST(TcpScarce, ReaderThatIsSlow) {  // zero windows, their probes, and updates that get lost
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    TcpPair pair({.seed = seed, .loss = 0.05, .reorder = 0.05, .bytes = 300'000});
    while (!pair.all_arrived() && pair.step(100'000 * kSecond)) {
      for (auto& s : pair.listener.accepted) {
        s->reads = false;
        if (!pair.rng.chance(0.05)) continue;
        s->held -= pair.rng.below(s->held + 1);
        pair.b.tcp().room_grew(s->sk, pair.now);
      }
    }
    pair.expect_delivered();
  }
}

TEST(TcpScarce, LinkGoneForAWhile) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    TcpPair pair({.seed = seed, .loss = 0.01, .bytes = 500'000});
    const Nanos from = kSecond + 3 * kMilli + pair.rng.below(10'000'000);
    while (!pair.all_arrived() && pair.step(6000 * kSecond)) {
      pair.down = pair.now >= from && pair.now < from + 20 * kSecond;
    }
    pair.expect_delivered();
    EXPECT_LT(pair.now, 200 * kSecond);
  }
}

// 1 % loss, 1 ms of RTT: TCP's own model (W = 1.2 / sqrt(p) segments a round) allows 12 MB/s here.
// Nothing is sent again but what was lost; hardly anything waits for the timer.
TEST(TcpScarce, GoodputAtOnePercentLoss) {
  Nanos elapsed = 0;
  uint64_t lost = 0, again = 0;
  constexpr size_t kBytes = 1'000'000;
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    TcpPair pair({.seed = seed, .loss = 0.01, .bytes = kBytes});
    while (!pair.all_arrived() && pair.step(600 * kSecond)) {
    }
    elapsed += pair.now - kSecond;
    lost += pair.lost;  // ACKs too
    again += pair.a.counters.tcp_retransmitted;
    pair.expect_delivered();
  }
  EXPECT_LE(again, lost);
  const double rate = 5.0 * kBytes / (static_cast<double>(elapsed) / kSecond);
  RecordProperty("bytes_a_second", static_cast<int>(rate));
  EXPECT_GT(rate, 6e6);
}

}  // namespace
}  // namespace pinion
