// See world.h.
#include "packetdrill/world.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "base/prefix.h"
#include "rio/slot_address.h"

namespace pinion::packetdrill {

namespace {

constexpr Mac kOurMac{{2, 0, 0, 0, 0, 1}}, kGatewayMac{{2, 0, 0, 0, 0, 2}};
constexpr size_t kEthBytes = 14, kFrameMin = 60;
constexpr Nanos kStart = 1000 * kSecond;
constexpr int kPassesMax = 100'000;  // of one instant
constexpr uint32_t kSocketsMax = 64;

// What the profiles change; each is a field of configuration that users have.
TcpConfig tcp_config(Settings::Profile profile) {
  TcpConfig tcp;
  tcp.connections_max = 256, tcp.listeners_max = 16, tcp.bound_max = kSocketsMax;
  if (profile == Settings::Profile::linux_) {
    tcp.min_rto = 200 * kMilli;
    tcp.receive_bytes = 4 << 20;
    tcp.slow_start_limit_segments = 0;
    tcp.peer_delayed_ack = 200 * kMilli;
  } else if (profile == Settings::Profile::bsd) {
    tcp.min_rto = 230 * kMilli;
    tcp.delayed_ack = 40 * kMilli;
    tcp.receive_bytes = 65535;
    tcp.msl = 30 * kSecond;
  }
  return tcp;
}

KernelConfig kernel_config(const Settings& s, Port& port, const Hooks& hooks) {
  KernelConfig config;
  const uint8_t length = s.local.is_v4() ? 24 : 64;
  const Ip gateway{s.local.hi, (s.local.lo & ~uint64_t{0xff}) | 254};
  config.net.interfaces = {{.name = "tun0",
                            .port = &port,
                            .addresses = {{.address = s.local, .prefix_length = length}}}};
  config.net.dad_transmits = 0;  // a script's first packet may come at once
  config.net.routes = {{.prefix = any_of(s.local), .prefix_length = 0, .via = gateway}};
  config.net.neighbours = {{.address = gateway, .mac = kGatewayMac, .interface = 0}};
  if (is_within(s.remote, s.local, length))
    config.net.neighbours.push_back({.address = s.remote, .mac = kGatewayMac, .interface = 0});
  config.net.udp_sockets_max = kSocketsMax;
  config.net.tcp = tcp_config(s.profile);
  config.server.sessions_max = 1, config.server.sockets_max = kSocketsMax;
  config.server.request_queues_max = kSocketsMax, config.server.requests_max = 16384;
  config.server.backlog_chunks = 8192;
  config.hooks = hooks;
  return config;
}

EmbeddedConfig host_config() {
  EmbeddedConfig config;
  config.sessions.sessions_max = 1;
  config.policy.sessions_max = 1;
  config.policy.quota.waiting_bytes_max = 16u << 20;
  return config;
}

bool parse_address(std::string_view text, Ip& out) {
  rio_address address{};
  if (rio_parse_address(std::string(text).c_str(), 0, &address) != 0) return false;
  out = load_address(address.bytes, address.family);
  return true;
}

bool apply(std::string_view key, std::string_view value, Settings& s) {
  if (key == "local") return parse_address(value, s.local);
  if (key == "remote") return parse_address(value, s.remote);
  if (key == "mtu")
    return std::from_chars(value.begin(), value.end(), s.mtu_bytes).ec == std::errc{};
  if (key != "profile") return false;
  using enum Settings::Profile;
  if (value == "linux") s.profile = linux_;
  else if (value == "bsd") s.profile = bsd;
  else if (value == "strict") s.profile = strict;
  else return false;
  return true;
}

// Bytes of the packet of IP in a frame; 0: none that is of interest. Neighbours are pinned, so that
// ARP, neighbour discovery and MLD are not the script's.
size_t ip_bytes(const std::vector<std::byte>& frame) {
  constexpr size_t kIpv6Bytes = 40;
  constexpr uint8_t kHopByHop = 0, kIcmp6 = 58, kMldQuery = 130;
  const auto at = [&frame](size_t i) { return std::to_integer<size_t>(frame[i]); };
  if (frame.size() < kEthBytes + kIpv6Bytes) return 0;
  const size_t type = at(12) << 8 | at(13);
  const auto word = [&](size_t i) { return at(kEthBytes + i) << 8 | at(kEthBytes + i + 1); };
  if (type == 0x0800) return std::min(word(2), frame.size() - kEthBytes);
  if (type != 0x86dd || at(kEthBytes + 6) == kHopByHop) return 0;
  if (at(kEthBytes + 6) == kIcmp6 && at(kEthBytes + kIpv6Bytes) >= kMldQuery) return 0;
  return std::min(kIpv6Bytes + word(4), frame.size() - kEthBytes);
}

}  // namespace

std::optional<Settings> parse_settings(const char* flags, std::string& why) {
  Settings s;
  std::string_view rest = flags == nullptr ? "" : flags;
  while (!rest.empty()) {
    const std::string_view one = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
    const size_t equals = one.find('=');
    if (equals != one.npos && apply(one.substr(0, equals), one.substr(equals + 1), s)) continue;
    why = "not understood: " + std::string(one);
    return std::nullopt;
  }
  if (s.local.is_v4() == s.remote.is_v4()) return s;
  why = "local and remote are of two families";
  return std::nullopt;
}

World::World(const Settings& s)
    : port_(kOurMac, s.mtu_bytes),
      host_(host_config()),
      kernel_(kernel_config(s, port_, host_.hooks())),
      now_(kStart) {
  host_.attach_kernel(kernel_);
  settle();
  const rio_transport transport = host_.transport();
  const int status = rio_open_transport(&transport, &session_);
  if (status != 0) std::fprintf(stderr, "pinion: attach: %s\n", rio_last_error());
  STACK_CHECK(status == 0);
}

World::~World() { rio_close(session_); }

void World::settle() {
  for (int passes = 0; passes < kPassesMax; ++passes) {
    host_.poll(now_);
    collect();
    const bool waits = port_.waiting() != 0 || !kernel_.net().idle();
    if (!kernel_.busy() && !waits && kernel_.next_deadline() > now_) return;
  }
  // Something is due at every instant: time must go on for it to end.
  now_ += kMicro;
}

void World::step(Nanos limit) {
  now_ = std::max(now_, std::min(limit, kernel_.next_deadline()));
  settle();
}

bool World::arrives(Bytes packet) {
  std::vector<std::byte> frame;
  const auto put = [&frame](const Mac& mac) {
    for (const uint8_t b : mac.b) frame.push_back(std::byte{b});
  };
  put(kOurMac), put(kGatewayMac);
  const bool v6 = !packet.empty() && packet[0] >> 4 == std::byte{6};
  frame.push_back(std::byte{v6 ? uint8_t{0x86} : uint8_t{0x08}});
  frame.push_back(std::byte{v6 ? uint8_t{0xdd} : uint8_t{0x00}});
  frame.insert(frame.end(), packet.begin(), packet.end());
  if (frame.size() > kEthBytes + 65535) return false;
  if (frame.size() < kFrameMin) frame.resize(kFrameMin);
  port_.receive(frame);
  settle();
  return true;
}

void World::collect() {
  for (const auto& frame : port_.take_sent()) {
    const size_t bytes = ip_bytes(frame);
    const auto* begin = reinterpret_cast<const char*>(frame.data()) + kEthBytes;
    if (bytes != 0) left_.push_back({std::string(begin, bytes), now_});
  }
}

std::optional<Left> World::take_left() {
  if (left_.empty()) return std::nullopt;
  Left left = std::move(left_.front());
  left_.pop_front();
  return left;
}

}  // namespace pinion::packetdrill
