// See peer.h.
#include "support/peer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "rio/slot_address.h"
#include "support/account.h"

namespace pinion::testing {

namespace {

constexpr Nanos kQuiet = 120 * kSecond;     // I2
constexpr Nanos kBusyStep = 100 * kMicro;   // between passes while the port is full
constexpr uint32_t kPassesMax = 4'000'000;  // of one wait: no livelock
constexpr size_t kPoisonRun = 4;            // bytes of the fill pattern that are no chance
constexpr size_t kFrameMin = 60, kEthBytes = 14;
constexpr size_t kLeastError = kEthBytes + 20 + 8 + 8;  // and the header that it quotes (RFC 792)
constexpr uint32_t kReceiveArea = RawApp::kDataBytes / 2;  // the upper half is for sends

::testing::ScopedTrace trace(const Where& where) {
  return {where.file_name(), static_cast<int>(where.line()), "here"};
}

void set16(Packet& frame, size_t at, unsigned v) {
  frame.at(at) = static_cast<std::byte>(v >> 8), frame.at(at + 1) = static_cast<std::byte>(v);
}

// What a port does that offers checksums: it sums what stands there, the pseudo header's sum too.
Packet completed(MemoryPort::Sent& sent) {
  Packet& frame = sent.bytes;
  const size_t ip = sent.l2_length, udp = ip + sent.l3_length;
  const Bytes bytes = frame;
  if ((sent.tx_offload & kTxIpv4Csum) != 0)
    set16(frame, ip + 10, internet_checksum(bytes.subspan(ip, sent.l3_length)));
  if ((sent.tx_offload & kTxUdpCsum) != 0) {
    const auto length =
        static_cast<size_t>(frame.at(udp + 4)) << 8 | static_cast<size_t>(frame.at(udp + 5));
    const uint16_t sum = internet_checksum(bytes.subspan(udp, length));
    set16(frame, udp + 6, sum == 0 ? 0xffff : sum);
  }
  if ((sent.tx_offload & kTxTcpCsum) != 0) {
    const bool v6 = frame.at(ip) >> 4 == std::byte{6};
    const size_t at = ip + (v6 ? 4 : 2);
    const auto total =
        static_cast<size_t>(frame.at(at)) << 8 | static_cast<size_t>(frame.at(at + 1));
    const size_t length = v6 ? total : total - sent.l3_length;
    set16(frame, udp + 16, internet_checksum(bytes.subspan(udp, length)));
  }
  return std::move(frame);
}

ServerConfig small(ServerConfig c) {
  const ServerConfig standard;
  const auto shrink = [](uint32_t& value, uint32_t standard_value, uint32_t small_value) {
    if (value == standard_value) value = small_value;
  };
  shrink(c.sessions_max, standard.sessions_max, 4);
  shrink(c.sockets_max, standard.sockets_max, 64);
  shrink(c.request_queues_max, standard.request_queues_max, 64);
  shrink(c.requests_max, standard.requests_max, 8192);
  shrink(c.backlog_chunks, standard.backlog_chunks, 1024);
  return c;
}

// And what holds a connection without its application is over within I2's two minutes.
TcpConfig small(TcpConfig c) {
  const TcpConfig standard;
  if (c.msl == standard.msl) c.msl = 30 * kSecond;
  if (c.connections_max == standard.connections_max) c.connections_max = 64;
  if (c.listeners_max == standard.listeners_max) c.listeners_max = 16;
  if (c.bound_max == standard.bound_max) c.bound_max = 64;
  if (c.segments_max == standard.segments_max) c.segments_max = 4096;
  if (c.syn_queue_max == standard.syn_queue_max) c.syn_queue_max = 16;
  return c;
}

}  // namespace

Peer::Peer(PeerOptions options)
    : port(kOurMac, options.mtu_bytes, options.tx_offload),
      backup(kOurMac, options.mtu_bytes, options.tx_offload),
      quota_(options.quota) {
  backup.share_pool(port);
  if (options.tso_bytes != 0)
    port.cut_segments(options.tso_bytes), backup.cut_segments(options.tso_bytes);
  if (options.bonded) bond.emplace(port, backup);
  KernelConfig config;
  config.net = std::move(options.net);
  config.server = small(options.server);
  config.net.owners_max = config.server.sessions_max;
  InterfaceConfig first{.name = "nic0", .addresses = {{kOurIp, 24}}};
  first.queue_cores = options.queue_cores;
  port.be_queue(static_cast<uint16_t>(config.net.mesh.core), options.rss);
  first.addresses.insert(first.addresses.end(), options.more_addresses.begin(),
                         options.more_addresses.end());
  config.net.interfaces.insert(config.net.interfaces.begin(), first);
  Port* first_port = &port;
  if (bond) first_port = &*bond;
  for (InterfaceConfig& i : config.net.interfaces)
    if (i.port == nullptr) i.port = first_port;
  config.net.routes.push_back({.prefix = {}, .prefix_length = 0, .via = kGatewayIp});
  config.net.udp_sockets_max = 64;
  config.net.tcp = small(config.net.tcp);
  net_ = config.net;
  start_ = now;
  kernel = std::make_unique<Kernel>(config);
  if (!options.resolved) return;
  sends(frame_of(ArpSegment{.eth = {.dst = kBroadcastMac}}));
  EXPECT_EQ(expects_decoded().arp->op, 2);
}

// However a test ends: when its applications are gone and the port works, nothing is left.
Peer::~Peer() {
  apps_.clear();
  port.tx_accepts = port.pool_frames = SIZE_MAX;
  port.link_is_up = true;
  if (bond) wait(2 * kMilli);  // seen, and told: once more later
  expect_baseline();
  expect_nothing_left();
}

void Peer::poll(int passes) {
  for (; passes > 0; --passes) now += kMicro, pass();
  for (auto& [id, attached] : apps_) attached.app->set_now(now);
  collect();
}

void Peer::wait(Nanos duration) {
  const Nanos end = now + duration;
  poll();  // what was posted before this silence is not known to the kernel's deadlines
  for (uint32_t passes = 0; now < end; ++passes) {
    ASSERT_LT(passes, kPassesMax) << "passes without end";
    Nanos next = kernel->next_deadline();
    const bool waits = !kernel->net().idle() || port.waiting() + backup.waiting() != 0;
    if (waits || next <= now) next = now + kBusyStep;
    now = std::min(next, end);
    pass();
  }
  for (auto& [id, attached] : apps_) attached.app->set_now(now);
  collect();
}

void Peer::pass() {
  const Counters before = kernel->counters();
  kernel->poll(now);
  check_pass(before);
}

// I4: each received frame has one name. I5: one burst a pass.
void Peer::check_pass(const Counters& before) {
  const Counters& after = kernel->counters();
  const Account account = account_of(after) - account_of(before);
  EXPECT_TRUE(account.balanced()) << account.received << " frames received, " << account.named
                                  << " have a name, " << account.ours << " of ours dropped";
  EXPECT_LE(account.received, net_.rx_burst * net_.mesh.cores);
  EXPECT_LE(after.tx_frames - before.tx_frames, net_.tx_burst);
}

// I7: every byte that leaves is one that somebody wrote.
void Peer::collect() {
  std::vector<MemoryPort::Sent> all = port.take_sent_with_offload();
  for (MemoryPort::Sent& sent : backup.take_sent_with_offload()) all.push_back(std::move(sent));
  for (MemoryPort::Sent& sent : all) {
    Packet frame = completed(sent);
    const Decoded decoded = decode(frame);
    EXPECT_EQ(decoded.fault, "") << "in what leaves";
    EXPECT_FALSE(has_fill(frame)) << "memory that nobody wrote leaves";
    take_credit(frame, decoded);
    sent_.push_back(std::move(frame));
  }
}

bool Peer::has_fill(const Packet& frame) const {
  return port.fill != std::byte{} &&
         std::search_n(frame.begin(), frame.end(), kPoisonRun, port.fill) != frame.end();
}

bool Peer::on_link(Ipv4 address) const {
  const auto covers = [&](Ip prefix, uint8_t length) {
    return length == 0 || (prefix.v4().v ^ address.v) >> (32 - length) == 0;
  };
  return std::any_of(net_.interfaces.begin(), net_.interfaces.end(), [&](const auto& i) {
    return std::any_of(i.addresses.begin(), i.addresses.end(), [&](const InterfaceAddress& a) {
      return a.address.is_v4() && covers(a.address, a.prefix_length);
    });
  });
}

// A reply to a frame may be as large as the frame. RFC 1122 3.2.2 sets a least size for errors,
// which a station of this link may get for less: it has had to answer for its address.
void Peer::give_credit(const Packet& frame) {
  const Decoded d = decode(frame);
  if (!d.ip && !d.arp) return;
  Credit& credit = credits_[d.ip ? d.ip->src.v : d.arp->spa.v];
  size_t bytes = std::max(frame.size(), kFrameMin);
  if (d.ip && !d.icmp && on_link(d.ip->src))
    bytes = std::max(bytes, kLeastError + size_t{*d.ip->ihl} * 4);
  ++credit.frames, credit.bytes += bytes;
}

void Peer::take_credit(const Packet& frame, const Decoded& d) {
  if (!d.icmp && !(d.arp && d.arp->op == 2)) return;  // nothing else of ours is an answer
  if (net_.mesh.cores > 1) return;                    // another core was asked, perhaps
  const Ipv4 to = d.icmp ? d.ip->dst : d.arp->tpa;
  Credit& credit = credits_[to.v];
  if (credit.frames == 0 || credit.bytes < frame.size()) {
    ADD_FAILURE() << "more is answered than was asked";
    return;
  }
  --credit.frames, credit.bytes -= frame.size();
}

void Peer::sends(const Packet& frame) {
  queues(frame);
  poll();
}

Frame& Peer::queues(const Packet& frame) {
  give_credit(frame);
  return wire().receive(frame);
}

Packet Peer::expects_frame(Where where) {
  const auto here = trace(where);
  if (sent_.empty()) {
    ADD_FAILURE() << "nothing leaves";
    return {};
  }
  Packet frame = std::move(sent_.front());
  sent_.pop_front();
  return frame;
}

Decoded Peer::expects_decoded(Where where) { return decode(expects_frame(where)); }

void Peer::expects(const Packet& frame, Where where) {
  const auto here = trace(where);
  EXPECT_EQ(expects_frame(where), frame);
}

void Peer::expects_nothing(Where where) {
  const auto here = trace(where);
  EXPECT_EQ(sent_.size(), 0u) << "frames leave";
  sent_.clear();
}

std::vector<Packet> Peer::take_all(Where where) {
  std::vector<Packet> all;
  while (!sent_.empty()) all.push_back(expects_frame(where));
  return all;
}

uint64_t Peer::dropped_in_all() const {
  uint64_t sum = 0;
  for (const uint64_t n : kernel->counters().drops) sum += n;
  return sum;
}

Drop Peer::reaction_to(const Packet& frame) {
  const Counters before = kernel->counters();
  sends(frame);
  Drop found = Drop::none;
  for (size_t i = 0; i < kDropCount; ++i) {
    const uint64_t moved = kernel->counters().drops[i] - before.drops[i];
    if (moved == 0) continue;
    const auto d = static_cast<Drop>(i);
    EXPECT_EQ(moved, 1u) << drop_name(d);
    EXPECT_EQ(found, Drop::none) << drop_name(found) << " moves, and " << drop_name(d);
    found = d;
  }
  return found;
}

void Peer::expect_one_drop(Drop why, const Packet& frame) {
  const size_t outstanding = port.outstanding();
  const Drop found = reaction_to(frame);
  EXPECT_EQ(found, why) << drop_name(found) << " moves; it should be " << drop_name(why);
  EXPECT_EQ(port.outstanding(), outstanding) << "the frame is kept";
}

void Peer::expect_drop(Drop why, const Packet& frame, Where where) {
  const auto here = trace(where);
  expect_one_drop(why, frame);
  expects_nothing(where);
}

Packet Peer::expect_drop_answered(Drop why, const Packet& frame, Where where) {
  const auto here = trace(where);
  expect_one_drop(why, frame);
  const Packet answer = expects_frame(where);
  expects_nothing(where);
  return answer;
}

void Peer::expect_handled(const Packet& frame, Where where) {
  const auto here = trace(where);
  const uint64_t before = dropped_in_all();
  sends(frame);
  EXPECT_EQ(dropped_in_all(), before);
}

void Peer::expect_baseline(Where where) {
  const auto here = trace(where);
  wait(kQuiet);
  take_all(where);
  EXPECT_EQ(kernel->server().usage().requests, 0u);
  EXPECT_EQ(kernel->server().usage().chunks, 0u);
  EXPECT_EQ(kernel->net().neighbours().size(), net_.neighbours.size()) << "but the pinned ones";
  EXPECT_EQ(kernel->net().neighbours().parked(), 0u);
  EXPECT_EQ(kernel->net().next_deadline(), kNever) << "a timer runs";
  EXPECT_EQ(port.outstanding(), 0u);
  EXPECT_EQ(port.waiting() + backup.waiting(), 0u);
  EXPECT_TRUE(kernel->net().idle());
}

// And I6 over the whole test: what is answered is limited by the second.
void Peer::expect_nothing_left() {
  const Server::Usage usage = kernel->server().usage();
  EXPECT_EQ(usage.sessions, 0u);
  EXPECT_EQ(usage.sockets, 0u);
  EXPECT_EQ(usage.request_queues, 0u);
  const auto seconds = 1 + static_cast<uint64_t>((now - start_) / kSecond);
  EXPECT_LE(counters().icmp_errors_sent, net_.icmp_errors_per_s * seconds);
  EXPECT_LE(counters().icmp_echo_replies, net_.icmp_echoes_per_s * seconds);
  EXPECT_LE(counters().arp_replies_sent, net_.arp_replies_per_s * seconds);
}

RawApp& Peer::app(uint32_t session) {
  Attached& attached = apps_[session];
  if (!attached.app) attached.app = std::make_unique<RawApp>(*kernel, session, now, quota_);
  return *attached.app;
}

uint32_t Peer::take_receive_area(uint32_t session, uint32_t bytes) {
  uint32_t& next = apps_[session].next_area;
  if (next + bytes > kReceiveArea) next = 0;
  const uint32_t at = next;
  next += bytes;
  return at;
}

UdpSocket::UdpSocket(Peer& peer, SocketOptions options)
    : peer_(peer),
      session_(options.session),
      handle_(app().socket(options.local.address.is_v4() ? RIO_FAMILY_IPV4 : RIO_FAMILY_IPV6)) {
  cq_ = app().create_cq(options.receives + options.sends);
  rq_ = app().create_rq(handle_, cq_, cq_, {.receives = options.receives, .sends = options.sends});
  if (options.local.port != 0) {
    EXPECT_EQ(app().bind(handle_, options.local).status, 0);
  }
  if (options.remote) {
    EXPECT_EQ(app().connect(handle_, *options.remote).status, 0);
  }
  if (options.backlog) {
    EXPECT_EQ(set_option(RIO_SO_RECEIVE_BACKLOG, *options.backlog), 0);
  }
}

void UdpSocket::receive(uint64_t context, uint32_t length) {
  const uint32_t at = peer_.take_receive_area(session_, length);
  areas_[context] = at;
  std::fill_n(app().data(at), length, std::byte{});
  app().receive(rq_, at, length, context);
}

void UdpSocket::send(const std::string& text, std::optional<Endpoint> to, uint64_t context,
                     uint16_t flags) {
  app().send_text(rq_, text, to, context, flags);
}

int UdpSocket::close() { return call(RIO_CTL_SOCKET_CLOSE).status; }

rio_abi_completion UdpSocket::expects_completion(Where where) {
  const auto here = trace(where);
  const auto c = app().dequeue(cq_);
  EXPECT_TRUE(c.has_value()) << "no completion";
  return c.value_or(rio_abi_completion{});
}

void UdpSocket::expects_sent(uint64_t context, int32_t status, Where where) {
  const auto here = trace(where);
  const rio_abi_completion c = expects_completion(where);
  EXPECT_EQ(c.flags & RIO_CF_OPCODE_MASK, uint32_t{RIO_OP_SEND});
  EXPECT_EQ(c.request_context, context);
  EXPECT_EQ(c.status, status);
  EXPECT_EQ((c.flags & RIO_CF_UNSENT) != 0, status != 0);
}

std::string UdpSocket::expects_received(uint64_t context, Where where) {
  const auto here = trace(where);
  const rio_abi_completion c = expects_completion(where);
  EXPECT_EQ(c.flags & RIO_CF_OPCODE_MASK, uint32_t{RIO_OP_RECEIVE});
  EXPECT_EQ(c.request_context, context);
  EXPECT_EQ(c.status, 0);
  return area(context, c.bytes);
}

void UdpSocket::expects_no_completion(Where where) {
  const auto here = trace(where);
  EXPECT_FALSE(app().dequeue(cq_).has_value());
}

rio_control UdpSocket::call(uint16_t opcode, uint32_t option, uint64_t value) {
  rio_control m{};
  m.magic = RIO_CONTROL_MAGIC, m.opcode = opcode;
  m.handle = handle_, m.a = option, m.size = value;
  return app().call(m);
}

int UdpSocket::membership(uint16_t opcode, Ip group, Ip source, const char* nic) {
  rio_control m{};
  m.magic = RIO_CONTROL_MAGIC, m.opcode = opcode, m.handle = handle_;
  m.address.family = store_address(group, m.address.bytes);
  uint8_t from[16] = {};
  if (!source.is_any()) store_address(source, from);
  std::memcpy(&m.offset, from, 8), std::memcpy(&m.size, from + 8, 8);
  std::strncpy(m.why, nic, sizeof m.why - 1);
  return app().call(m).status;
}

int UdpSocket::join(Ip group, Ip source, const char* nic) {
  return membership(RIO_CTL_JOIN, group, source, nic);
}

int UdpSocket::leave(Ip group, Ip source, const char* nic) {
  return membership(RIO_CTL_LEAVE, group, source, nic);
}

int UdpSocket::set_option(uint32_t option, uint64_t value) {
  return call(RIO_CTL_SETSOCKOPT, option, value).status;
}

int64_t UdpSocket::option(uint32_t option) {
  return static_cast<int64_t>(call(RIO_CTL_GETSOCKOPT, option).size);
}

std::string UdpSocket::area(uint64_t context, uint32_t length) {
  return app().text(areas_.at(context), length);
}

}  // namespace pinion::testing
