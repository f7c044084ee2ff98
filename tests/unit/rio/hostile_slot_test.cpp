// Hostile rows (tests/isolation): what an application writes into its rings can fail a request or
// end
// its own session, nothing else. A bystander session runs beside every case.
#include <gtest/gtest.h>

#include <cerrno>
#include <utility>

#include "base/rng.h"
#include "support/bed.h"

namespace pinion::testing {
namespace {

rio_abi_request nop_slot(uint64_t context = 7) {
  rio_abi_request slot{};
  slot.opcode = RIO_OP_NOP, slot.request_context = context, slot.buffer_id = RIO_INVALID_BUFFER;
  return slot;
}

rio_control message(uint16_t opcode) {
  rio_control m{};
  m.magic = RIO_CONTROL_MAGIC, m.opcode = opcode;
  return m;
}

class Hostile : public ::testing::Test {
 protected:
  // The bystander's request completes in the pass after it was posted.
  void bystander_is_well() {
    bystander.app.nop(bystander.rq, ++beat);
    bed.poll();
    const auto done = bystander.app.dequeue_all(bystander.cq);
    ASSERT_EQ(done.size(), 1u);
    EXPECT_EQ(done[0].request_context, beat);
  }
  int32_t status_of(rio_abi_request slot) {
    attacker.app.post(attacker.rq, slot);
    bed.poll();
    const auto done = attacker.app.dequeue_all(attacker.cq);
    EXPECT_EQ(done.size(), 1u);
    bystander_is_well();
    return done.empty() ? 1 : done[0].status;
  }
  rio_abi_request receive_slot(uint32_t buffer, uint32_t offset, uint32_t length) {
    rio_abi_request slot{};
    slot.opcode = RIO_OP_RECEIVE;
    slot.buffer_id = buffer, slot.offset = offset, slot.length = length;
    return slot;
  }

