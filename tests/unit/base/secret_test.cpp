// Derived secrets: each purpose and core has its own, and both halves of the root matter.
#include "base/secret.h"

#include <gtest/gtest.h>

#include <set>

namespace pinion {
namespace {

constexpr SipKey kRoot{0x0123456789abcdef, 0xfedcba9876543210};

TEST(Secret, EachPurposeAndCoreHasItsOwn) {
  std::set<uint64_t> words{kRoot.k0, kRoot.k1, kRoot.k0 ^ kRoot.k1};
  size_t made = words.size();
  for (uint64_t purpose = 1; purpose <= static_cast<uint64_t>(Purpose::pauses); ++purpose) {
    for (uint64_t core = 0; core < 32; ++core) {
      const SipKey key = derive(kRoot, static_cast<Purpose>(purpose), core);
      words.insert({key.k0, key.k1});
      made += 2;
    }
  }
  EXPECT_EQ(words.size(), made);
}

TEST(Secret, TheRootSaysAllOfIt) {
  const SipKey one = derive(kRoot, Purpose::isn), again = derive(kRoot, Purpose::isn);
  EXPECT_EQ(one.k0, again.k0);
  EXPECT_EQ(one.k1, again.k1);
  EXPECT_NE(one.k0, derive({kRoot.k0 ^ 1, kRoot.k1}, Purpose::isn).k0);
  EXPECT_NE(one.k0, derive({kRoot.k0, kRoot.k1 ^ 1}, Purpose::isn).k0);
}

}  // namespace
}  // namespace pinion
