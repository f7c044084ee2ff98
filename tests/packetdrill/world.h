// The world that a script plays in: a Kernel with one port in memory, an application attached by
// librio, and a virtual clock. One thread at a time (interface.cpp locks); nothing here sleeps.
#pragma once
#include <rio/rio.h>

#include <deque>
#include <optional>
#include <string>

#include "host/embedded.h"
#include "kernel/kernel.h"
#include "support/memory_port.h"

namespace pinion::packetdrill {

struct Settings {
  enum class Profile : uint8_t { linux_, bsd, strict };
  Profile profile = Profile::strict;
  Ip local = ipv4(192, 168, 0, 1), remote = ipv4(192, 0, 2, 1);  // of one family
  uint16_t mtu_bytes = 1500;
};
// Nothing: flags that nobody understands; `why` says which.
std::optional<Settings> parse_settings(const char* flags, std::string& why);

// A packet that left, from its IP header on.
struct Left {
  std::string packet;
  Nanos time = 0;
};

class World {
 public:
  explicit World(const Settings& settings);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  Nanos now() const { return now_; }
  rio_session* session() { return session_; }

  // Passes of the core at this instant, until there is nothing more to do.
  void settle();
  // To the next timer of the stack, but not beyond `limit`; then settles.
  void step(Nanos limit);
  // When the stack does something by itself; kNever.
  Nanos next_timer() const { return kernel_.next_deadline(); }

  // An IP packet comes from the wire, now. False: too long for the link.
  bool arrives(Bytes packet);
  std::optional<Left> take_left();
  bool has_left() const { return !left_.empty(); }

 private:
  void collect();

  testing::MemoryPort port_;
  EmbeddedHost host_;
  Kernel kernel_;
  rio_session* session_ = nullptr;
  Nanos now_;
  std::deque<Left> left_;
};

}  // namespace pinion::packetdrill
