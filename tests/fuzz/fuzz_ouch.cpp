// Any bytes as an OUCH request and as an answer, with an appendage behind: the readers stay inside
// them, and a good appendage, written again from its known elements, reads the same.
#include <cstdint>
#include <cstring>

#include "base/check.h"
#include "gateway/ouch/appendage.h"
#include "gateway/ouch/ouch.h"

namespace {

using namespace pinion;

void check_appendage(Bytes rest) {
  ouch::Appendage appendage(rest);
  std::byte room[0x10002];
  ouch::AppendageWriter writer(room);
  ouch::Element element;
  size_t known = 0;
  while (appendage.next(element)) {
    STACK_CHECK(appendage.ok());
    STACK_CHECK(writer.add(element.tag, element.value));
    ++known;
  }
  ouch::Appendage again(Bytes{room, writer.finish()});
  STACK_CHECK(again.ok());
  while (again.next(element)) --known;
  STACK_CHECK(known == 0);
}

template <class Message>
void check_message(const Message& message, Bytes rest, Bytes whole) {
  STACK_CHECK(sizeof message + rest.size() == whole.size());
  for_each_field(message, [](const char*, const auto& field) {
    const auto value = field.get();
    const auto again = std::decay_t<decltype(field)>::of(value);
    STACK_CHECK(again.get() == value);
  });
  check_appendage(rest);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes bytes{reinterpret_cast<const std::byte*>(data), size};
  const auto look = [&](const auto& m, Bytes rest) { check_message(m, rest, bytes); };
  (void)ouch::request::read(bytes, look);
  (void)ouch::answer::read(bytes, look);
  check_appendage(bytes);
  return 0;
}
