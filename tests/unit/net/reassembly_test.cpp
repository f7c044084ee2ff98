// Reassembly against the datagram that was cut: random cuts, orders and duplicates give back the
// original; with one byte changed in an overlap it never comes back at all.
#include "net/reassembly.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/rng.h"

namespace pinion {
namespace {

constexpr uint32_t kHeader = 20;

struct Cut {
  uint32_t from = 0, to = 0;
  bool spoilt = false;
};

class Bed {
 public:
  explicit Bed(uint64_t seed) : rng(seed) {}

  std::vector<Cut> cuts_of(uint32_t length) {
    std::vector<Cut> cuts;
    const uint32_t most = 1 + rng.below(rng.chance(0.5) ? 4 : 400);
    for (uint32_t at = 0; at < length;) {
      const uint32_t least = at == 0 ? 1 : 0;  // a first fragment holds 8 bytes of UDP
      const uint32_t to = std::min(length, at + 8 * (least + rng.below(most) + 1));
      cuts.push_back({at, to});
      at = to;
    }
    return cuts;
  }
  void shuffle(std::vector<Cut>& cuts) {
    for (size_t i = cuts.size(); i > 1; --i)
      std::swap(cuts[i - 1], cuts[rng.below(static_cast<uint32_t>(i))]);
  }
  Drop add(const std::string& whole, const Cut& cut, uint16_t id, Reassembly::Datagram& out) {
    std::string bytes = whole.substr(cut.from, cut.to - cut.from);
    if (cut.spoilt) bytes[rng.below(static_cast<uint32_t>(bytes.size()))] ^= 1;
    const std::byte header[kHeader] = {std::byte{0x45}};
    out = {};
    return reassembly.add(
        {.key = {.source = Ipv4{1}, .destination = Ipv4{2}, .id = id, .protocol = 17},
         .header = header,
         .payload = std::as_bytes(std::span{bytes}),
         .offset = cut.from,
         .more = cut.to < whole.size()},
        out, now);
  }
  std::string random_text(uint32_t length) {
    std::string text(length, '\0');
    for (char& c : text) c = static_cast<char>(rng.next());
    return text;
  }

  Rng rng;
  Reassembly reassembly{{.datagrams_max = 4, .per_source_max = 4, .timeout = kSecond}};
  Nanos now = 0;
};

std::string text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(Reassembly, RandomCutsGiveTheOriginal) {
  Bed bed(1);
  for (uint16_t id = 0; id < 2000; ++id) {
    const uint32_t most = bed.rng.chance(0.1) ? 65000 : 3000;
    const std::string whole = bed.random_text(9 + bed.rng.below(most));
    std::vector<Cut> cuts = bed.cuts_of(static_cast<uint32_t>(whole.size()));
    bed.shuffle(cuts);
    Reassembly::Datagram out;
    std::vector<Cut> seen;
    for (size_t i = 0; i < cuts.size(); ++i) {
      ASSERT_EQ(bed.add(whole, cuts[i], id, out), Drop::none);
      ASSERT_EQ(!out.packet.empty(), i + 1 == cuts.size()) << "id " << id;
      if (!out.packet.empty()) break;
      seen.push_back(cuts[i]);
      if (!bed.rng.chance(0.2)) continue;
      const Cut again = seen[bed.rng.below(static_cast<uint32_t>(seen.size()))];
      Reassembly::Datagram none;
      ASSERT_EQ(bed.add(whole, again, id, none), Drop::fragment_duplicate);
    }
    ASSERT_EQ(out.fragments, cuts.size());
    ASSERT_EQ(text(out.packet.subspan(kHeader)), whole) << "id " << id;
    ASSERT_EQ(bed.reassembly.size(), 0u);
  }
}

// Cuts of two kinds mixed: every fragment is taken, a copy, or the end of the datagram; what comes
// out is the original even so, since every byte has come once.
TEST(Reassembly, OverlapsNeverGiveAnythingButTheOriginal) {
  Bed bed(2);
  uint32_t refused = 0;
  for (uint16_t id = 0; id < 3000; ++id) {
    const std::string whole = bed.random_text(64 + bed.rng.below(2000));
    std::vector<Cut> cuts = bed.cuts_of(static_cast<uint32_t>(whole.size()));
    std::vector<Cut> more = bed.cuts_of(static_cast<uint32_t>(whole.size()));
    for (Cut& c : more) c.spoilt = true;
    cuts.insert(cuts.end(), more.begin(), more.end());
    bed.shuffle(cuts);
    for (const Cut& c : cuts) {
      Reassembly::Datagram out;
      const Drop why = bed.add(whole, c, id, out);
      if (why == Drop::fragment_overlap) ++refused;
      if (out.packet.empty()) continue;
      ASSERT_EQ(why, Drop::none);
      ASSERT_EQ(out.packet.size(), kHeader + whole.size());
    }
    Reassembly::Datagram late;
    bed.now += 2 * kSecond;
    while (bed.reassembly.expire(late, bed.now)) {
    }
    ASSERT_EQ(bed.reassembly.size(), 0u);
  }
  EXPECT_GT(refused, 3000u);
}

TEST(Reassembly, ACutThatOverlapsIsTheEndOfTheDatagram) {
  Bed bed(3);
  const std::string whole = bed.random_text(4000);
  Reassembly::Datagram out;
  ASSERT_EQ(bed.add(whole, {0, 1480}, 1, out), Drop::none);
  ASSERT_EQ(bed.add(whole, {1472, 2960}, 1, out), Drop::fragment_overlap);
  for (const Cut& c : {Cut{0, 1480}, Cut{1480, 2960}, Cut{2960, 4000}}) {
    EXPECT_EQ(bed.add(whole, c, 1, out), Drop::fragment_overlap);
    EXPECT_TRUE(out.packet.empty());
  }
}

TEST(Reassembly, DeadlineIsTheOldest) {
  Bed bed(4);
  const std::string whole = bed.random_text(100);
  Reassembly::Datagram out;
  EXPECT_EQ(bed.reassembly.next_deadline(), kNever);
  bed.add(whole, {0, 16}, 1, out);
  bed.now = 10;
  bed.add(whole, {16, 32}, 2, out);
  bed.add(whole, {16, 32}, 1, out);
  EXPECT_EQ(bed.reassembly.next_deadline(), kSecond);
  EXPECT_FALSE(bed.reassembly.expire(out, kSecond - 1));
  ASSERT_TRUE(bed.reassembly.expire(out, kSecond));
  EXPECT_EQ(text(out.packet.subspan(kHeader)), whole.substr(0, 16));
  EXPECT_EQ(bed.reassembly.next_deadline(), kSecond + 10);
  ASSERT_TRUE(bed.reassembly.expire(out, kSecond + 10));
  EXPECT_TRUE(out.packet.empty());  // its first fragment never came
  EXPECT_EQ(bed.reassembly.next_deadline(), kNever);
}

}  // namespace
}  // namespace pinion
