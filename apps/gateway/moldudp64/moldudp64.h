// MoldUDP64 1.00 packets: a header and `count` blocks of a length u16 and that many bytes. The
// first message of a packet has the header's sequence number, each further one the next.
//
//     session 10 | sequence number u64 | count u16 | length u16, bytes | length u16, bytes | ...
#pragma once
#include "gateway/wire/fields.h"

namespace pinion::moldudp64 {

struct Header {
  Alpha<10> session;
  be64 sequence;
  be16 count;
};
static_assert(sizeof(Header) == 20 && alignof(Header) == 1);
using Request = Header;  // "Request Packet": the first number that is wanted, and how many

inline constexpr uint16_t kHeartbeatCount = 0;
inline constexpr uint16_t kEndOfSessionCount = 0xffff;  // a mark and no count

enum class Kind : uint8_t { data, heartbeat, end_of_session };
enum class Parse : uint8_t {
  ok,
  short_header,
  short_block,     // a block would reach beyond the datagram
  trailing_bytes,  // behind the last block
  bad_sequence,    // the numbers of its messages would wrap
};

struct Packet {
  Alpha<10> session;
  Kind kind = Kind::heartbeat;
  uint64_t sequence = 0;  // of the first message; without messages: of the next one to come
  uint16_t count = 0;     // messages
  Bytes blocks;           // verified to hold just `count` of them

  uint64_t end() const { return sequence + count; }
};

// Everything is verified before anything is delivered: a packet is good as a whole or not at all.
Parse parse(Bytes datagram, Packet& out);

// The message at the front of verified blocks, which move on behind it.
inline Bytes take_message(Bytes& blocks) {
  const size_t length = in_place<be16>(blocks)->get();
  const Bytes message = blocks.subspan(sizeof(be16), length);
  blocks = blocks.subspan(sizeof(be16) + length);
  return message;
}

// A request is a header and nothing else. Null if it is not.
inline const Request* parse_request(Bytes datagram) {
  return datagram.size() == sizeof(Request) ? in_place<Request>(datagram) : nullptr;
}

// Builds one packet: construct with its room, add messages while they fit, finish.
class PacketWriter {
 public:
  PacketWriter(MutableBytes out, const Alpha<10>& session, uint64_t sequence)
      : out_(out), header_{session, be64::of(sequence), be16::of(0)} {}

  bool add(Bytes message) {
    if (message.size() > 0xffff || count_ == kEndOfSessionCount - 1) return false;
    if (out_.size() < used_ + sizeof(be16) + message.size()) return false;
    const be16 length = be16::of(static_cast<uint16_t>(message.size()));
    std::memcpy(out_.data() + used_, &length, sizeof length);
    used_ += sizeof length;
    if (!message.empty()) std::memcpy(out_.data() + used_, message.data(), message.size());
    used_ += message.size();
    ++count_;
    return true;
  }
  uint16_t count() const { return count_; }
  // The packet's length; without a message it is a heartbeat. 0 if the header has no room.
  size_t finish() { return finish_as(count_); }
  size_t finish_end_of_session() { return finish_as(kEndOfSessionCount); }

 private:
  size_t finish_as(uint16_t count) {
    if (out_.size() < sizeof header_) return 0;
    header_.count = be16::of(count);
    std::memcpy(out_.data(), &header_, sizeof header_);
    return used_;
  }

  MutableBytes out_;
  Header header_;
  size_t used_ = sizeof(Header);
  uint16_t count_ = 0;
};

}  // namespace pinion::moldudp64
