// A port that cuts long frames into segments: what the peer sees is what it sees of any port, byte
// for byte and no segment more or less; only fewer frames go to the port. The bed's port cuts as
// NICs do (support/segmenter.h), and every packet that comes of it is checked like all others.
#include <gtest/gtest.h>

#include "packet/ipv6_bed.h"
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

constexpr uint32_t kCuts = 20'000;  // bytes of payload: 13 segments

TcpBedOptions cutting(uint32_t bytes = kCuts) {
  TcpBedOptions options;
  options.syn_options = mss(1460) + sack_permitted();
  options.peer.tso_bytes = bytes;
  options.peer.net.tcp.min_rto = 500 * kMilli;
  options.peer.net.tcp.congestion = CongestionControl::newreno;
  return options;
}

uint64_t tso_frames(const TcpBed& bed) {
  EXPECT_EQ(bed.peer.port.frames_cut(), bed.peer.counters().tcp_tso_frames);
  return bed.peer.port.frames_cut();
}

// The next segments are the stream's bytes [from, to), each but the last full; PSH on the last of
// those that leave together.
void expects_stream(TcpBed& bed, uint32_t from, uint32_t to, uint32_t segment_bytes) {
  while (from < to) {
    const Seg seg = bed.remote.expects_any();
    const uint32_t length = std::min(segment_bytes, to - from);
    ASSERT_EQ(seg.seq, 1 + from);
    ASSERT_EQ(seg.data, stream_bytes(from, length));
    from += length;
    EXPECT_EQ((seg.flags & kPsh) != 0, from == to) << from;
  }
}

TEST(TcpSegmentation, OneFrameForTheWholeWindow) {
  TcpBed bed(TcpState::established, cutting());
  const uint64_t frames = bed.peer.counters().tx_frames, sent = bed.peer.counters().tcp_sent;
  app_sends(bed, 10);
  expects_stream(bed, 0, 10 * kMss, kMss);
  bed.remote.expects_nothing();
  EXPECT_EQ(tso_frames(bed), 1u);
  EXPECT_EQ(bed.peer.counters().tx_frames - frames, 1u);
  EXPECT_EQ(bed.peer.counters().tcp_sent - sent, 10u) << "segments";
  bed.remote.sends({.seq = 1, .ack = 1 + 10 * kMss});
  bed.socket->expects_sent(1);
}

Packet too_long(uint32_t seq, uint32_t mtu) {
  const TcpSegment quoted{.ip = {.flags_fragment = kDontFragment, .src = kOurIp, .dst = kPeerIp},
                          .tcp = {.src = kOurPort, .dst = kPeerPort, .seq = seq, .flags = kAck},
                          .data = std::string(64, 'q')};
  return frame_of(IcmpSegment{.ip = {.src = kGatewayIp},
                              .icmp = {.type = 3, .code = 4, .rest = mtu},
                              .data = packet_of(quoted)});
}

// What is over the segments that are full leaves behind them by itself.
TEST(TcpSegmentation, TheRestFollows) {
  TcpBed bed(TcpState::established, cutting());
  bed.socket->send(stream_bytes(0, 3 * kMss + 7), 1);
  bed.peer.poll(3);
  expects_stream(bed, 0, 3 * kMss + 7, kMss);
  bed.remote.expects_nothing();
  EXPECT_EQ(tso_frames(bed), 1u);
}

void ten_segments_are_one_frame(TcpBedOptions options) {
  TcpBed bed(TcpState::established, std::move(options));
  app_sends(bed, 10);
  expects_stream(bed, 0, 10 * kMss, kMss);
  EXPECT_EQ(tso_frames(bed), 1u);
}

// Of IPv4 either the port sums each header, from zeros, or from the right one of the long packet.
TEST(TcpSegmentation, WhoeverSumsTheIpHeader) {
  for (const uint8_t offload : {kTxNone, kTxIpv4Csum}) {
    TcpBedOptions options = cutting();
    options.peer.tx_offload = offload;
    ten_segments_are_one_frame(options);
  }
}

