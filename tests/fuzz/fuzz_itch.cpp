// Any bytes as an ITCH message: the reader stays inside them, and what it accepts survives the way
// to host order and back. (Texts may not: of two paddings only one is written.)
#include <cstdint>
#include <cstring>

#include "base/check.h"
#include "gateway/itch/itch.h"

using namespace pinion;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes message{reinterpret_cast<const std::byte*>(data), size};
  size_t fixed = 0;
  const Read what = itch::read(message, [&](const auto& m, Bytes rest) {
    fixed = sizeof m;
    STACK_CHECK(fixed + rest.size() == size);
    itch::for_each_field(m, [](const char*, const auto& field) {
      const auto value = field.get();
      const auto again = std::decay_t<decltype(field)>::of(value);
      STACK_CHECK(again.get() == value);
    });
  });
  STACK_CHECK((what == Read::ok) == (fixed != 0));
  STACK_CHECK((what == Read::empty) == (size == 0));
  return 0;
}
