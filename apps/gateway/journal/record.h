// The journal on disk: segments of records, in the order in which they happened. A record has a
// number, one above its predecessor's, and a checksum over everything else in it, so neither old
// bytes, nor zeros, nor half a write pass for one.
//
//     segment:  SegmentHeader | record | record | ... | zeros up to the reserved size
//     record:   RecordHeader | payload | zeros up to a multiple of 8
//
// Integers are little-endian: the files are for machines of one kind.
#pragma once
#include <bit>
#include <cstddef>

#include "base/types.h"

namespace pinion::journal {

static_assert(std::endian::native == std::endian::little);

// What a record holds. Values are on disk: append only.
enum class Kind : uint16_t {
  event = 1,         // text of ours: start, stop, configuration, kill switch
  fix_in = 2,        // a FIX message from a client
  fix_out = 3,       // and to one
  ouch_request = 4,  // an OUCH message to the venue
  ouch_answer = 5,   // and from it
  lost = 7,          // u64: so many records were not written before this one
  order = 8,         // a decision about an order: an OrderRecord (orders/record.h)
  report = 9,        // that a report has been sent: a ReportRecord (orders/record.h)
};

struct SegmentHeader {
  static constexpr uint64_t kMagic = 0x314c4e524a4e4950;  // "PINJRNL1"
  uint64_t magic = kMagic;
  uint64_t segment = 0;       // 1, 2, ...: also in the file's name
  uint64_t first_number = 0;  // of its first record
  uint32_t reserved = 0;
  uint32_t crc = 0;  // of the fields above
};
static_assert(sizeof(SegmentHeader) == 32);

struct RecordHeader {
  uint32_t crc = 0;     // of the fields below and the payload
  uint32_t length = 0;  // of the payload
  uint64_t number = 0;
  uint64_t time_ns = 0;  // when it happened, by the caller's clock
  Kind kind = Kind::event;
  uint16_t source = 0;  // the client session or venue
  uint32_t reserved = 0;
};
static_assert(sizeof(RecordHeader) == 32);

inline constexpr size_t kPayloadBytesMax = 1 << 16;
constexpr size_t padded(size_t n) { return (n + 7) & ~size_t{7}; }
constexpr size_t record_bytes(size_t payload) { return sizeof(RecordHeader) + padded(payload); }

// CRC-32C (Castagnoli; RFC 3720 appendix B.4). Begin with 0, go on with the last value.
uint32_t crc32c(uint32_t crc, const void* data, size_t bytes);
uint32_t crc_of(const SegmentHeader& header);
uint32_t crc_of(const RecordHeader& header, Bytes payload);

// The record at the front of these bytes, whatever its number. False: there is none.
bool read_record(Bytes from, RecordHeader& header, Bytes& payload);

}  // namespace pinion::journal
