// Any bytes as a record of the journal: what is read as one lies inside the bytes and has the right
// checksum, and it can be shown. Then the same with a checksum made right, so that the input gets
// past it. Then as what a dead process left in its ring: what is not refused can be followed to its
// end, inside the ring.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "gateway/journal/reader.h"
#include "gateway/journal/ring_file.h"

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

// The input is head, how much is published behind it, the next number, and bytes from head on.
void check_ring_of(Bytes input) {
  static std::vector<std::byte> memory(1 << 18);
  constexpr size_t kWords = 3;
  if (input.size() < kWords * sizeof(uint64_t)) return;
  RingHeader header;
  header.head = load<uint64_t>(input.data());
  header.published = header.head + load<uint64_t>(input.data() + 8) % (memory.size() + 16);
  const auto next = load<uint64_t>(input.data() + 16);
  std::fill(memory.begin(), memory.end(), std::byte{0});
  input = input.subspan(kWords * sizeof(uint64_t));
  for (size_t i = 0; i < input.size(); ++i)
    memory[(header.head + i) & (memory.size() - 1)] = input[i];
  if (check_ring({&header, memory}, next)) return;
  RecordRing ring({&header, memory});
  RecordHeader record;
  Bytes payload;
  uint64_t number = 0;
  size_t left = ring.depth();
  while (ring.front(record, payload)) {
    STACK_CHECK(payload.data() >= memory.data());
    STACK_CHECK(payload.data() + payload.size() <= memory.data() + memory.size());
    STACK_CHECK(number == 0 ? record.number <= next : record.number == number + 1);
    number = record.number;
    STACK_CHECK(left >= record_bytes(payload.size()));
    left -= record_bytes(payload.size());
    ring.take(record);
  }
  ring.release();
  STACK_CHECK(ring.depth() == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  check_record({reinterpret_cast<const std::byte*>(data), size});
  check_ring_of({reinterpret_cast<const std::byte*>(data), size});
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