TEST(TcpSegmentation, OneSegmentIsNotCut) {
  TcpBed bed(TcpState::established, cutting());
  bed.socket->send(stream_bytes(0, 2 * kMss - 1), 1);
  bed.peer.poll(3);
  expects_stream(bed, 0, 2 * kMss - 1, kMss);
  EXPECT_EQ(tso_frames(bed), 0u);
}

TEST(TcpSegmentation, NoMoreThanThePortCuts) {
  TcpBed bed(TcpState::established, cutting(4 * kMss + 100));
  app_sends(bed, 10);
  expects_stream(bed, 0, 10 * kMss, kMss);
  EXPECT_EQ(tso_frames(bed), 3u) << "4, 4 and 2";
}

// RFC 5681, RFC 9293 3.8.6: neither window is passed, and each ACK lets out what it always does.
TEST(TcpSegmentation, CongestionWindow) {
  TcpBed bed(TcpState::established, cutting());
  app_sends(bed, 40);
  expects_stream(bed, 0, 10 * kMss, kMss);
  bed.remote.expects_nothing();
  bed.remote.sends({.seq = 1, .ack = 1 + 2 * kMss});
  expects_stream(bed, 10 * kMss, 14 * kMss, kMss);
  bed.remote.expects_nothing();
  bed.remote.sends({.seq = 1, .ack = 1 + 14 * kMss});
  expects_stream(bed, 14 * kMss, 28 * kMss, kMss);
  bed.remote.expects_nothing();
}

TEST(TcpSegmentation, WindowOfThePeer) {
  TcpBedOptions options = cutting();
  options.window = 5 * kMss + 100;
  TcpBed bed(TcpState::established, options);
  app_sends(bed, 10);
  expects_stream(bed, 0, 5 * kMss, kMss);
  bed.remote.expects_nothing();
  EXPECT_EQ(tso_frames(bed), 1u);
  bed.remote.sends({.seq = 1, .ack = 1 + 5 * kMss, .window = 2 * kMss});
  expects_stream(bed, 5 * kMss, 7 * kMss, kMss);
  bed.remote.expects_nothing();
}

TEST(TcpSegmentation, OutputPerCall) {
  TcpBedOptions options = cutting();
  options.peer.net.tcp.output_segments_per_call = 3;
  TcpBed bed(TcpState::established, options);
  app_sends(bed, 10);
  expects_stream(bed, 0, 10 * kMss, kMss);
  EXPECT_EQ(tso_frames(bed), 3u) << "of three segments each";
}

// Elements of the scoreboard, one for each segment, are all there before.
TEST(TcpSegmentation, SegmentsOfTheScoreboard) {
  TcpBedOptions options = cutting();
  options.peer.net.tcp.segments_max = 16;  // of which one is kept
  options.peer.net.tcp.initial_window_segments = 30;
  TcpBed bed(TcpState::established, options);
  app_sends(bed, 20);
  const std::vector<Seg> all = bed.remote.take_all();
  EXPECT_EQ(all.size(), 15u);
  bed.remote.sends({.seq = 1, .ack = 1 + 15 * kMss});
  bed.wait(500 * kMicro);
  EXPECT_EQ(bed.remote.take_all().size(), 5u);
}

