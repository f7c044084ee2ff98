// I3: another application's connection loses nothing whatever is sent to this one, and its
// requests complete within two passes.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

const struct TcpFlood {
  const char* name;
  Packet (*frame)(const TcpEnd& end, uint32_t number);
} kTcpFloods[] = {
    {"Syns",
     [](const TcpEnd& end, uint32_t n) {
       return frame_of(TcpSegment{
           .ip = {.src = ipv4(10, 0, 0, 3 + n % 250)},
           .tcp = {
               .src = static_cast<uint16_t>(n), .dst = end.local.port, .seq = n, .flags = kSyn}});
     }},
    {"Rsts",
     [](const TcpEnd& end, uint32_t n) { return end.frame({.flags = kRst, .seq = 5 + n % 99}); }},
    {"Acks", [](const TcpEnd& end, uint32_t n) { return end.frame({.seq = 1, .ack = n * 7919}); }},
    {"Holes",
     [](const TcpEnd& end, uint32_t n) {
       return end.frame({.seq = 3 + 2 * (n % 20'000), .ack = 1, .data = "h"});
     }},
    {"ClosedPorts",
     [](const TcpEnd& end, uint32_t n) {
       return frame_of(TcpSegment{
           .ip = {.src = end.remote.address.v4()},
           .tcp = {.dst = static_cast<uint16_t>(9000 + n % 999), .seq = n, .flags = kAck}});
     }},
    {"BadChecksums",
     [](const TcpEnd& end, uint32_t) { return end.frame({.seq = 1, .ack = 1, .checksum = 1}); }}};

class TcpBystander : public ::testing::TestWithParam<TcpFlood> {};

TEST_P(TcpBystander, I3LosesNothing) {
  TcpBedOptions options;
  options.socket = {.session = 1, .local = {kOurIp, 6000}};
  TcpBed bed(TcpState::established, options);
  TcpSocket victim_listener(bed.peer, {.queue = false});
  EXPECT_EQ(victim_listener.listen(), 0);
  TcpEnd victim(bed.peer);
  victim.sends({.flags = kSyn, .options = mss(1460)});
  victim.expects({.flags = kSyn | kAck, .ack = 1});
  victim.sends({.seq = 1, .ack = 1});
  uint32_t number = 0, in = 1, out = 1;
  for (uint64_t round = 0; round < 200; ++round) {
    bed.socket->receive(round);
    bed.socket->send("out", 1'000'000 + round);
    for (int i = 0; i < 31; ++i) bed.peer.queues(GetParam().frame(victim, number++));
    bed.remote.queues({.seq = in, .ack = out, .data = "in"});
    bed.peer.poll(2);
    ASSERT_EQ(bed.socket->expects_received(round), "in");
    std::string left;
    for (const Packet& frame : bed.peer.take_all()) {
      const Decoded d = decode(frame);
      if (d.tcp && d.tcp->src == 6000) left += d.data;
    }
    ASSERT_EQ(left, "out") << round;
    in += 2, out += 3;
    bed.remote.sends({.seq = in, .ack = out});
    bed.socket->expects_sent(1'000'000 + round);
  }
}

INSTANTIATE_TEST_SUITE_P(Floods, TcpBystander, ::testing::ValuesIn(kTcpFloods),
                         [](const auto& flood) { return std::string(flood.param.name); });

}  // namespace
}  // namespace pinion::testing
