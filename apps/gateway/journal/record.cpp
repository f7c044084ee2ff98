#include "gateway/journal/record.h"

#include <array>

namespace pinion::journal {

namespace {

constexpr std::array<uint32_t, 256> make_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t v = i;
    for (int bit = 0; bit < 8; ++bit) v = v & 1 ? v >> 1 ^ 0x82f63b78 : v >> 1;
    table[i] = v;
  }
  return table;
}
constexpr auto kTable = make_table();

}  // namespace

uint32_t crc32c(uint32_t crc, const void* data, size_t bytes) {
  const auto* at = static_cast<const uint8_t*>(data);
  crc = ~crc;
  for (size_t i = 0; i < bytes; ++i) crc = kTable[(crc ^ at[i]) & 0xff] ^ crc >> 8;
  return ~crc;
}

uint32_t crc_of(const SegmentHeader& header) {
  return crc32c(0, &header, offsetof(SegmentHeader, crc));
}

uint32_t crc_of(const RecordHeader& header, Bytes payload) {
  const auto* fields = reinterpret_cast<const char*>(&header) + sizeof header.crc;
  const uint32_t crc = crc32c(0, fields, sizeof header - sizeof header.crc);
  return crc32c(crc, payload.data(), payload.size());
}

bool read_record(Bytes from, RecordHeader& header, Bytes& payload) {
  if (from.size() < sizeof header) return false;
  std::memcpy(&header, from.data(), sizeof header);
  if (header.length > kPayloadBytesMax || record_bytes(header.length) > from.size()) return false;
  payload = from.subspan(sizeof header, header.length);
  return header.crc == crc_of(header, payload);
}

}  // namespace pinion::journal