// A FIN that is due when the data leaves stands in the last segment, as without the port's help.
TEST(TcpSegmentation, Fin) {
  for (const uint32_t length : {5 * kMss, 5 * kMss + 1}) {
    TcpBedOptions options = cutting();
    options.window = kMss;
    TcpBed bed(TcpState::established, options);
    bed.socket->send(stream_bytes(0, length), 1);
    bed.peer.poll(3);
    bed.remote.expects({.seq = 1, .data = stream_bytes(0, kMss)});
    EXPECT_EQ(bed.socket->shutdown(), 0);
    bed.peer.poll(3);
    bed.remote.sends({.seq = 1, .ack = 1 + kMss, .window = 0xffff});
    std::string data;
    const std::vector<Seg> all = bed.remote.take_all();
    for (const Seg& seg : all) {
      data += seg.data;
      EXPECT_FALSE(seg.data.empty());
      EXPECT_EQ((seg.flags & kFin) != 0, &seg == &all.back());
    }
    EXPECT_EQ(data, stream_bytes(kMss, length - kMss));
    EXPECT_EQ(tso_frames(bed), 1u);
    bed.remote.sends({.seq = 1, .ack = 2 + length});
    bed.expects_state(TcpState::fin_wait_2);
  }
}

// Lost out of the middle of one frame: each segment is known by itself, and is sent again as one.
TEST(TcpSegmentation, OnlyTheHoleIsSentAgain) {
  TcpBed bed(TcpState::established, cutting());
  app_sends(bed, 10);
  expects_stream(bed, 0, 10 * kMss, kMss);
  bed.wait(10 * kMilli);
  bed.remote.take_all();
  const uint32_t base = bed.remote.irs + 1;
  bed.remote.sends({.seq = 1,
                    .ack = 1 + 3 * kMss,
                    .options = kNop + kNop + sack({{base + 4 * kMss, base + 10 * kMss}})});
  bed.remote.expects_data(1 + 3 * kMss, 1 + 4 * kMss, kMss);
  bed.remote.sends({.seq = 1, .ack = 1 + 10 * kMss});
  bed.socket->expects_sent(1);
  bed.remote.expects_nothing();
  EXPECT_EQ(tso_frames(bed), 1u) << "what is sent again is not cut";
}

TEST(TcpSegmentation, ATimeoutSendsOneSegment) {
  TcpBedOptions options = cutting();
  options.peer.net.tcp.tail_loss_probe = false;
  TcpBed bed(TcpState::established, options);
  app_sends(bed, 10);
  expects_stream(bed, 0, 10 * kMss, kMss);
  bed.wait(1100 * kMilli);
  bed.remote.expects_data(1, 1 + kMss, kMss);
  EXPECT_EQ(tso_frames(bed), 1u);
}

// What a NIC cuts wrongly is lost, all of it. The connection goes on without its help, and tries it
// again later; a NIC that works has it back.
TEST(TcpSegmentation, ANicThatCutsWrongly) {
  TcpBed bed(TcpState::established, cutting());
  bed.peer.port.loses_cut = true;
  uint32_t acked = 0;
  const auto send_and_ack = [&](uint32_t segments) {
    bed.socket->send(stream_bytes(0, segments * size_t{kMss}), 1);
    bed.peer.poll(3);
    std::vector<bool> there(segments);
    for (uint32_t i = 0, next = 0; next < segments; ++i) {
      ASSERT_LT(i, 200u);
      bed.wait(10 * kMilli);
      for (const Seg& seg : bed.remote.take_all())
        if (seg.seq > acked) there.at((seg.seq - 1 - acked) / kMss) = true;
      while (next < segments && there[next]) ++next;
      bed.remote.sends({.seq = 1, .ack = 1 + acked + next * kMss});
    }
    acked += segments * kMss;
    bed.remote.take_all();
    bed.socket->expects_sent(1);
  };
  send_and_ack(8);
  EXPECT_EQ(tso_frames(bed), 1u);
  bed.peer.port.loses_cut = false;
  while (acked < 1'000'000) send_and_ack(8);
  EXPECT_EQ(tso_frames(bed), 1u);
  for (int i = 0; i < 10; ++i) send_and_ack(8);
  EXPECT_GT(tso_frames(bed), 3u);
}

