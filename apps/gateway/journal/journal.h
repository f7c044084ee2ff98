// The gateway's journal. The trading thread appends into a ring, which costs a copy and no system
// call; a thread of the journal's own checksums, writes and syncs. After a crash the directory is
// read (reader.h) and a new segment begun: what was appended is there, but for what was never
// durable.
//
// Nothing is lost silently. If the ring has no room (a slow or full disk), on_full decides:
// stop_trading latches stopped(), and the gateway refuses orders until it is restarted; count goes
// on, and writes how many records are missing, where they are missing, as soon as there is room.
#pragma once
#include <memory>
#include <string>
#include <thread>

#include "gateway/journal/ring.h"

namespace pinion::journal {

enum class Sync : uint8_t { never, every_ms, always };
enum class OnFull : uint8_t { stop_trading, count };

struct JournalConfig {
  std::string directory;
  size_t segment_bytes = size_t{256} << 20;
  Sync sync = Sync::every_ms;
  Nanos sync_every = 5 * kMilli;
  OnFull on_full = OnFull::stop_trading;
  size_t ring_bytes = size_t{16} << 20;
  bool operator==(const JournalConfig&) const = default;
};

// How the disk is doing. A trouble that ends (space is there again) ends.
enum class DiskState : uint32_t { good, full, failed };

// The writer, without a thread: turn() does what can be done now. Everything but disk() and
// durable() belongs to one thread.
class Writer {
 public:
  Writer(const JournalConfig& config, RecordRing& ring);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Goes on where the last good record ends. False, and why, if the directory cannot be written
  // or is damaged: then a person must look before anything is added to it.
  bool open(std::string& why);
  // The number of the first record to be appended.
  uint64_t first_number() const { return next_; }
  // Takes records, writes them, syncs if it is time. True if there is more to do at once.
  bool turn(Nanos now);
  // Everything in the ring, synced, and the segment cut to its length. False: the disk would not.
  bool finish(Nanos now);

  DiskState disk() const { return static_cast<DiskState>(rio_word_load(&disk_)); }
  uint64_t durable() const { return rio_word64_load(&durable_); }  // the last number on disk

 private:
  bool begin_segment();
  void end_segment();
  bool take_records();
  bool flush();
  bool sync(Nanos now, bool now_or_never);
  bool trouble();

  JournalConfig config_;
  RecordRing& ring_;
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

  // Opens the directory. False, and why.
  bool open(std::string& why);
  // Starts the thread.
  void start();
  // Writes everything and ends the thread. False: not everything is on disk.
  bool stop();

  // The trading thread's call. The record's number, or 0: it was not taken (see on_full), and the
  // caller must not let the message that it stands for go further.
  uint64_t append(Kind kind, uint16_t source, Bytes payload, Nanos now);
  // Latched: records were refused and on_full is stop_trading.
  bool stopped() const { return stopped_; }
  uint64_t refused() const { return refused_; }
  DiskState disk() const { return writer_.disk(); }
  uint64_t durable() const { return writer_.durable(); }

 private:
  bool push(Kind kind, uint16_t source, Bytes payload, Nanos now);
  void run();

  JournalConfig config_;
  RecordRing ring_;
  Writer writer_;
  std::thread thread_;
  uint32_t ending_ = 0;
  bool finished_ = true;
  uint64_t next_ = 1, refused_ = 0, unsaid_ = 0;  // unsaid: refused and not yet told in a record
  bool stopped_ = false;
};

}  // namespace pinion::journal
