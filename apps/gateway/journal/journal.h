// The gateway's journal. The trading thread appends into a ring, which costs a copy and two stores
// and no system call; a thread of the journal's own checksums, writes and syncs. The ring is a file
// that outlives the process (ring.h), so a record that append() gave a number is not lost when the
// process is killed, at whichever instruction: the next open() writes what the ring still holds
// behind what the segments have, each record once. What a fall of the whole machine may take is
// what durable() has not told.
//
// Nothing is lost silently. Two kinds of records meet a ring that fills up (a slow, full or failed
// disk) differently:
//
//   append()         what may be refused: a new order. It leaves half of the ring alone. When that
//                    is touched, or the disk has failed, on_full decides: stop_trading latches
//                    stopped(), and every later one is refused until a restart; count goes on.
//   append_living()  what cannot be refused because it has happened, or must happen: fills,
//   cancels,
//                    reports, everything of orders that live. It has the whole ring, latched or
//                    not, and also on a failed disk: the pages may still outlive the process.
//
// Half of the ring is enough in practice, and not by luck: after the latch no order comes to life,
// and what the living ones still say is bounded by what they are: a cancel, its answer, some fills,
// and a report of each; at 256 bytes half of the default ring takes 32,768 of them, while the
// writer goes on as fast as the disk lets it. If even that is full, 0 is the answer, the caller
// acts all the same, and a record of Kind::lost says how many are missing, where they are missing,
// as soon as there is room.
#pragma once
#include <memory>
#include <string>
#include <thread>

#include "gateway/journal/ring.h"
#include "gateway/journal/ring_file.h"

namespace pinion::journal {

enum class Sync : uint8_t { never, every_ms, always };
enum class OnFull : uint8_t { stop_trading, count };

struct JournalConfig {
  std::string directory;
  size_t segment_bytes = size_t{256} << 20;
  Sync sync = Sync::every_ms;
  Nanos sync_every = 5 * kMilli;
  OnFull on_full = OnFull::stop_trading;
  size_t ring_bytes = size_t{16} << 20;  // a power of two
  bool operator==(const JournalConfig&) const = default;
};

// How the disk is doing. A trouble that ends (space is there again) ends.
enum class DiskState : uint32_t { good, full, failed };

// The writer, without a thread: turn() does what can be done now. Everything but disk() and
// durable() belongs to one thread.
class Writer {
 public:
  explicit Writer(const JournalConfig& config);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Locks the directory and goes on where the last good record ends; the last segment loses what a
  // crash left behind that. Only the last segment is read. False, and why, if the directory cannot
  // be written, is another process's, or is damaged: then a person must look before anything is
  // added to it.
  bool open(std::string& why);
  // Before the first turn(): the ring that a dead process left, checked. Writes and syncs what the
  // segments do not have. False: the disk would not.
  bool drain(RecordRing& left, Nanos now);
  // From where turn() takes.
  void use(RecordRing& ring) { ring_ = &ring; }

  // The number of the next record.
  uint64_t next_number() const { return next_; }
  // Takes records, writes them, syncs if it is time. True if there is more to do at once.
  bool turn(Nanos now);
  // Everything in the ring, synced, and the segment cut to its length. False: the disk would not.
  bool finish(Nanos now);

  DiskState disk() const { return static_cast<DiskState>(rio_word_load(&disk_)); }
  uint64_t durable() const { return rio_word64_load(&durable_); }  // the last number on disk

 private:
  bool lock_directory(std::string& why);
  bool cut_last_segment(uint64_t bytes);
  bool begin_segment();
  void end_segment();
  bool take_records();
  void take(RecordHeader& header, Bytes payload);
  bool flush();
  bool sync(Nanos now, bool now_or_never);
  bool trouble();
  std::string failed(const std::string& name) const;

  JournalConfig config_;
  RecordRing* ring_ = nullptr;
  int fd_ = -1, directory_fd_ = -1;
  uint64_t segment_ = 1, next_ = 1;
  size_t at_ = 0;  // where the buffer goes in the segment
  std::unique_ptr<std::byte[]> buffer_;
  size_t buffered_ = 0;
  Nanos last_sync_ = 0, retry_at_ = 0;
  bool unsynced_ = false;
  uint32_t disk_ = 0;
  uint64_t durable_ = 0;
};

class Journal {
 public:
  explicit Journal(const JournalConfig& config);
  ~Journal() { (void)stop(); }

  // Opens the directory, and writes what a dead process left in its ring. False, and why.
  bool open(std::string& why);
  // What open() found in the ring: records that were written only now, and whether there were bytes
  // that are not believed because the machine went down (ring_file.h). For the caller's log.
  struct Recovered {
    uint64_t records = 0;
    uint64_t bytes_before_reboot = 0;
  };
  const Recovered& recovered() const { return recovered_; }
  // Of the first record to be appended. What is behind it in a recovery is read with
  // read_journal().
  uint64_t next_number() const { return next_; }

  // Starts the thread.
  void start();
  // Writes everything and ends the thread. False: not everything is on disk.
  bool stop();

  // The trading thread's calls. The record's number, or 0: it was not taken. What may be refused
  // must go no further then, unless on_full is count; what lives goes on, and is counted.
  uint64_t append(Kind kind, uint16_t source, Bytes payload, Nanos now);
  uint64_t append_living(Kind kind, uint16_t source, Bytes payload, Nanos now);
  // Latched: a record was refused and on_full is stop_trading.
  bool stopped() const { return stopped_; }
  uint64_t refused() const { return refused_; }
  uint64_t lost() const { return lost_; }  // of these, what happened and is not in the journal

  // For any thread: how the disk is doing, the last number that no crash can take, and how many
  // bytes of the ring wait for the writer: what grows when the disk is slow.
  DiskState disk() const { return writer_.disk(); }
  uint64_t durable() const { return writer_.durable(); }
  size_t depth() const { return ring_.depth(); }
  // May wait for the disk; see RingFile.
  void keep_writable() const { file_.keep_writable(); }

 private:
  bool open_ring(std::string& why);
  bool drain(RingFile& left, std::string& why);
  bool push(Kind kind, uint16_t source, Bytes payload, Nanos now, size_t keep);
  uint64_t add(Kind kind, uint16_t source, Bytes payload, Nanos now, size_t keep);
  void run();

  JournalConfig config_;
  RingFile file_;
  RecordRing ring_;
  Writer writer_;
  Recovered recovered_;
  std::thread thread_;
  uint32_t ending_ = 0;
  bool finished_ = true;
  uint64_t next_ = 1, refused_ = 0, lost_ = 0;
  uint64_t unsaid_ = 0;  // lost and not yet told in a record
  bool stopped_ = false;
};

}  // namespace pinion::journal