// RFC 1191: what was too long for the path is sent again shorter, and what follows is.
TEST(TcpSegmentation, PathMtuFell) {
  TcpBed bed(TcpState::established, cutting());
  app_sends(bed, 40);
  expects_stream(bed, 0, 10 * kMss, kMss);
  bed.peer.sends(too_long(bed.remote.irs + 1 + 2 * kMss, 1000));
  constexpr uint32_t kNarrow = 1000 - 40;
  for (const Seg& seg : bed.remote.take_all()) EXPECT_LE(seg.data.size(), kNarrow);
  bed.remote.sends({.seq = 1, .ack = 1 + 10 * kMss});
  bed.peer.poll(3);
  const std::vector<Seg> all = bed.remote.take_all();
  ASSERT_GT(all.size(), 2u);
  for (const Seg& seg : all) EXPECT_EQ(seg.data, stream_bytes(seg.seq - 1, kNarrow));
  EXPECT_GT(tso_frames(bed), 1u);
}

// A peer chooses how small segments are; NICs do not take all sizes.
TEST(TcpSegmentation, SmallSegmentsAreNotCut) {
  for (const uint16_t size : {64, 511, 512}) {
    TcpBedOptions options = cutting();
    options.syn_options = mss(size) + sack_permitted();
    TcpBed bed(TcpState::established, options);
    bed.socket->send(stream_bytes(0, 10 * size_t{size}), 1);
    bed.peer.poll(3);
    expects_stream(bed, 0, 10 * size_t{size}, size);
    EXPECT_EQ(tso_frames(bed), size == 512 ? 1u : 0u) << size;
  }
}

// Timestamps and SACK blocks stand in each segment, which stays as long as the path allows.
TEST(TcpSegmentation, OptionsStandInEach) {
  TcpBedOptions options = cutting();
  options.syn_options = mss(1400) + sack_permitted() + timestamps(5000, 0);
  TcpBed bed(TcpState::established, options);
  bed.remote.sends({.seq = 11, .data = "ahead"});
  bed.remote.take_all();
  constexpr uint32_t kBytes = 1400 - 12;
  bed.socket->send(stream_bytes(0, 5 * kBytes), 1);
  bed.peer.poll(3);
  for (uint32_t i = 0; i < 5; ++i) {
    const Decoded d = bed.remote.expects(
        {.seq = 1 + i * kBytes, .data = stream_bytes(i * size_t{kBytes}, kBytes)});
    EXPECT_NE(d.tcp->options.find(bytes8({8, 10})), std::string::npos);
    EXPECT_NE(d.tcp->options.find(bytes8({5, 10})), std::string::npos);
  }
  EXPECT_EQ(tso_frames(bed), 1u);
}

// ---- the port, and what waits for it

TEST(TcpSegmentation, NoBuffersForAll) {
  TcpBed bed(TcpState::established, cutting());
  bed.peer.port.pool_frames = 4;
  app_sends(bed, 10);
  bed.remote.expects_nothing();
  EXPECT_EQ(bed.peer.port.outstanding(), 0u) << "those that there were are back";
  EXPECT_GT(bed.peer.kernel->next_deadline(), bed.peer.now) << "the core may sleep";
  bed.peer.port.pool_frames = SIZE_MAX;
  bed.wait(10 * kMilli);
  expects_stream(bed, 0, 10 * kMss, kMss);
}

// Buffers that wait count, not frames: the rest of the port's queue is the others'.
TEST(TcpSegmentation, AFullPort) {
  TcpBedOptions options = cutting(4 * kMss);
  options.peer.net.tx_queue_max = 8;
  options.peer.net.tcp.initial_window_segments = 30;
  TcpBed bed(TcpState::established, options);
  bed.peer.port.tx_accepts = 0;
  app_sends(bed, 30);
  EXPECT_EQ(bed.peer.port.outstanding(), 8u);
  bed.peer.port.tx_accepts = SIZE_MAX;
  bed.wait(100 * kMilli);
  expects_stream(bed, 0, 30 * kMss, kMss);
}

