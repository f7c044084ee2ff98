// The journal against everything that happens to a disk and to a process: cut and damaged at every
// byte, killed at any moment, full, slow. What is read is always a true beginning of what was
// appended, and what is missing from it is said.
#include "gateway/journal/journal.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "base/rng.h"
#include "gateway/journal/reader.h"
#include "gateway/ouch/ouch.h"

namespace pinion::journal {
namespace {

namespace fs = std::filesystem;

struct JournalDirectory {
  JournalDirectory() {
    char name[] = "/tmp/pinion-journal-XXXXXX";
    path = mkdtemp(name);
  }
  ~JournalDirectory() { fs::remove_all(path); }
  std::string path;
};

JournalConfig small(const std::string& directory) {
  return {.directory = directory, .segment_bytes = 70'000, .ring_bytes = 1 << 18};
}

// What record n of these tests holds.
std::string text_of_record(uint64_t n) {
  return "record " + std::to_string(n) + std::string(n * 7 % 90, 'x');
}
// Never further ahead of the disk than the ring has room for: what a full ring does is a test of
// its own.
void append_records(Journal& journal, uint64_t first, uint64_t last) {
  for (uint64_t n = first; n <= last; ++n) {
    for (int i = 0; n > journal.durable() + 1'000 && i < 100'000; ++i) usleep(100);
    ASSERT_EQ(
        journal.append(Kind::event, 3, bytes_of_text(text_of_record(n)), static_cast<Nanos>(n)), n);
  }
}
void write_records(const JournalConfig& config, uint64_t first, uint64_t last) {
  Journal journal(config);
  std::string why;
  ASSERT_TRUE(journal.open(why)) << why;
  journal.start();
  append_records(journal, first, last);
  ASSERT_TRUE(journal.stop());
  ASSERT_EQ(journal.durable(), last);
}
// Reads, and checks that the records are those of text_of_record from 1 on.
ReadResult read_true_records(const std::string& directory) {
  uint64_t n = 0;
  return read_journal(directory, [&](const RecordHeader& header, Bytes payload) {
    ++n;
    ASSERT_EQ(header.number, n);
    ASSERT_EQ(header.time_ns, n);
    ASSERT_EQ(header.source, 3);
    ASSERT_TRUE(std::ranges::equal(payload, bytes_of_text(text_of_record(n))));
  });
}
std::string file_bytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void put_file(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

TEST(JournalCrc, KnownAnswers) {  // RFC 3720 B.4
  EXPECT_EQ(crc32c(0, std::string(32, '\0').data(), 32), 0x8a9136aau);
  EXPECT_EQ(crc32c(0, std::string(32, '\xff').data(), 32), 0x62a8ab43u);
  EXPECT_EQ(crc32c(0, "123456789", 9), 0xe3069283u);
  EXPECT_EQ(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283u);
}

TEST(Journal, SegmentsFollowEachOtherAndARestartGoesOn) {
  JournalDirectory d;
  write_records(small(d.path), 1, 3'000);
  EXPECT_GT(std::distance(fs::directory_iterator(d.path), fs::directory_iterator()), 3);
  ReadResult read = read_true_records(d.path);
  EXPECT_TRUE(read.good());
  EXPECT_EQ(read.records, 3'000u);
  EXPECT_EQ(read.torn_bytes, 0u);
  write_records(small(d.path), 3'001, 3'100);
  read = read_true_records(d.path);
  EXPECT_TRUE(read.good());
  EXPECT_EQ(read.next_number, 3'101u);
}

TEST(Journal, CutAtEveryByteLeavesABeginningAndARestartGoesOnBehindIt) {
  JournalDirectory whole;
  write_records(small(whole.path), 1, 8);
  const std::string bytes = file_bytes(whole.path + "/" + segment_name(1));
  std::vector<size_t> ends = {sizeof(SegmentHeader)};
  for (uint64_t n = 1; n <= 8; ++n)
    ends.push_back(ends.back() + record_bytes(text_of_record(n).size()));
  ASSERT_EQ(ends.back(), bytes.size());
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    SCOPED_TRACE(cut);
    JournalDirectory d;
    // As a crash leaves it: what was not written is zeros, or is not there.
    std::string piece = bytes.substr(0, cut);
    if (cut % 2) piece.resize(bytes.size() + 100);
    put_file(d.path + "/" + segment_name(1), piece);
    const auto whole_records =
        static_cast<uint64_t>(std::ranges::count_if(ends, [&](size_t end) { return end <= cut; }));
    ReadResult read = read_true_records(d.path);
    ASSERT_TRUE(read.good()) << read.damage[0];
    // The last bytes of a record are padding, and zeros anyway.
    const uint64_t expected = whole_records ? whole_records - 1 : 0;
    ASSERT_TRUE(read.records == expected || read.records == expected + 1) << read.records;
    if (cut % 16) continue;  // restarting at every byte takes too long
    write_records(small(d.path), read.records + 1, read.records + 3);
    const ReadResult again = read_true_records(d.path);
    ASSERT_TRUE(again.good()) << again.damage[0];
    ASSERT_EQ(again.records, read.records + 3);
  }
}

TEST(Journal, DamageAtEveryByteIsNeverReadAsARecord) {
  JournalDirectory whole;
  write_records(small(whole.path), 1, 8);
  const std::string bytes = file_bytes(whole.path + "/" + segment_name(1));
  const size_t last_record = bytes.size() - record_bytes(text_of_record(8).size());
  int damaged = 0;
  for (size_t at = 0; at < bytes.size(); ++at) {
    SCOPED_TRACE(at);
    JournalDirectory d;
    std::string bad = bytes;
    bad[at] = static_cast<char>(bad[at] ^ 0x41);
    put_file(d.path + "/" + segment_name(1), bad);
    const ReadResult read = read_true_records(d.path);
    ASSERT_LE(read.records, 8u);
    if (read.records == 8) continue;  // padding
    ASSERT_TRUE(at >= last_record || !read.good()) << "good records lie behind it";
    damaged += !read.good();
    if (read.good()) continue;
    Journal journal(small(d.path));
    std::string why;
    ASSERT_FALSE(journal.open(why)) << "nothing is added to a damaged journal";
    ASSERT_FALSE(why.empty());
  }
  EXPECT_GT(damaged, 100);
}

TEST(Journal, AMissingSegmentIsDamage) {
  JournalDirectory d;
  write_records(small(d.path), 1, 3'000);
  fs::remove(d.path + "/" + segment_name(2));
  const ReadResult read = read_true_records(d.path);
  ASSERT_FALSE(read.good());
  EXPECT_NE(read.damage[0].find(segment_name(2)), std::string::npos);
}

TEST(Journal, IsReadFromARecordOn) {
  JournalDirectory d;
  write_records(small(d.path), 1, 3'000);
  for (const uint64_t from : {uint64_t{1}, uint64_t{2}, uint64_t{1'700}, uint64_t{3'000}}) {
    uint64_t next = from;
    const ReadResult read = read_journal(
        d.path, [&](const RecordHeader& h, Bytes) { EXPECT_EQ(h.number, next++); }, from);
    EXPECT_TRUE(read.good());
    EXPECT_EQ(next, 3'001u);
    EXPECT_EQ(read.next_number, 3'001u);
  }
  // Neither a start nor a recovery looks at what lies before; whoever reads all of it does.
  std::string bytes = file_bytes(d.path + "/" + segment_name(1));
  bytes[100] ^= 1;
  put_file(d.path + "/" + segment_name(1), bytes);
  EXPECT_FALSE(read_journal(d.path, nullptr).good());
  EXPECT_TRUE(read_journal(d.path, nullptr, 2'500).good());
  write_records(small(d.path), 3'001, 3'010);
  EXPECT_EQ(read_journal(d.path, nullptr, kOnlyTheEnd).next_number, 3'011u);
}

// A child appends as fast as it can and tells in shared memory what is durable; it is killed at
// some moment. Each round goes on with the directory that the last one left.
TEST(Journal, KilledAtAnyMomentNothingDurableIsMissing) {
  JournalDirectory d;
  auto* durable = static_cast<uint64_t*>(
      mmap(nullptr, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(durable, MAP_FAILED);
  Rng rng(5);
  uint64_t had = 0;
  for (int round = 0; round < 12; ++round) {
    SCOPED_TRACE(round);
    rio_word64_store(durable, 0);
    const pid_t child = fork();
    if (child == 0) {
      JournalConfig config = small(d.path);
      config.sync_every = kMilli;
      config.on_full = OnFull::stop_trading;
      Journal journal(config);
      std::string why;
      if (!journal.open(why)) _exit(2);
      journal.start();
      for (uint64_t n = journal.next_number();; ++n) {
        // No further ahead of the disk than the ring has room for.
        while (n > journal.durable() + 1'000) usleep(100);
        if (!journal.append(Kind::event, 3, bytes_of_text(text_of_record(n)),
                            static_cast<Nanos>(n))) {
          _exit(3);
        }
        rio_word64_store(durable, journal.durable());
      }
    }
    const uint64_t wanted = had + 1 + rng.below(3'000);
    int status = 0;
    for (int i = 0; rio_word64_load(durable) < wanted && i < 20'000; ++i) {
      ASSERT_EQ(waitpid(child, &status, WNOHANG), 0) << "it ended by itself: " << status;
      usleep(1'000);
    }
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    const ReadResult read = read_true_records(d.path);
    ASSERT_TRUE(read.good()) << read.damage[0];
    ASSERT_GE(read.records, rio_word64_load(durable));
    ASSERT_GE(read.records, wanted);
    had = read.records;
  }
  munmap(durable, sizeof(uint64_t));
}

// What the process leaves that was killed before its writer took anything: nothing is started.
void leave_in_the_ring(const JournalConfig& config, uint64_t first, uint64_t last) {
  Journal journal(config);
  std::string why;
  ASSERT_TRUE(journal.open(why)) << why;
  for (uint64_t n = first; n <= last; ++n) {
    ASSERT_EQ(
        journal.append(Kind::event, 3, bytes_of_text(text_of_record(n)), static_cast<Nanos>(n)), n);
  }
  EXPECT_GT(journal.depth(), (last - first) * sizeof(RecordHeader));
}

// The child tells each number over a pipe once append() has given it out. In every fifth round its
// writer does nothing at all.
[[noreturn]] void append_and_tell(const JournalConfig& config, int pipe, bool writes) {
  Journal journal(config);
  std::string why;
  if (!journal.open(why)) _exit(2);
  if (writes) journal.start();
  for (uint64_t n = journal.next_number();; ++n) {
    while (journal.depth() > config.ring_bytes / 4) usleep(50);
    const std::string record = text_of_record(n);
    const Bytes text = bytes_of_text(record);
    const uint64_t number =
        n % 2 != 0 ? journal.append(Kind::event, 3, text, static_cast<Nanos>(n))
                   : journal.append_living(Kind::event, 3, text, static_cast<Nanos>(n));
    if (number != n || write(pipe, &n, sizeof n) != ssize_t{sizeof n}) _exit(4);
  }
}

// Fifty lives, each killed at a moment that chance chooses: while it opens and writes what the one
// before left in the ring, or while it appends.
TEST(Journal, KilledAtAnyInstructionNothingAcknowledgedIsMissing) {
  JournalDirectory d;
  Rng rng(11);
  uint64_t told = 0, lives = 0;  // since the journal was looked at
  for (int round = 0; round < 50; ++round) {
    SCOPED_TRACE(round);
    int pipes[2];
    ASSERT_EQ(pipe(pipes), 0);
    const pid_t child = fork();
    if (child == 0) append_and_tell(small(d.path), pipes[1], round % 5 != 0);
    close(pipes[1]);
    const uint64_t wanted = told + (round % 5 == 0 ? rng.below(500) : rng.below(3'000));
    uint64_t number = 0;
    if (round % 7 == 3) usleep(static_cast<useconds_t>(rng.below(4'000)));
    else
      while (told < wanted && read(pipes[0], &number, sizeof number) == ssize_t{sizeof number})
        told = number;
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "it ended by itself: " << WEXITSTATUS(status);
    while (read(pipes[0], &number, sizeof number) == ssize_t{sizeof number}) told = number;
    close(pipes[0]);
    ++lives;
    if (round % 3 == 0) continue;  // the next child has to recover
    uint64_t next = 0;
    {
      Journal journal(small(d.path));
      std::string why;
      ASSERT_TRUE(journal.open(why)) << why;
      next = journal.next_number();
    }
    const ReadResult read = read_true_records(d.path);
    ASSERT_TRUE(read.good()) << read.damage[0];
    ASSERT_EQ(read.next_number, next);
    ASSERT_GE(read.records, told);
    ASSERT_LE(read.records, told + lives) << "of each life one that was killed before it told";
    told = read.records;
    lives = 0;
  }
  EXPECT_GT(told, 10'000u);
}

TEST(JournalRing, WhatWasWrittenAndNotReleasedIsNotWrittenTwice) {
  JournalDirectory d;
  leave_in_the_ring(small(d.path), 1, 100);
  EXPECT_EQ(read_true_records(d.path).records, 0u);
  const std::string ring = file_bytes(d.path + "/ring");
  for (uint64_t n = 0; n < 3; ++n) {
    Journal journal(small(d.path));
    std::string why;
    ASSERT_TRUE(journal.open(why)) << why;
    EXPECT_EQ(journal.recovered().records, n == 0 ? 100u : 0u);
    EXPECT_EQ(journal.next_number(), 101u);
    EXPECT_EQ(journal.depth(), 0u);
    put_file(d.path + "/ring", ring);  // as if it had been killed before the release
  }
  // Half of it written: a segment that was torn in the middle of a record.
  fs::remove(d.path + "/" + segment_name(3));
  fs::remove(d.path + "/" + segment_name(4));
  const std::string second = d.path + "/" + segment_name(2);
  fs::resize_file(second, fs::file_size(second) / 2 + 3);
  Journal journal(small(d.path));
  std::string why;
  ASSERT_TRUE(journal.open(why)) << why;
  EXPECT_EQ(journal.next_number(), 101u);
  const ReadResult read = read_true_records(d.path);
  EXPECT_TRUE(read.good());
  EXPECT_EQ(read.records, 100u);
}

TEST(JournalRing, OfAnotherSizeIsDrainedAndReplaced) {
  JournalDirectory d;
  JournalConfig config = small(d.path);
  leave_in_the_ring(config, 1, 700);  // more than one segment
  config.ring_bytes *= 2;
  leave_in_the_ring(config, 701, 800);
  config.ring_bytes /= 2;
  write_records(config, 801, 900);
  EXPECT_EQ(read_true_records(d.path).records, 900u);
}

// Any byte of the header, any position: it is refused, or leads to what was there; and what the
// segments have stays as it is.
TEST(JournalRing, DamageIsSaidAndNotFollowed) {
  JournalDirectory d;
  leave_in_the_ring(small(d.path), 1, 20);
  const std::string ring = file_bytes(d.path + "/ring");
  uint64_t refused = 0;
  const auto open_with = [&](const std::string& bytes) {
    put_file(d.path + "/ring", bytes);
    for (const auto& entry : fs::directory_iterator(d.path))
      if (entry.path().filename() != "ring") fs::remove(entry.path());
    Journal journal(small(d.path));
    std::string why;
    if (!journal.open(why)) {
      ++refused;
      EXPECT_NE(why.find("ring"), std::string::npos);
    }
    ASSERT_LE(read_true_records(d.path).records, 20u);
  };
  for (size_t at = 0; at < sizeof(RingHeader); ++at) {
    SCOPED_TRACE(at);
    std::string bad = ring;
    bad[at] = static_cast<char>(bad[at] ^ 0x55);
    open_with(bad);
    if (HasFailure()) return;
  }
  EXPECT_GT(refused, 24u);
  refused = 0;
  for (const size_t size :
       {size_t{0}, size_t{7}, sizeof(RingHeader) - 1, kRingHeaderBytes, ring.size() - 1}) {
    open_with(ring.substr(0, size));
  }
  EXPECT_EQ(refused, 5u);
  JournalDirectory other;  // its segments were taken away, its ring goes on behind them
  leave_in_the_ring(small(other.path), 1, 5);
  leave_in_the_ring(small(other.path), 6, 9);
  fs::remove(other.path + "/" + segment_name(1));
  fs::remove(other.path + "/" + segment_name(2));
  Journal journal(small(other.path));
  std::string why;
  EXPECT_FALSE(journal.open(why));
  EXPECT_NE(why.find("does not follow"), std::string::npos) << why;
}

TEST(JournalRing, OfAnotherBootIsNotBelieved) {
  JournalDirectory d;
  leave_in_the_ring(small(d.path), 1, 20);
  std::string ring = file_bytes(d.path + "/ring");
  ring[offsetof(RingHeader, boot)] ^= 1;
  put_file(d.path + "/ring", ring);
  Journal journal(small(d.path));
  std::string why;
  ASSERT_TRUE(journal.open(why)) << why;
  EXPECT_EQ(journal.recovered().records, 0u);
  EXPECT_GT(journal.recovered().bytes_before_reboot, 20 * sizeof(RecordHeader));
  EXPECT_EQ(journal.next_number(), 1u);
}

TEST(Journal, OneGatewayADirectory) {
  JournalDirectory d;
  std::string why;
  {
    Journal first(small(d.path)), second(small(d.path));
    ASSERT_TRUE(first.open(why)) << why;
    EXPECT_FALSE(second.open(why));
    EXPECT_NE(why.find("another gateway"), std::string::npos) << why;
  }
  Journal third(small(d.path));
  EXPECT_TRUE(third.open(why)) << why;
}

TEST(Journal, ACrashLeavesNoReserveBehind) {
  JournalDirectory d;
  leave_in_the_ring(small(d.path), 1, 5);
  const std::string first = d.path + "/" + segment_name(1);
  EXPECT_EQ(fs::file_size(first), small(d.path).segment_bytes);
  leave_in_the_ring(small(d.path), 6, 9);
  EXPECT_EQ(fs::file_size(first), sizeof(SegmentHeader));
  const auto status = fs::status(d.path + "/ring");
  EXPECT_EQ(status.permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST(Journal, StoresToARingThatWasKeptWritableDoNotFault) {
  constexpr size_t kBytes = size_t{1} << 20;
  JournalDirectory d;
  RingFile file;
  std::string why;
  ASSERT_TRUE(file.make(d.path, kBytes, why)) << why;
  RecordRing ring(file.memory());
  RecordHeader header;
  const Bytes payload = bytes_of_text("an order");
  header.length = static_cast<uint32_t>(payload.size());
  long least = LONG_MAX;  // the kernel may write pages to disk in between
  for (int round = 0; round < 3; ++round) {
    ASSERT_EQ(msync(file.memory().header, kRingHeaderBytes + kBytes, MS_SYNC), 0);
    file.keep_writable();
    rusage before{}, after{};
    getrusage(RUSAGE_THREAD, &before);
    for (int i = 0; i < 4000; ++i) ASSERT_TRUE(ring.push(header, payload, 0));
    getrusage(RUSAGE_THREAD, &after);
    least = std::min(least, after.ru_minflt - before.ru_minflt);
  }
  EXPECT_LT(least, 5);
}

// Orders are refused; what lives is still recorded, up to the ring's last byte.
TEST(Journal, WhatLivesIsRecordedWhenOrdersAreRefused) {
  JournalDirectory d;
  Journal journal(small(d.path));
  std::string why;
  ASSERT_TRUE(journal.open(why)) << why;
  const auto append = [&](bool living) {
    const uint64_t n = journal.next_number();
    const std::string record = text_of_record(n);
    const Bytes text = bytes_of_text(record);
    return living ? journal.append_living(Kind::event, 3, text, static_cast<Nanos>(n))
                  : journal.append(Kind::event, 3, text, static_cast<Nanos>(n));
  };
  uint64_t orders = 0, living = 0;
  while (append(false) != 0) ++orders;
  EXPECT_TRUE(journal.stopped());
  while (append(true) != 0) {
    ++living;
    EXPECT_EQ(append(false), 0u);
  }
  EXPECT_GT(living, orders * 9 / 10);
  EXPECT_EQ(journal.lost(), 1u) << "the order that was refused did not happen";
  journal.start();
  for (int i = 0; journal.depth() != 0 && i < 10'000; ++i) usleep(1'000);
  EXPECT_EQ(journal.append_living(Kind::report, 3, bytes_of_text("late"), 1), orders + living + 2);
  EXPECT_TRUE(journal.stop());
  uint64_t lost = 0;
  const ReadResult read = read_journal(d.path, [&](const RecordHeader& h, Bytes payload) {
    if (h.kind == Kind::lost) lost += load<uint64_t>(payload.data());
  });
  EXPECT_TRUE(read.good());
  EXPECT_EQ(read.records, orders + living + 2);
  EXPECT_EQ(lost, 1u);
}

TEST(Journal, ADiskThatIsTooSlowStopsTrading) {
  JournalDirectory d;
  Journal journal(small(d.path));  // its thread is not started yet: the slowest disk of all
  std::string why;
  ASSERT_TRUE(journal.open(why)) << why;
  uint64_t n = 0;
  while (journal.append(Kind::event, 3, bytes_of_text(text_of_record(n + 1)),
                        static_cast<Nanos>(n + 1))) {
    ++n;
  }
  EXPECT_GT(n, 1'000u);
  EXPECT_TRUE(journal.stopped());
  journal.start();
  for (int i = 0; journal.durable() < n && i < 10'000; ++i) usleep(1'000);
  EXPECT_EQ(journal.append(Kind::event, 3, bytes_of_text("late"), 1), 0u) << "it is latched";
  EXPECT_EQ(journal.refused(), 2u);
  EXPECT_TRUE(journal.stop());
  EXPECT_EQ(read_true_records(d.path).records, n);
}

TEST(Journal, OrIsCountedWhereRecordsAreMissing) {
  JournalDirectory d;
  JournalConfig config = small(d.path);
  config.on_full = OnFull::count;
  Journal journal(config);
  std::string why;
  ASSERT_TRUE(journal.open(why)) << why;
  uint64_t n = 0, refused = 0;
  while (journal.append(Kind::event, 3, bytes_of_text("before"), 1)) ++n;
  for (refused = 1; refused < 10; ++refused) {
    EXPECT_EQ(journal.append(Kind::event, 3, bytes_of_text("missing"), 1), 0u);
  }
  EXPECT_FALSE(journal.stopped());
  journal.start();
  for (int i = 0; journal.durable() < n && i < 10'000; ++i) usleep(1'000);
  EXPECT_EQ(journal.append(Kind::event, 3, bytes_of_text("after"), 1), n + 2);
  EXPECT_TRUE(journal.stop());
  std::vector<std::string> lines;
  const ReadResult read = read_journal(d.path, [&](const RecordHeader& header, Bytes payload) {
    lines.push_back(to_text(header, payload));
  });
  ASSERT_TRUE(read.good());
  ASSERT_EQ(lines.size(), n + 2);
  EXPECT_NE(lines[n].find("LOST 0 10 records"), std::string::npos) << lines[n];
  EXPECT_NE(lines[n + 1].find("after"), std::string::npos);
}

// In a child with a file system of its own, of one megabyte. Exit status: 0, or a line.
int on_a_small_disk(const std::string& path) {
  if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("tmpfs", path.c_str(), "tmpfs", 0, "size=1m") != 0) {
    return 77;
  }
  put_file(path + "/filler", std::string(300'000, 'f'));
  JournalConfig config = small(path + "/journal");
  config.segment_bytes = 200'000;
  config.on_full = OnFull::count;
  Journal journal(config);
  std::string why;
  if (!journal.open(why)) return __LINE__;
  journal.start();
  uint64_t appended = 0;
  for (int i = 0; journal.disk() == DiskState::good; ++i) {
    if (i > 1'000'000) return __LINE__;
    if (journal.append(Kind::event, 3, bytes_of_text(text_of_record(appended + 1)), 1)) ++appended;
    else usleep(100);
  }
  if (journal.disk() != DiskState::full) return __LINE__;
  while (journal.append(Kind::event, 3, bytes_of_text("x"), 1)) ++appended;
  if (journal.stopped()) return __LINE__;
  fs::remove(path + "/filler");
  for (int i = 0; journal.disk() != DiskState::good; ++i) {
    if (i > 10'000) return __LINE__;
    usleep(1'000);
  }
  for (int i = 0; !journal.append(Kind::event, 3, bytes_of_text("again"), 1); ++i) {
    if (i > 10'000) return __LINE__;
    usleep(1'000);
  }
  if (!journal.stop()) return __LINE__;
  uint64_t lost = 0;
  const ReadResult read = read_journal(config.directory, [&](const RecordHeader& h, Bytes payload) {
    if (h.kind == Kind::lost) lost += load<uint64_t>(payload.data());
  });
  if (!read.good() || lost == 0 || lost != journal.refused()) return __LINE__;
  return 0;
}

TEST(Journal, AFullDiskIsSaidAndHealsWhenThereIsSpace) {
  JournalDirectory d;
  const pid_t child = fork();
  if (child == 0) _exit(on_a_small_disk(d.path) & 0xff);
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "not allowed to mount a small file system";
  EXPECT_EQ(WEXITSTATUS(status), 0) << "the line of on_a_small_disk, modulo 256";
}

TEST(JournalRing, TwoThreadsAndAllSizes) {
  RingHeader header_of_ring;
  std::vector<std::byte> memory(1 << 18);
  RecordRing ring({&header_of_ring, memory});
  constexpr uint32_t kRecords = 100'000;
  std::thread producer([&] {
    Rng rng(1);
    std::vector<std::byte> payload(kPayloadBytesMax);
    for (uint32_t n = 0; n < kRecords; ++n) {
      const size_t bytes = n % 1'000 == 0 ? kPayloadBytesMax : rng.below(300);
      std::memset(payload.data(), static_cast<int>(n), bytes);
      RecordHeader header;
      header.length = static_cast<uint32_t>(bytes);
      header.time_ns = n;
      while (!ring.push(header, Bytes{payload}.first(bytes), 0)) std::this_thread::yield();
    }
  });
  Rng rng(1);
  uint32_t bad = 0;
  for (uint32_t n = 0; n < kRecords; ++n) {
    RecordHeader header;
    Bytes payload;
    while (!ring.front(header, payload)) std::this_thread::yield();
    const size_t bytes = n % 1'000 == 0 ? kPayloadBytesMax : rng.below(300);
    bad += header.time_ns != n || payload.size() != bytes;
    bad +=
        !std::ranges::all_of(payload, [&](std::byte b) { return b == static_cast<std::byte>(n); });
    ring.take(header);
    ring.release();
  }
  producer.join();
  EXPECT_EQ(bad, 0u);
}

TEST(JournalText, OneLineARecord) {
  const auto line = [](Kind kind, Bytes payload) {
    RecordHeader header;
    header.number = 7, header.time_ns = 1'000'000'005, header.kind = kind, header.source = 2;
    return to_text(header, payload);
  };
  EXPECT_EQ(line(Kind::fix_in, bytes_of_text("8=FIX.4.2\x01"
                                             "9=5\x01")),
            "7 1.000000005 fix-in 2 8=FIX.4.2|9=5|");
  auto cancel = ouch::make<ouch::request::CancelOrder>();
  cancel.user_ref = be32::of(12), cancel.quantity = be32::of(100);
  EXPECT_EQ(line(Kind::ouch_request, bytes_of_message(cancel)),
            "7 1.000000005 ouch-request 2 type=X user_ref=12 quantity=100");
  EXPECT_EQ(line(Kind::ouch_answer, bytes_of_text("A")),
            "7 1.000000005 ouch-answer 2 unreadable 41");
}

TEST(JournalTool, DumpsAndVerifies) {
  JournalDirectory d;
  write_records(small(d.path), 1, 3);
  const std::string tool = PINION_GATEWAYCTL " journal", where = " " + d.path;
  EXPECT_EQ(
      std::system(
          (tool + " dump" + where + " 2>/dev/null | grep -q '^2 .* event 3 record 2x'").c_str()),
      0);
  EXPECT_EQ(std::system((tool + " verify" + where + " 2>/dev/null").c_str()), 0);
  std::string bytes = file_bytes(d.path + "/" + segment_name(1));
  bytes[sizeof(SegmentHeader) + sizeof(RecordHeader)] ^= 1;
  put_file(d.path + "/" + segment_name(1), bytes);
  EXPECT_EQ(WEXITSTATUS(std::system((tool + " verify" + where + " 2>/dev/null").c_str())), 1);
  EXPECT_EQ(WEXITSTATUS(std::system((tool + " verify /nowhere 2>/dev/null").c_str())), 2);
}

}  // namespace
}  // namespace pinion::journal
