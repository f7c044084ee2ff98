// Reassembly: datagrams that come in fragments (RFC 791 3.2, RFC 1122 3.3.2; RFC 8200 4.5), put
// together in memory that exists from the start. Called by Net::fragment_add. Both families share
// it. It knows nothing of frames, ports or sockets, and it holds no frame: a fragment is copied to
// its place in the datagram when it comes, so the NIC's frames are never its hostages, a thousand
// tiny fragments cost what their bytes cost, and what is complete lies in one piece.
//
//   slot:  [ room for the headers | byte 0 of the payload ... byte 65,534 ]
//   bits:  one for each 8 bytes of the payload that are there
#pragma once
#include <memory>

#include "base/drop.h"
#include "base/list.h"
#include "base/pool.h"
#include "base/types.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"

namespace pinion {

struct ReassemblyLimits {
  uint32_t datagrams_max = 16;   // 0: there is no reassembly
  uint32_t per_source_max = 4;   // of these, begun by one source address
  Nanos timeout = kSecond;       // from the first fragment to the last
};

class Reassembly {
 public:
  // What belongs together (RFC 791 3.2, RFC 8200 4.5), and where it comes from.
  struct Key {
    Ip source, destination;
    uint32_t interface = 0;
    uint32_t id = 0;
    uint8_t protocol = 0;  // of IPv6 the fragment header's: what follows it need not agree
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct Fragment {
    Key key;
    Bytes header;  // of IPv4, with its options; of IPv6 all up to and with the fragment header
    Bytes payload;
    uint32_t offset = 0;  // bytes
    bool more = false;    // fragments follow
    uint32_t next_header_at = 0;  // of IPv6 (Ipv6Part)
  };
  // A datagram that is over: whole, or given up with its first fragment, as that came.
  struct Datagram {
    Key key;
    Bytes packet;          // from the IP header on. Stays until the next call
    uint32_t header_bytes = 0;
    uint32_t fragments = 0;
  };

  explicit Reassembly(const ReassemblyLimits& limits);

  // none: it was taken; out.packet is not empty if it was the last one missing. The fragment is a
  // possible one (ipv4_check_fragment).
  Drop add(const Fragment& fragment, Datagram& out, Nanos now);
  // Gives up one datagram whose time is over. False: there is none. packet is empty if its first
  // fragment never came.
  bool expire(Datagram& out, Nanos now);
  Nanos next_deadline() const;

  bool enabled() const { return slots_.capacity() != 0; }
  uint32_t size() const { return slots_.used(); }
  uint64_t evicted() const { return evicted_; }  // given up for newer ones

 private:
  static constexpr uint32_t kHeaderRoom = sizeof(Ipv6Hdr) + kExtensionBytesMax;
  static constexpr uint32_t kPayloadMax = UINT16_MAX;  // of IPv6, without other headers
  static constexpr uint32_t kWords = (kPayloadMax / 8 + 64) / 64;
  static constexpr uint32_t kSlotBytes = kHeaderRoom + (kPayloadMax + 7) / 8 * 8;

  struct Slot {
    Key key;
    Nanos deadline = kNever;
    bool refused = false;       // what still comes of it is refused (RFC 5722)
    uint32_t header_bytes = 0;  // 0: the first fragment has not come
    uint32_t next_header_at = 0;
    uint32_t first_bytes = 0;   // of payload in the first fragment
    uint32_t total = 0;         // bytes of payload; 0: the last fragment has not come
    uint32_t end = 0;           // of the furthest fragment
    uint32_t units = 0;         // bits that are set
    uint32_t fragments = 0;
    Link<Slot> by_age;
    uint64_t bits[kWords] = {};
  };

  Slot* find_or_begin(const Key& key, Nanos now);
  Slot* begin(const Key& key, Nanos now);
  void give(Slot& slot);
  Drop place(Slot& slot, const Fragment& fragment);
  bool contradicts(const Slot& slot, const Fragment& fragment) const;
  bool is_complete(const Slot& slot) const;
  static bool is_too_long(const Slot& slot);
  void finish(Slot& slot, Datagram& out);
  MutableBytes finish_ipv4(const Slot& slot) const;
  MutableBytes finish_ipv6(const Slot& slot) const;
  std::byte* payload_of(const Slot& slot) const;
  static uint32_t mark(Slot& slot, uint32_t first, uint32_t behind, bool set);

  ReassemblyLimits limits_;
  Pool<Slot> slots_;
  std::unique_ptr<std::byte[]> memory_;
  List<Slot, &Slot::by_age> by_age_;  // oldest first: each has the same time
  uint64_t evicted_ = 0;
};

}  // namespace pinion