// Dropped with all of its buffers, and sent again when it is time.
TEST(TcpSegmentation, TheLinkIsLostMeanwhile) {
  TcpBedOptions options = cutting();
  options.peer.net.tcp.tail_loss_probe = false;
  TcpBed bed(TcpState::established, options);
  bed.peer.port.tx_accepts = 0;
  app_sends(bed, 10);
  EXPECT_GT(bed.peer.port.outstanding(), 1u);
  bed.peer.port.link_is_up = false;
  bed.wait(2 * kMilli);
  EXPECT_EQ(bed.peer.port.outstanding(), 0u);
  EXPECT_EQ(bed.peer.dropped(Drop::tx_link_down), 1u);
  bed.peer.port.link_is_up = true, bed.peer.port.tx_accepts = SIZE_MAX;
  bed.wait(5 * kSecond);
  std::string data(10 * kMss, '\0');
  for (const Packet& frame : bed.peer.take_all())
    if (const Decoded d = decode(frame); d.tcp)
      data.replace(d.tcp->seq - bed.remote.irs - 1, d.data.size(), d.data);
  EXPECT_EQ(data.substr(0, kMss), stream_bytes(0, kMss));
}

TEST(TcpSegmentation, BehindABond) {
  TcpBedOptions options = cutting();
  options.peer.bonded = true;
  ten_segments_are_one_frame(options);
}

// The tag stands in front of each segment.
TEST(TcpSegmentation, Vlan) {
  constexpr Ipv4 kTaggedIp = ipv4(10, 7, 0, 1), kTaggedPeer = ipv4(10, 7, 0, 2);
  constexpr uint16_t kVlan = 7, kPort = 6000;
  PeerOptions options = cutting().peer;
  options.net.interfaces.push_back(
      {.name = "nic0.7", .addresses = {{kTaggedIp, 24}}, .vlan_id = kVlan});
  options.net.neighbours.push_back({.address = kTaggedPeer, .mac = kPeerMac, .interface = 1});
  Peer peer(options);
  TcpSocket listener(peer, {.local = {kTaggedIp, kOurPort}, .queue = false});
  ASSERT_EQ(listener.listen(), 0);
  TcpSegment in{.eth = {.vlan_tci = kVlan}, .ip = {.src = kTaggedPeer, .dst = kTaggedIp}};
  in.tcp = {.src = kPort, .dst = kOurPort, .seq = 999, .flags = kSyn, .options = mss(kMss)};
  peer.sends(frame_of(in));
  const uint32_t iss = peer.expects_decoded().tcp->seq + 1;
  in.tcp = {.src = kPort, .dst = kOurPort, .seq = 1000, .ack = iss, .flags = kAck};
  peer.sends(frame_of(in));
  const std::optional<uint32_t> accepted = listener.accept();
  ASSERT_TRUE(accepted.has_value());
  TcpSocket socket(peer, {.local = {kTaggedIp, kOurPort}}, *accepted);
  socket.send(stream_bytes(0, 4 * kMss), 1);
  peer.poll(3);
  for (uint32_t i = 0; i < 4; ++i) {
    const Decoded d = peer.expects_decoded();
    EXPECT_EQ(d.eth.vlan_tci, kVlan);
    EXPECT_EQ(d.tcp->seq, iss + i * kMss);
    EXPECT_EQ(d.data, stream_bytes(i * size_t{kMss}, kMss));
  }
  EXPECT_EQ(peer.port.frames_cut(), 1u);
}

// A neighbour that is looked for again: nothing long waits for it.
TEST(TcpSegmentation, ANeighbourThatIsNotKnownAnyMore) {
  TcpBedOptions options = cutting();
  options.pinned = false;
  TcpBed bed(TcpState::established, options);
  bed.wait(300 * kSecond);
  bed.remote.take_all();
  bed.socket->send(stream_bytes(0, 5 * kMss), 1);
  bed.peer.poll(3);
  EXPECT_EQ(tso_frames(bed), 0u);
}

}  // namespace
}  // namespace pinion::testing
