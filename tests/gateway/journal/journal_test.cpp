// The journal against everything that happens to a disk and to a process: cut and damaged at every
// byte, killed at any moment, full, slow. What is read is always a true beginning of what was
// appended, and what is missing from it is said.
#include "gateway/journal/journal.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
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
      for (uint64_t n = had + 1;; ++n) {
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
  RecordRing ring(1 << 18);
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
      while (!ring.push(header, Bytes{payload}.first(bytes))) std::this_thread::yield();
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
    ring.pop(header);
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
