// The peer that a test speaks for; see bed.h.
#include <cerrno>

#include "tcp/bed.h"

namespace pinion::testing {
namespace {

NetConfig with(NetConfig net, const TcpConfig& config) {
  net.tcp = config;
  net.tcp.connections_max = std::min(net.tcp.connections_max, 64u);
  net.tcp.segments_max = std::min(net.tcp.segments_max, 4096u);
  net.neighbours = {{kPeer, kPeerMac, 0}};
  net.secret[0] = 0x1234567890abcdef, net.secret[1] = 0xfedcba0987654321;
  return net;
}

}  // namespace

Packet tcp_frame(const LinkEnds& link, Ipv4 from, Ipv4 to, TcpSegment seg) {
  std::vector<std::byte> bytes(tcp_header_length(seg.options) + seg.payload.size());
  const size_t header = tcp_emit(seg, bytes);
  std::copy(seg.payload.begin(), seg.payload.end(), bytes.begin() + static_cast<long>(header));
  const uint64_t pseudo =
      pseudo_header_sum(from, to, kProtocolTcp, static_cast<uint16_t>(bytes.size()));
  const uint16_t sum = checksum_finish(checksum_add(pseudo, bytes));
  bytes[16] = static_cast<std::byte>(sum >> 8), bytes[17] = static_cast<std::byte>(sum);
  return ipv4_frame(link, from, to, kProtocolTcp, bytes);
}

TcpBed::TcpBed(TcpConfig config, NetConfig net, uint8_t tx_offload)
    : bed(with(std::move(net), config), tx_offload), port_sums((tx_offload & kTxTcpCsum) != 0) {
  syn_options.mss = 1460;
}

TcpBed::~TcpBed() {
  const auto end = [&](FakeStream& s) {
    if (s.released == 0) tcp().abort(s.sk, -ECONNABORTED, bed.now);
    EXPECT_EQ(s.released, 1);
    EXPECT_EQ(s.sk.tcb, nullptr);
  };
  for (auto& s : stream.accepted) end(*s);
  end(stream);
  for (int i = 0; i < 400 && tcp().tcbs_used() != 0; ++i) pass(kSecond), out();
  EXPECT_EQ(tcp().tcbs_used(), 0u);
  EXPECT_EQ(tcp().segments_used(), 0u);
  EXPECT_EQ(tcp().half_open(), 0u);
  EXPECT_EQ(tcp().listeners(), 0u);
}

Drop TcpBed::send(const Seg& s, uint16_t port) {
  TcpSegment seg;
  seg.source_port = port, seg.destination_port = kOurPort;
  seg.seq = Seq{kPeerIss} + s.seq;
  if (s.flags & kTcpAck) seg.ack = Seq{our_iss} + s.ack;
  seg.flags = s.flags;
  seg.wnd = s.wnd;
  seg.options = s.options;
  seg.payload = bytes_of(s.data);
  return bed.receive(tcp_frame(kIn, kPeer, kOurs, seg));
}

std::vector<Out> TcpBed::out() {
  std::vector<Out> all;
  for (const Packet& frame : bed.sent()) {
    Ipv4Packet ip;
    TcpSegment seg;
    if (frame[12] != std::byte{8} || frame[13] != std::byte{0}) continue;  // ARP
    EXPECT_EQ(ipv4_parse(Bytes{frame}.subspan(14), ip, port_sums), Drop::none);
    EXPECT_EQ(tcp_parse(ip.payload, seg), Drop::none);
    const auto length = static_cast<uint16_t>(ip.payload.size());
    const uint64_t pseudo =
        pseudo_header_sum(ip.header.source, ip.header.destination, kProtocolTcp, length);
    const bool right = port_sums
                           ? seg.checksum == checksum_fold(pseudo)
                           : tcp_checksum_ok(ip.payload, ip.header.source, ip.header.destination);
    EXPECT_TRUE(right);
    EXPECT_TRUE(ip.header.dont_fragment);
    if (seg.has_syn() && !know_iss) our_iss = seg.seq.v, know_iss = true;
    all.push_back(
        {seg.seq.v - our_iss, seg.has_ack() ? seg.ack.v - kPeerIss : 0, seg.flags, seg.wnd,
         std::string{reinterpret_cast<const char*>(seg.payload.data()), seg.payload.size()},
         seg.options});
  }
  return all;
}

std::optional<Out> TcpBed::out_one() {
  std::vector<Out> all = out();
  EXPECT_EQ(all.size(), 1u);
  if (all.size() != 1) return std::nullopt;
  return all[0];
}

void TcpBed::listen(uint32_t backlog) {
  ASSERT_EQ(tcp().bind(stream.sk, {kOurs, kOurPort}, false), 0);
  ASSERT_EQ(tcp().listen(stream.sk, backlog, bed.now), 0);
}

FakeStream& TcpBed::accept() {
  listen();
  EXPECT_EQ(send({.seq = 0, .flags = kTcpSyn, .options = syn_options}), Drop::none);
  const auto syn_ack = out_one();
  EXPECT_TRUE(syn_ack && syn_ack->flags == (kTcpSyn | kTcpAck) && syn_ack->ack == 1);
  EXPECT_EQ(send({}), Drop::none);
  EXPECT_EQ(stream.accepted.size(), 1u);
  return accepted();
}

FakeStream& TcpBed::connect() {
  EXPECT_EQ(tcp().bind(stream.sk, {kOurs, kOurPort}, false), 0);
  EXPECT_EQ(tcp().connect(stream.sk, {kPeer, kPeerPort}, bed.now), -EINPROGRESS);
  const auto syn = out_one();
  EXPECT_TRUE(syn && syn->flags == kTcpSyn);
  EXPECT_EQ(send({.seq = 0, .flags = kTcpSyn | kTcpAck, .options = syn_options}), Drop::none);
  EXPECT_EQ(stream.connected, 1);
  const auto ack = out_one();
  EXPECT_TRUE(ack && ack->flags == kTcpAck && ack->ack == 1 && ack->seq == 1);
  return stream;
}

void TcpBed::app_sends(FakeStream& s, std::string_view data) {
  const Bytes bytes = bytes_of(data);
  s.to_send.insert(s.to_send.end(), bytes.begin(), bytes.end());
  tcp().append(s.sk, static_cast<uint32_t>(data.size()), bed.now);
  tcp().output(s.sk, bed.now);
}

}  // namespace pinion::testing
