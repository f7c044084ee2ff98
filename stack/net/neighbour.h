// The neighbour cache: address on an interface -> MAC address, and the frames that wait for
// it. A pure state machine: it neither sends nor frees; Net asks what is due and does it.
//
// Of IPv4:
//
//   (none) --send--> incomplete --reply--> reachable <--reply-- probe
//                        |                  |  |  \--still used--^ |
//                        |        unused: gone                     |
//                        \--no answer--> failed <--no answer-------/   failed --interval--> gone
//
// Of IPv6 (RFC 4861 7.3.2) a reachable neighbour that was used becomes stale by time, as does one
// that was only heard of; a use makes it `delay`, and five seconds later it is asked: probe.
//
// Only an answer to our own question changes a known address; a pinned one never changes.
#pragma once
#include <vector>

#include "base/types.h"
#include "port/frame.h"

namespace pinion {

inline constexpr Nanos kNeverYet = -1;  // before every time there is

// In this order: usable from `stale` on. `stale` and `delay` are IPv6's (RFC 4861 7.3.2): known,
// but not confirmed, and used since.
enum class NeighbourState : uint8_t {
  free,
  incomplete,
  failed,
  stale,
  reachable,
  delay,
  probe,
  pinned
};

struct Neighbour {
  Ip address;
  uint32_t interface = 0;
  Mac mac;
  NeighbourState state = NeighbourState::free;
  uint8_t requests = 0;  // sent since the question was asked
  uint16_t parked = 0;   // frames in the list below
  uint64_t owners = 0;   // that have one there, each a bit
  Frame* parked_head = nullptr;
  Frame* parked_tail = nullptr;
  Nanos last_used = kNeverYet;  // by a send of ours
  Nanos last_request = kNeverYet;
  Nanos deadline = kNever;
  uint32_t hash_next = 0;
  uint32_t timer_prev = 0, timer_next = 0;

  bool usable() const { return state >= NeighbourState::stale; }
  // A use of it changes nothing: a kept path may take it without asking the table.
  bool settled() const { return state > NeighbourState::stale; }
};

struct NeighbourLimits {
  uint32_t neighbours_max = 1024;
  uint32_t queue_max = 8;
  uint32_t parked_max = 512;
  uint32_t owners_max = 1;  // sessions, which share three quarters of that in equal parts
  uint32_t arp_retries = 3;
  Nanos arp_interval = kSecond;  // RFC 4861's RetransTimer too
  Nanos timeout = 60 * kSecond;
  uint64_t secret[2] = {0, 0};
};

// What a due timer asks of Net. The neighbour is valid until the next call of the table.
struct NeighbourEvent {
  enum class What : uint8_t { nothing, request_broadcast, request_unicast, failed };
  What what = What::nothing;
  Neighbour* neighbour = nullptr;
};

// What a neighbour advertisement says (RFC 4861 4.4).
struct Advertised {
  const Mac* mac = nullptr;  // none: the station stays where it is known
  bool solicited = false, override_known = false;
};

// What a received mapping meant.
enum class Learned : uint8_t { accepted, ignored, pinned_conflict, suspicious };

class NeighbourTable {
 public:
  explicit NeighbourTable(const NeighbourLimits& limits);

  Neighbour* find(uint32_t interface, Ip address);
  // At construction of Net only.
  void pin(uint32_t interface, Ip address, Mac mac);
  // A new question: an incomplete neighbour whose first request the caller now sends. nullptr: no
  // room. The address must not be in the table.
  Neighbour* ask(uint32_t interface, Ip address, Nanos now);
  // Who sends: a session, counted from 1, or kOurselves: answers, whose destinations a peer
  // chooses. Could it park a frame? Each session has its share of the room and ourselves a quarter,
  // whatever the others let wait; and at a neighbour whose queue is full each may still have one.
  static constexpr uint32_t kOurselves = 0;
  bool may_park(const Neighbour* n, uint32_t owner) const;
  void park(Neighbour& n, Frame* frame, uint32_t owner);
  // Takes all parked frames, linked by Frame::next, oldest first.
  Frame* unpark(Neighbour& n);

  // A reply. accepted: reachable now, its frames may go. ignored: nobody asked.
  Learned on_reply(uint32_t interface, Ip address, Mac mac, Nanos now);
  // A request from that address; `to_us` if it asks for an address of ours (RFC 826: only then is a
  // new entry made). suspicious: contradicts what is known; ask again with start_probe.
  Learned on_request(uint32_t interface, Ip address, Mac mac, bool to_us, Nanos now);
  // RFC 4861 7.2.3 and 7.2.5, but that an address which is known moves only if the station we know
  // does not answer: an advertisement is as easily forged as an ARP reply.
  Learned on_solicitation(uint32_t interface, Ip address, Mac mac, Nanos now);
  Learned on_advertisement(uint32_t interface, Ip address, const Advertised& said, Nanos now);
  // A stale neighbour is about to be used: it will be asked soon (7.3.3).
  void start_delay(Neighbour& n, Nanos now);
  // true: the caller sends one unicast request to n.mac now. false: asked within arp_interval.
  bool start_probe(Neighbour& n, Nanos now);

  // One due timer. false: none is due. A neighbour reported as failed has its parked frames still:
  // take them with unpark before the next call.
  bool next_due(Nanos now, NeighbourEvent& event);
  Nanos next_deadline() const;

  size_t size() const { return size_; }
  size_t parked() const { return parked_; }
  // For status: the slots, those in state `free` are unused.
  std::span<const Neighbour> entries() const { return entries_; }

 private:
  // Timers of one duration: armed at the tail, due at the head.
  struct TimerList {
    uint32_t head = 0, tail = 0;
  };

  uint32_t bucket_of(uint32_t interface, Ip address) const;
  uint32_t index_of(const Neighbour& n) const {
    return static_cast<uint32_t>(&n - entries_.data());
  }
  Neighbour* create(uint32_t interface, Ip address, bool for_send);
  uint32_t victim(bool for_send);
  void remove(Neighbour& n);
  void confirm(Neighbour& n, Mac mac, Nanos now);
  TimerList& list_of(const Neighbour& n);
  void arm(Neighbour& n, Nanos now);
  void disarm(Neighbour& n);
  NeighbourEvent retry_due(Neighbour& n, Nanos now);
  NeighbourEvent timeout_due(Neighbour& n, Nanos now);
  NeighbourEvent delay_due(Neighbour& n, Nanos now);
  void become(Neighbour& n, NeighbourState state, Nanos now);

  // Owners beyond owners_max share an account: there are none in a host that says how many it has.
  size_t account_of(uint32_t owner) const {
    return owner == kOurselves ? 0 : 1 + (owner - 1) % limits_.owners_max;
  }
  static uint64_t bit_of(uint32_t owner) {
    return uint64_t{1} << (owner == kOurselves ? 0 : 1 + (owner - 1) % 63);
  }

  NeighbourLimits limits_;
  std::vector<uint32_t> parked_of_;  // by account
  uint32_t mask_ = 0;
  size_t size_ = 0, parked_ = 0;
  uint32_t incomplete_ = 0;
  uint32_t free_ = 0;  // chain of free slots, by hash_next
  uint32_t hand_ = 0;  // where the search for a victim goes on
  TimerList retry_, timeout_, delay_;
  std::vector<Neighbour> entries_;
  std::vector<uint32_t> buckets_;
};

}  // namespace pinion