  QueueBed bed;
  OneQueue bystander{bed, 0}, attacker{bed, 1, {.receives = 64, .sends = 64}};
  uint64_t beat = 0;
};

TEST_F(Hostile, ReservedWordsAreChecked) {
  auto slot = nop_slot();
  slot.reserved0 = 1;
  EXPECT_EQ(status_of(slot), -EINVAL);
  slot = nop_slot(), slot.reserved1 = 1;
  EXPECT_EQ(status_of(slot), -EINVAL);
  slot = nop_slot(), slot.reserved2 = 1;
  EXPECT_EQ(status_of(slot), -EINVAL);
  slot = nop_slot(), slot.flags = 0x10;
  EXPECT_EQ(status_of(slot), -EINVAL);
  slot = nop_slot(), slot.flags = RIO_COMMIT_ONLY;
  EXPECT_EQ(status_of(slot), -EINVAL);
  slot = nop_slot(), slot.flags = RIO_WAITALL;
  EXPECT_EQ(status_of(slot), -EINVAL);
}

TEST_F(Hostile, UnknownAndReservedOpcodes) {
  for (int opcode = 0; opcode < 256; ++opcode) {
    if (opcode == RIO_OP_NOP || opcode == RIO_OP_RECEIVE || opcode == RIO_OP_SEND) continue;
    auto slot = nop_slot();
    slot.opcode = static_cast<uint8_t>(opcode);
    EXPECT_EQ(status_of(slot), opcode <= RIO_OP_CLOSE ? -EOPNOTSUPP : -EINVAL) << opcode;
  }
}

TEST_F(Hostile, A10SliceArithmetic) {
  const uint32_t id = attacker.app.data_buffer();
  constexpr uint32_t kSize = RawApp::kDataBytes;
  const struct {
    uint32_t offset, length;
  } bad[] = {{kSize, 1},
             {kSize + 1, 0},
             {0, kSize + 1},
             {1, kSize},
             {0x80000000u, 0x80000000u},
             {0xFFFFFFFFu, 1},
             {0xFFFFFFFFu, 0xFFFFFFFFu},
             {1, 0xFFFFFFFFu},
             {0, 1u << 31}};
  for (const auto& b : bad)
    EXPECT_EQ(status_of(receive_slot(id, b.offset, b.length)), -EINVAL)
        << b.offset << "+" << b.length;
}

TEST_F(Hostile, A10EdgesThatAreInsideAreTaken) {
  const uint32_t id = attacker.app.data_buffer();
  constexpr uint32_t kSize = RawApp::kDataBytes;
  for (const auto& [offset, length] : {std::pair{kSize, 0u}, {kSize - 1, 1u}, {0u, kSize}}) {
    auto slot = receive_slot(id, offset, length);
    slot.opcode = RIO_OP_SEND;  // without a peer: refused for that, and only after the slice
    EXPECT_EQ(status_of(slot), -EDESTADDRREQ) << offset << "+" << length;
  }
}

TEST_F(Hostile, A10RegisteringOutsideTheRegion) {
  constexpr uint64_t kSize = RawApp::kRegionBytes, kAll = ~uint64_t{0};
  const struct {
    uint64_t offset, size;
  } bad[] = {{0, 0},    {0, kSize + 1}, {kSize, 1},       {1, kSize},
             {kAll, 1}, {1, kAll},      {kAll - 63, 128}, {uint64_t{1} << 32, 64}};
  rio_control m = message(RIO_CTL_BUFFER_REGISTER);
  for (const auto& b : bad) {
    m.offset = b.offset, m.size = b.size;
    EXPECT_EQ(attacker.app.call(m).status, -EINVAL) << b.offset << "+" << b.size;
  }
  m.offset = 0, m.size = 64;
  for (const uint32_t region : {1u, 63u, 64u, 0x80000000u, ~0u}) {
    m.handle = region;
    EXPECT_EQ(attacker.app.call(m).status, -ENOENT) << region;
  }
  bystander_is_well();
}

TEST_F(Hostile, A11ForgedAndStaleIds) {
  rio_control m{};
  m.magic = RIO_CONTROL_MAGIC, m.opcode = RIO_CTL_BUFFER_REGISTER, m.size = 4096;
  const uint32_t id = attacker.app.call(m).handle;
  m.opcode = RIO_CTL_BUFFER_DEREGISTER, m.handle = id;
  EXPECT_EQ(attacker.app.call(m).status, 0);
  EXPECT_EQ(status_of(receive_slot(id, 0, 64)), -EINVAL);  // stale
  m.opcode = RIO_CTL_BUFFER_REGISTER, m.handle = 0;
  const uint32_t again = attacker.app.call(m).handle;
  EXPECT_NE(again, id);
  Rng rng(1);
  for (int i = 0; i < 1000; ++i) {
    const auto forged = static_cast<uint32_t>(rng.next());
    if (forged == again || forged == attacker.app.data_buffer() ||
        forged == attacker.app.ring_buffer())
      continue;
    EXPECT_EQ(status_of(receive_slot(forged, 0, 64)), -EINVAL);
  }
}

// No difference between what never was and what is another's.
TEST_F(Hostile, A11WhatBelongsToAnotherApplication) {
  rio_control m = message(RIO_CTL_BUFFER_REGISTER);
  m.size = 4096;
  uint32_t theirs = 0;
  for (int i = 0; i < 8; ++i) theirs = bystander.app.call(m).handle;
  EXPECT_EQ(status_of(receive_slot(theirs, 0, 64)), -EINVAL);
  EXPECT_EQ(status_of(receive_slot(theirs + 1, 0, 64)), -EINVAL);
  const RawCq cq = bystander.app.create_cq(4);  // their second; the attacker has one
  for (const bool foreign : {true, false}) {
    m = message(RIO_CTL_BIND);
    m.handle = foreign ? bystander.socket : bystander.socket + 1000;
    EXPECT_EQ(attacker.app.call(m).status, -EBADF);
    m.opcode = RIO_CTL_SOCKET_CLOSE;
    EXPECT_EQ(attacker.app.call(m).status, -EBADF);
    m.opcode = RIO_CTL_CQ_CLOSE, m.handle = foreign ? cq.handle : cq.handle + 1000;
    EXPECT_EQ(attacker.app.call(m).status, -EBADF);
  }
  bystander_is_well();
}

TEST_F(Hostile, A13DeregisterWhileInUse) {
  attacker.app.receive(attacker.rq, 0, 64, 1);
  bed.poll();
  rio_control m{};
  m.magic = RIO_CONTROL_MAGIC, m.opcode = RIO_CTL_BUFFER_DEREGISTER;
  m.handle = attacker.app.data_buffer();
  EXPECT_EQ(attacker.app.call(m).status, -EBUSY);
  m.handle = attacker.app.ring_buffer();
  EXPECT_EQ(attacker.app.call(m).status, -EBUSY);
  m.handle = RIO_INVALID_BUFFER;  // RIO ignores it
  EXPECT_EQ(attacker.app.call(m).status, 0);
  KernelMessage remove;
  remove.op = KernelMessage::Op::region_remove;
  remove.session = 1;
  bed.kernel.control(remove, bed.now);
  EXPECT_EQ(remove.status, -EBUSY);
  bystander_is_well();

  // The same once nothing uses it any more.
  m.opcode = RIO_CTL_SOCKET_CLOSE, m.handle = attacker.socket;
  EXPECT_EQ(attacker.app.call(m).status, 0);
  bed.poll();
  EXPECT_EQ(attacker.app.dequeue_all(attacker.cq).size(), 1u);
  m.opcode = RIO_CTL_BUFFER_DEREGISTER, m.handle = attacker.app.data_buffer();
  EXPECT_EQ(attacker.app.call(m).status, 0);
}

TEST_F(Hostile, A14SameContextAndSameBufferTwice) {
  attacker.app.receive(attacker.rq, 0, 64, 9);
  attacker.app.receive(attacker.rq, 0, 64, 9);
  attacker.app.nop(attacker.rq, 9), attacker.app.nop(attacker.rq, 9);
  bed.poll();
  EXPECT_EQ(attacker.app.dequeue_all(attacker.cq).size(), 2u);
  rio_control m{};
  m.magic = RIO_CONTROL_MAGIC, m.opcode = RIO_CTL_SOCKET_CLOSE, m.handle = attacker.socket;
  attacker.app.call(m);
  bed.poll(2);
  EXPECT_EQ(attacker.app.dequeue_all(attacker.cq).size(), 2u);
  bystander_is_well();
}

// A01, A02 in our words: the one position that an application publishes. Outside [last, posted] it
// ends the session; the bystander does not notice.
TEST_F(Hostile, A01ConsumedPositionOutOfRangeEndsTheSession) {
  for (const uint32_t lie : {1u, 0x80000000u, 0xFFFFFFFFu, 12345u}) {
    OneQueue liar(bed, 2, {.receives = 0, .sends = 1});
    const uint32_t capacity = liar.cq.mask + 1;
    liar.cq.header->consumed = liar.cq.position + lie + capacity * 4;
    for (uint32_t i = 0; i <= capacity; ++i) liar.app.nop(liar.rq, i), bed.poll();
    ASSERT_EQ(bed.broken.size(), 1u) << lie;
    EXPECT_EQ(bed.broken[0], 2u);
    EXPECT_NE(liar.app.header().ended, 0);
    EXPECT_EQ(liar.cq.header->dead, static_cast<uint32_t>(-EBADMSG));
    bed.broken.clear();
    bystander_is_well();
  }
}

TEST_F(Hostile, A02ConsumedPositionMovingBackwardsEndsTheSession) {
  for (const uint32_t back : {1u, 3u, 1u << 31}) {
    OneQueue liar(bed, 2, {.receives = 0, .sends = 1});
    for (uint32_t i = 0; i < 8; ++i) {
      liar.app.nop(liar.rq, i), bed.poll();
      EXPECT_TRUE(liar.app.dequeue(liar.cq).has_value());
    }
    // The core looks when the ring seems full: two entries, so before the second nop.
    liar.app.nop(liar.rq, 8), bed.poll();
    rio_word_store(&liar.cq.header->consumed, liar.cq.position - 1 - back);
    for (uint32_t i = 0; i < 4; ++i) liar.app.nop(liar.rq, 9 + i), bed.poll();
    ASSERT_EQ(bed.broken.size(), 1u) << back;
    EXPECT_LE(liar.app.dequeue_all(liar.cq).size(), 2u);  // nothing was taken after it
    bed.broken.clear();
    bystander_is_well();
  }
}

// A01, A02 for the request ring, which has no position to lie about: a sequence word that is not
// the next one is "not yet", whatever it is, and the right one is taken afterwards.
TEST_F(Hostile, A01A02SequenceWordsThatAreNotTheNext) {
  Rng rng(2);
  RawRq& rq = attacker.rq;
  const uint32_t size = rq.mask + 1;
  for (uint64_t round = 0; round < 200; ++round) {
    rio_abi_request& slot = rq.slots[rq.position & rq.mask];
    const uint32_t next = rq.position + 1;
    const uint32_t lies[] = {next - 1,          next + 1,
                             next + size,       next - size,
                             next + (1u << 31), next ^ static_cast<uint32_t>(rng.next() | 1)};
    for (const uint32_t lie : lies) {
      rio_word_store(&slot.sequence, lie);
      attacker.app.ring(rq.doorbell);
      bystander_is_well();
      ASSERT_TRUE(attacker.app.dequeue_all(attacker.cq).empty()) << lie - next;
    }
    EXPECT_EQ(status_of(nop_slot(round)), 0);
  }
  EXPECT_TRUE(bed.broken.empty());
}

// A06, but for one or two words right: what random bytes hardly ever are.
TEST_F(Hostile, A06AlmostRightSlotsGetOneCompletionEach) {
  Rng rng(66);
  const auto pick = [&rng](std::initializer_list<uint32_t> of) {
    return *(of.begin() + rng.next() % of.size());
  };
  const uint32_t slots = 200'000;
  uint32_t completions = 0;
  for (uint32_t i = 0; i < slots; ++i) {
    constexpr uint32_t kSize = RawApp::kDataBytes;
    rio_abi_request slot{};
    slot.opcode = static_cast<uint8_t>(pick({RIO_OP_NOP, RIO_OP_SEND, RIO_OP_RECEIVE}));
    slot.flags = static_cast<uint16_t>(pick({0, RIO_DEFER, RIO_DONT_NOTIFY, RIO_WAITALL}));
    slot.buffer_id = pick({attacker.app.data_buffer(), RIO_INVALID_BUFFER, 77});
    slot.offset = pick({0, 1, kSize - 1, kSize, kSize + 1, 1u << 31});
    slot.length = pick({0, 1, kSize - 1, kSize, kSize + 1, ~0u});
    slot.family = static_cast<uint16_t>(pick({RIO_FAMILY_NONE, RIO_FAMILY_IPV4, RIO_FAMILY_IPV6}));
    slot.port = static_cast<uint16_t>(pick({0, 9}));
    slot.peer[pick({0, 15})] = static_cast<uint8_t>(pick({0, 10}));
    slot.reserved2 = rng.next() % 16 == 0;
    slot.request_context = i;
    attacker.app.post(attacker.rq, slot);
    if (i % 32 != 31) continue;
    bed.poll(2);
    completions += attacker.app.dequeue_all(attacker.cq).size();
    if (i % 4096 == 31) bystander_is_well();
  }
  // What is outstanding now are receives that were in order, and sends behind a deferred one.
  rio_control m = message(RIO_CTL_SOCKET_CLOSE);
  m.handle = attacker.socket;
  EXPECT_EQ(attacker.app.call(m).status, 0);
  bed.poll(4);
  completions += attacker.app.dequeue_all(attacker.cq).size();
  EXPECT_EQ(completions, slots);
  EXPECT_EQ(bed.kernel.server().usage().requests, 0u);
  EXPECT_TRUE(bed.broken.empty());
}

// A25: it posts for ever and reads nothing: its queue stops, nobody else's does.
TEST_F(Hostile, A25UnreadCompletionsStopItsOwnQueue) {
  const uint32_t capacity = attacker.cq.mask + 1;
  uint64_t posted = 0;
  for (int i = 0; i < 1000; ++i) {
    if (posted < capacity + attacker.rq.mask) attacker.app.nop(attacker.rq, posted++);
    attacker.app.ring(attacker.rq.doorbell);
    bystander_is_well();
  }
  EXPECT_TRUE(bed.broken.empty());
  uint64_t next = 0;  // none was lost, none came twice
  while (auto c = attacker.app.dequeue(attacker.cq)) {
    EXPECT_EQ(c->request_context, next++);
    bed.poll();
  }
  EXPECT_EQ(next, posted);
}

TEST_F(Hostile, A06RandomSlotsGetOneCompletionEach) {
  Rng rng(6);
  uint64_t completions = 0;
  const uint64_t slots = 200'000;
  for (uint64_t i = 0; i < slots; ++i) {
    rio_abi_request slot;
    auto* bytes = reinterpret_cast<uint8_t*>(&slot);
    for (size_t b = 0; b < sizeof slot; ++b) bytes[b] = static_cast<uint8_t>(rng.next());
    attacker.app.post(attacker.rq, slot);
    if (i % 32 == 31) {
      bed.poll(2);
      for (const auto& c : attacker.app.dequeue_all(attacker.cq)) {
        ++completions;
        EXPECT_LT(c.status, 0);
      }
    }
    if (i % 4096 == 0) bystander_is_well();
  }
  bed.poll(4);
  completions += attacker.app.dequeue_all(attacker.cq).size();
  EXPECT_EQ(completions, slots);
  EXPECT_TRUE(bed.broken.empty());
}

// Every word of the shared ring and header memory scribbled while the core works.
TEST_F(Hostile, ScribbledRingMemoryNeverTouchesTheBystander) {
  Rng rng(43);
  const uint32_t bytes = RawApp::kRegionBytes - RawApp::kDataBytes;
  for (int round = 0; round < 2000; ++round) {
    for (int i = 0; i < 64; ++i)
      attacker.app.region()[rng.next() % 32768 % bytes] = static_cast<std::byte>(rng.next());
    attacker.app.ring(static_cast<uint32_t>(rng.next() % RIO_DOORBELLS_MAX));
    bystander_is_well();
  }
}

TEST_F(Hostile, DoorbellFloodIsBounded) {
  auto* bells = attacker.app.bells();
  for (uint32_t w = 0; w < RIO_DOORBELL_WORDS; ++w) bells[w] = ~uint64_t{0};
  for (auto& word : attacker.app.header().doorbell_summary) word = ~uint64_t{0};
  attacker.app.nop(attacker.rq, 1);
  for (int i = 0; i < 64; ++i) bystander_is_well();
  EXPECT_EQ(attacker.app.dequeue_all(attacker.cq).size(), 1u);
}

// A43: what a new session can read of its region was zeroed; the core writes only what it means to.
TEST_F(Hostile, A43CompletionsCarryNothingUninitialised) {
  attacker.app.nop(attacker.rq, 1);
  bed.poll();
  const auto done = attacker.app.dequeue_all(attacker.cq);
  ASSERT_EQ(done.size(), 1u);
  const uint8_t zero[16] = {};
  EXPECT_EQ(std::memcmp(done[0].peer, zero, 16), 0);
  EXPECT_EQ(done[0].time_ns, 0u);
  EXPECT_EQ(done[0].port, 0u);
}

TEST_F(Hostile, MisplacedRingsAreRefused) {
  rio_control m{};
  m.magic = RIO_CONTROL_MAGIC, m.opcode = RIO_CTL_CQ_CREATE, m.a = 4;
  m.handle2 = attacker.app.data_buffer();
  const struct {
    uint64_t offset, size;
  } bad[] = {{0, 0},
             {0, 64},
             {32, 4096},
             {RawApp::kDataBytes - 64, 4096},
             {~uint64_t{0}, 4096},
             {1ull << 32, 4096},
             {0, ~uint64_t{0}}};
  for (const auto& b : bad) {
    m.offset = b.offset, m.size = b.size;
    EXPECT_EQ(attacker.app.call(m).status, -EINVAL) << b.offset << "+" << b.size;
  }
  // A header that claims more slots than there is memory.
  auto* header = reinterpret_cast<rio_abi_cq*>(attacker.app.data());
  for (const uint32_t capacity : {0u, 3u, 1024u, 0x80000000u}) {
    header->slot_bytes = 64, header->capacity = capacity;
    m.offset = 0, m.size = 4096;
    EXPECT_EQ(attacker.app.call(m).status, -EINVAL) << capacity;
  }
  bystander_is_well();
}

}  // namespace
}  // namespace pinion::testing
