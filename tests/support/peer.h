// A scripted peer for the packet tests: a Kernel with one port in memory, applications on real
// rings, and a virtual clock. A test is a conversation: peer.sends(...), peer.expects(...).
// Beside what a test asks, the invariants of tests/packet/README.md are checked: after each pass I4
// and I5, on whatever leaves I6 and I7, and at the end of each test I2.
#pragma once
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <vector>

#include "port/bond_port.h"
#include "support/memory_port.h"
#include "support/raw_app.h"
#include "support/segments.h"

namespace pinion::testing {

using Where = std::source_location;  // of the line in the test

struct PeerOptions {
  bool resolved = true;  // the stack has learned the peer's MAC address
  std::vector<InterfaceAddress> more_addresses = {};  // of the first interface
  uint16_t mtu_bytes = 1500;
  uint8_t tx_offload = kTxNone;
  // The port cuts frames of so much TCP payload.
  uint32_t tso_bytes = 0;
  bool bonded = false;  // a second port stands by (Peer::backup)
  std::vector<uint32_t> queue_cores = {};  // of a core of NetConfig::mesh: of its NIC
  Rss rss = {};                            // how that NIC hashes
  NetConfig net = {};        // interfaces: further ones; port and a default route are filled in
  ServerConfig server = {};  // tables are made small
  SessionQuota quota = {};
};

class Peer {
 public:
  explicit Peer(PeerOptions options = {});
  ~Peer();

  // One pass of the kernel; a microsecond goes by.
  void poll(int passes = 1);
  // Virtual time: a pass at each of the kernel's deadlines, and while frames wait for the port.
  void wait(Nanos duration);

  // A frame arrives, and a pass runs.
  void sends(const Packet& frame);
  // Arrives in the next pass, with others; until then its flags and times may be changed.
  Frame& queues(const Packet& frame);

  // What leaves next.
  Packet expects_frame(Where where = Where::current());
  Decoded expects_decoded(Where where = Where::current());
  void expects(const Packet& frame, Where where = Where::current());
  void expects_nothing(Where where = Where::current());
  // Everything that has left and was not expected yet.
  std::vector<Packet> take_all(Where where = Where::current());

  // Why the frame is dropped, by the one counter that moves; none: it is not. What leaves stays to
  // be expected.
  Drop reaction_to(const Packet& frame);
  // I4: this frame moves exactly that drop counter; nothing leaves, nothing is kept.
  void expect_drop(Drop why, const Packet& frame, Where where = Where::current());
  // As expect_drop, but one frame answers it.
  Packet expect_drop_answered(Drop why, const Packet& frame, Where where = Where::current());
  // No drop counter moves.
  void expect_handled(const Packet& frame, Where where = Where::current());
  // I2: after 120 s of silence all is as it was at construction, but for what sockets own.
  void expect_baseline(Where where = Where::current());

  uint64_t dropped(Drop why) const { return kernel->counters().dropped(why); }
  uint64_t dropped_in_all() const;
  const Counters& counters() const { return kernel->counters(); }
  // The session with that number, attached when it is first asked for.
  RawApp& app(uint32_t session = 0);
  // A piece of the session's data buffer for receives; pieces come round again.
  uint32_t take_receive_area(uint32_t session, uint32_t bytes);

  MemoryPort port, backup;
  std::optional<BondPort> bond;
  // The port that the stack listens to.
  MemoryPort& wire() { return bond && bond->status().active == 1 ? backup : port; }
  Nanos now = kSecond;
  std::unique_ptr<Kernel> kernel;

 private:
  // What replies to one source may cost: no more frames and bytes than came from there (I6).
  struct Credit {
    uint64_t frames = 0, bytes = 0;
  };
  struct Attached {
    std::unique_ptr<RawApp> app;
    uint32_t next_area = 0;
  };
  void pass();
  void collect();
  void expect_one_drop(Drop why, const Packet& frame);
  bool has_fill(const Packet& frame) const;
  void check_pass(const Counters& before);
  void give_credit(const Packet& frame);
  void take_credit(const Packet& frame, const Decoded& decoded);
  bool on_link(Ipv4 address) const;
  void expect_nothing_left();

  SessionQuota quota_;
  NetConfig net_;
  Nanos start_ = 0;
  std::map<uint32_t, Attached> apps_;
  std::deque<Packet> sent_;
  std::map<uint32_t, Credit> credits_;  // by address
};

struct SocketOptions {
  uint32_t session = 0;
  Endpoint local = {kOurIp, kOurPort};  // port 0: not bound
  std::optional<Endpoint> remote = {};  // connected
  uint32_t receives = 16, sends = 16;
  std::optional<uint32_t> backlog = {};
};

// A UDP socket of an application, with its request queue and a completion queue of its own.
class UdpSocket {
 public:
  explicit UdpSocket(Peer& peer, SocketOptions options = {});

  // Posts a receive; no pass runs.
  void receive(uint64_t context, uint32_t length = 2048);
  // Posts a send; no pass runs. Without `to`: the connected peer.
  void send(const std::string& text, std::optional<Endpoint> to, uint64_t context,
            uint16_t flags = 0);
  void commit() { app().commit(rq_); }
  int close();

  // The next completion, which must be there.
  rio_abi_completion expects_completion(Where where = Where::current());
  void expects_sent(uint64_t context, int32_t status = 0, Where where = Where::current());
  // A receive completed with that context and status 0: its data.
  std::string expects_received(uint64_t context, Where where = Where::current());
  void expects_no_completion(Where where = Where::current());

  // source: nothing, every one. Statuses are the call's.
  int join(Ip group, Ip source = {}, const char* nic = "");
  int leave(Ip group, Ip source = {}, const char* nic = "");
  int set_option(uint32_t option, uint64_t value);
  int64_t option(uint32_t option);
  // The bytes that the receive with that context was given.
  std::string area(uint64_t context, uint32_t length);
  RawApp& app() { return peer_.app(session_); }
  RawRq& rq() { return rq_; }
  RawCq& cq() { return cq_; }
  uint32_t handle() const { return handle_; }

 private:
  rio_control call(uint16_t opcode, uint32_t option = 0, uint64_t value = 0);
  int membership(uint16_t opcode, Ip group, Ip source, const char* nic);

  Peer& peer_;
  uint32_t session_;
  uint32_t handle_ = 0;
  RawCq cq_;
  RawRq rq_;
  std::map<uint64_t, uint32_t> areas_;  // by context
};

inline const Endpoint kPeerEndpoint{kPeerIp, kPeerPort};

}  // namespace pinion::testing
