// The oracle of the simulation of streams: both ends of every connection, what each was given to
// send, and what each has received. Content is a function of (seed, end, position) and begins with
// the number of its end, so that a byte of another connection, or of an earlier one with the same
// 4-tuple, is seen. The first thing that is wrong is kept as a sentence.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "base/types.h"
#include "socket/endpoint.h"

namespace pinion::sim {

class StreamLedger {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr uint32_t kHead = 8;  // no stream is shorter, unless it is empty

  explicit StreamLedger(uint64_t seed) : seed_(seed) {}

  // An end of a connection, from connect or accept on. `since`: when it began; 0: not known.
  uint32_t open(const Endpoint& local, const Endpoint& remote, Nanos since);
  // The next bytes of its send stream.
  void send(uint32_t end, MutableBytes out);
  struct SendOutcome {
    uint64_t length = 0;
    int status = 0;
    bool unsent = false;       // no byte of it ever left
    bool copied_only = false;  // success says that it was copied, not that it was acknowledged
  };
  void sent(uint32_t end, uint64_t from, const SendOutcome& outcome);
  // The next bytes that it received.
  void delivered(uint32_t end, Bytes data);
  void end_of_stream(uint32_t end);
  // FIN behind everything: nothing more is posted.
  void finish(uint32_t end) { ends_[end].finished = true; }
  // The connection is over for this end: closed, aborted, or with its application.
  void leave(uint32_t end, Nanos now);
  // It was told that its connection failed. A failure needs a reason: see reset_has_reason.
  void failed(uint32_t end, int error, Nanos now);
  // Somebody listens there from now on; or nobody, and what waited for accept was reset.
  void listens(const Endpoint& at, bool on, Nanos now) { listeners_[at] = {on, now}; }

  // A host had no room for a connection that was to be accepted; when it has none for too long, the
  // other end is reset.
  void no_room(Ipv4 host, Nanos now) { no_room_[host.v] = now; }

  // A host's TCBs did not last and a TIME-WAIT had to go: what its peer sends again is reset,
  // though everything had arrived.
  void time_wait_evicted(Ipv4 host, Nanos now) { evicted_[host.v] = now; }

  uint64_t posted(uint32_t end) const { return ends_[end].posted; }
  uint64_t received(uint32_t end) const { return ends_[end].received; }
  uint64_t bytes_sent() const { return bytes_sent_; }
  uint64_t bytes_delivered() const { return bytes_delivered_; }
  size_t connections() const { return ends_.size(); }
  uint64_t streams_whole() const { return streams_whole_; }
  uint64_t failures() const { return failures_; }

  void fail(const std::string& what) {
    if (failure_.empty()) failure_ = what;
  }
  const std::string& failure() const { return failure_; }
  std::string name_of(uint32_t end) const;

 private:
  struct ByPorts {
    bool operator()(const Endpoint& a, const Endpoint& b) const {
      return a.address != b.address ? a.address.lo < b.address.lo : a.port < b.port;
    }
  };
  struct End {
    Endpoint local, remote;
    Nanos since = 0;
    Nanos left_at = kNever;
    uint64_t posted = 0, received = 0;
    uint64_t never_left_from = UINT64_MAX;  // of what was posted
    bool finished = false, ended = false, failed = false;
    uint32_t peer = kNone;  // whose bytes it receives; known from the head of its stream on
    uint64_t head = 0;      // as far as it was received
  };

  std::byte content(uint32_t end, uint64_t at) const;
  void meet(uint32_t end);
  bool mirrors(const End& a, const End& b) const {
    return a.local == b.remote && a.remote == b.local;
  }
  bool reset_has_reason(const End& e) const;

  uint64_t seed_;
  std::vector<End> ends_;
  std::map<Endpoint, std::vector<uint32_t>, ByPorts> by_local_;
  struct Listening {
    bool on = false;
    Nanos changed = 0;
  };
  std::map<Endpoint, Listening, ByPorts> listeners_;
  std::map<uint32_t, Nanos> no_room_, evicted_;  // by address
  uint64_t bytes_sent_ = 0, bytes_delivered_ = 0, streams_whole_ = 0, failures_ = 0;
  std::string failure_;
};

}  // namespace pinion::sim
