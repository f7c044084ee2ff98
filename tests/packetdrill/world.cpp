// See world.h.
#include "packetdrill/world.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <string_view>
#include <utility>

#include "base/check.h"

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
  const Ipv4 gateway{(s.local.v & 0xffffff00) | 254};
  config.net.interfaces = {
      {.name = "tun0", .port = &port, .addresses = {{.address = s.local, .prefix_length = 24}}}};
  config.net.routes = {{.prefix = {}, .prefix_length = 0, .via = gateway}};
  config.net.neighbours = {{.address = gateway, .mac = kGatewayMac, .interface = 0}};
  if ((s.remote.v ^ s.local.v) >> 8 == 0)
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

bool parse_address(std::string_view text, Ipv4& out) {
  in_addr address{};
  if (inet_pton(AF_INET, std::string(text).c_str(), &address) != 1) return false;
  out.v = ntohl(address.s_addr);
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

}  // namespace

std::optional<Settings> parse_settings(const char* flags, std::string& why) {
  Settings s;
  std::string_view rest = flags == nullptr ? "" : flags;
  while (!rest.empty()) {
    const std::string_view one = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
    const size_t equals = one.find('=');
    if (equals != one.npos && apply(one.substr(0, equals), one.substr(equals + 1), s)) continue;
    why = "not understood (IPv4 only): " + std::string(one);
    return std::nullopt;
  }
  return s;
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
  frame.push_back(std::byte{0x08}), frame.push_back(std::byte{0x00});
  frame.insert(frame.end(), packet.begin(), packet.end());
  if (frame.size() > kEthBytes + 65535) return false;
  if (frame.size() < kFrameMin) frame.resize(kFrameMin);
  port_.receive(frame);
  settle();
  return true;
}

// Only IPv4 is of interest: neighbours are pinned, so that what else leaves is not the script's.
void World::collect() {
  for (const auto& frame : port_.take_sent()) {
    const auto at = [&frame](size_t i) { return std::to_integer<size_t>(frame[i]); };
    if (frame.size() < kEthBytes + 20 || at(12) != 0x08 || at(13) != 0x00) continue;
    const size_t total = at(kEthBytes + 2) << 8 | at(kEthBytes + 3);
    const auto* begin = reinterpret_cast<const char*>(frame.data()) + kEthBytes;
    left_.push_back({std::string(begin, std::min(total, frame.size() - kEthBytes)), now_});
  }
}

std::optional<Left> World::take_left() {
  if (left_.empty()) return std::nullopt;
  Left left = std::move(left_.front());
  left_.pop_front();
  return left;
}

}  // namespace pinion::packetdrill
