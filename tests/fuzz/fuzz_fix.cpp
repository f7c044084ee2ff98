// FIX from a stranger. The first byte chooses: the rest is received as it is, or each of its lines
// is the fields of a message (`|` for SOH) that gets a right length and checksum, so that the
// session behind the parser is reached too. What the parser takes can be written again and is the
// same; the session never answers with what it would not accept itself, and its numbers never go
// back.
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "gateway/fix/session.h"

namespace {

using namespace pinion;
using namespace pinion::fix;

struct Peer : Wire, Application {
  bool send(std::string_view bytes) override {
    const Frame frame = next_frame(bytes);
    STACK_CHECK(frame.status == FrameStatus::message && frame.bytes == bytes.size());
    return true;
  }
  size_t room() const override { return 1 << 20; }
  void close() override {}
  Answer on_message(Session& session, const Message& m, const Now& now) override {
    if (!m.is_type('D')) return Answer::unsupported;
    Encoder e = session.begin("8", now, reversed(m));
    e.text(kClOrdID, m.value(kClOrdID));
    session.send(e, now);
    return Answer::done;
  }
};

void check_again(const Message& m) {
  std::vector<char> memory(kMessageMax + 64);
  Encoder e(memory, m.begin_string(), m.type());
  const auto fields = m.fields();
  for (size_t i = 3; i + 1 < fields.size(); ++i) e.text(fields[i].tag, fields[i].value);
  const std::string_view bytes = e.finish();
  if (bytes.empty()) return;  // leading zeros of tags made it shorter, never longer: a full one
  Message again;
  STACK_CHECK(again.parse(bytes));
  STACK_CHECK(again.fields().size() == fields.size());
  for (size_t i = 2; i + 1 < fields.size(); ++i)
    STACK_CHECK(again.fields()[i].tag == fields[i].tag &&
                again.fields()[i].value == fields[i].value);
}

std::string framed(std::string fields) {
  std::ranges::replace(fields, '|', kSoh);
  std::string all = std::string("8=FIX.4.2") + kSoh + "9=" + std::to_string(fields.size()) + kSoh;
  all += fields;
  unsigned sum = 0;
  for (const char c : all) sum += static_cast<unsigned char>(c);
  return all + "10=" + std::to_string(1000 + sum % 256).substr(1) + kSoh;
}

std::string received(std::string_view input) {
  if (input.empty() || (input[0] & 1) == 0) return std::string(input.substr(input.empty() ? 0 : 1));
  std::string all;
  for (input.remove_prefix(1); !input.empty();) {
    const size_t end = std::min(input.find('\n'), input.size());
    all += framed(std::string(input.substr(0, end)));
    input.remove_prefix(std::min(end + 1, input.size()));
  }
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes = received({reinterpret_cast<const char*>(data), size});
  std::vector<char> memory(64 << 10);
  Store store(memory, 200);
  Peer peer;
  const SessionConfig config{.sender_comp_id = "ISLD", .target_comp_id = "TW", .pending_max = 8};
  Session session(config, store, peer);
  Now now{1'000'000'000, 1'795'860'000'000'000'000};  // 2026-11-28 10:00:00
  std::string_view left = bytes;
  Message m;
  while (!left.empty()) {
    const Frame frame = next_frame(left);
    STACK_CHECK((frame.status == FrameStatus::more) == (frame.bytes == 0));
    STACK_CHECK(frame.bytes <= left.size());
    if (frame.status == FrameStatus::more) break;
    const std::string_view one = left.substr(0, frame.bytes);
    left.remove_prefix(frame.bytes);
    if (frame.status == FrameStatus::garbled) continue;
    if (m.parse(one)) {
      check_again(m);
      (void)validate(dictionary(Version::fix42), m);
      (void)validate(dictionary(Version::fix44), m);
    }
    if (!session.connected()) {
      session.accept(peer, one, now);
    } else {
      session.on_frame(one, now);
    }
    now.monotonic_ns += 7'000'000'000;
    session.poll(now);
    const Store recovered(memory, 200);
    STACK_CHECK(recovered.next_out() == store.next_out());
    STACK_CHECK(recovered.next_in() == store.next_in());
  }
  return 0;
}
