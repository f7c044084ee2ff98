// Any bytes as a record of the journal: what is read as one lies inside the bytes and has the right
// checksum, and it can be shown. Then the same with a checksum made right, so that the input gets
// past it.
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "gateway/journal/reader.h"

namespace {

using namespace pinion;
using namespace pinion::journal;

void check_record(Bytes bytes) {
  RecordHeader header;
  Bytes payload;
  if (!read_record(bytes, header, payload)) return;
  STACK_CHECK(payload.data() == bytes.data() + sizeof header);
  STACK_CHECK(record_bytes(payload.size()) <= bytes.size() && header.length == payload.size());
  STACK_CHECK(!to_text(header, payload).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  check_record({reinterpret_cast<const std::byte*>(data), size});
  RecordHeader header;
  if (size < sizeof header.kind) return 0;
  std::memcpy(&header.kind, data, sizeof header.kind);
  const Bytes payload{reinterpret_cast<const std::byte*>(data) + 2, size - 2};
  if (payload.size() > kPayloadBytesMax) return 0;
  header.length = static_cast<uint32_t>(payload.size());
  header.crc = crc_of(header, payload);
  std::vector<std::byte> record(record_bytes(payload.size()));
  std::memcpy(record.data(), &header, sizeof header);
  if (!payload.empty()) std::memcpy(record.data() + sizeof header, payload.data(), payload.size());
  RecordHeader again;
  Bytes same;
  STACK_CHECK(read_record(record, again, same) && same.size() == payload.size());
  check_record(record);
  return 0;
}
