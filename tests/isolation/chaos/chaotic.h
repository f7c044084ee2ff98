// The chaotic application: from a seed, one life after another in processes of their own. A life
// attaches honestly, so that it gets far, and then does whatever it can to itself, its memory, its
// descriptors and the daemon, and dies at a moment of its own choice. Used by chaos_test.cpp.
#pragma once
#include <fcntl.h>
#include <linux/falloc.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "base/rng.h"
#include "host/clock.h"
#include "isolation/application.h"

namespace pinion::testing {

class ChaoticLife {
 public:
  // Counts its acts there.
  ChaoticLife(const std::string& path, uint64_t seed, uint64_t* acts)
      : rng_(seed), acts_(acts), path_(path), client_(path) {}

  // Never returns a success: whatever happens to this process is its own business.
  void live() {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    // Every third one in its attach, or soon behind it.
    const uint64_t dies_at = rng_.next() % 3 == 0 ? rng_.next() % 150 : UINT64_MAX;
    client_.asked = [&] { place(dies_at); };
    client_.replied = [&](const rio_control&) { place(dies_at); };
    if (!attach()) _exit(1);
    find_shared_memory();
    const Nanos end = monotonic_now() + static_cast<Nanos>(rng_.next() % 40) * kMilli;
    while (monotonic_now() < end) {
      act();
      rio_count_any(acts_);
      if (rng_.next() % 3 == 0) place(dies_at);
    }
    if (rng_.next() % 2 == 0) raise(SIGKILL);
    _exit(0);
  }

 private:
  struct Range {
    std::byte* at;
    size_t bytes;
  };
  static constexpr int kSockets = 4;

  // A step of attach, send, receive or close: one of them is the last.
  void place(uint64_t dies_at) {
    if (places_++ == dies_at) raise(SIGKILL);
  }

  bool attach() {
    if (app_.session.open(client_.transport()) != 0) return false;
    if (app_.make_queues(RIO_NOTIFY_FD) != 0 || app_.connect() != 0) return false;
    for (int i = 0; i < kSockets; ++i) {
      rio::Socket& socket = sockets_[i];
      const bool stream = i % 2 == 0;
      rio_address peer;
      if (cqs_[i].create(app_.session, 64, 0, RIO_NOTIFY_FD) != 0) return false;
      if (socket.create(app_.session, stream ? RIO_TYPE_STREAM : RIO_TYPE_DATAGRAM) != 0)
        return false;
      if (rio_parse_address("10.0.0.2", 9, &peer) != 0) return false;
      (void)socket.connect(peer);
      if (socket.create_queue(16, 16, cqs_[i], cqs_[i]) != 0) return false;
      queues_.push_back(socket.queue());
    }
    return true;
  }
  // Every page that it shares with the core, whatever it is for.
  void find_shared_memory() {
    std::FILE* maps = std::fopen("/proc/self/maps", "r");
    char line[512];
    while (std::fgets(line, sizeof line, maps) != nullptr) {
      unsigned long from, to;
      if (std::strstr(line, "memfd:pinion-region") != nullptr &&
          std::sscanf(line, "%lx-%lx rw", &from, &to) == 2)
        ranges_.push_back({reinterpret_cast<std::byte*>(from), to - from});
    }
    std::fclose(maps);
    // Its wait for a core that it has itself made to look dead must not be long.
    signal(SIGSEGV, SIG_DFL), signal(SIGBUS, SIG_DFL);
  }

  void act() {
    switch (rng_.next() % 16) {
      case 0:
      case 1: return scribble(64);
      case 2:
      case 3: return post_garbage();
      case 4: return post_and_never_drain();
      case 5: return flood_doorbells();
      case 6: return corrupt_positions();
      case 7: return honest_traffic();
      case 8: return abuse_descriptors();
      case 9: return abuse_mappings();
      case 10: return cold_calls();
      case 11: return junk_to_the_door();
      case 12: return rng_.next() % 8 == 0 ? fork_a_scribbler() : scribble(8);
      case 13: return rng_.next() % 8 == 0 ? static_cast<void>(raise(SIGSTOP)) : scribble(8);
      case 14: return rng_.next() % 4 == 0 ? close_something() : post_garbage();
      case 15: return rng_.next() % 16 == 0 ? scribble_everything() : honest_traffic();
    }
  }

  uint64_t word() {  // often one that nearly makes sense
    switch (rng_.next() % 4) {
      case 0: return rng_.next() % 8;
      case 1: return uint64_t{1} << rng_.next() % 64;
      case 2: return ~uint64_t{0} - rng_.next() % 8;
      default: return rng_.next();
    }
  }
  void scribble(int words) {
    for (int i = 0; i < words; ++i) {
      const Range& r = ranges_[rng_.next() % ranges_.size()];
      const uint64_t value = word();
      std::memcpy(r.at + rng_.next() % (r.bytes / 8) * 8, &value, sizeof value);
    }
  }
  void scribble_everything() {
    for (const Range& r : ranges_)
      for (size_t at = 0; at < std::min<size_t>(r.bytes, 1u << 20); at += 8) {
        const uint64_t value = rng_.next();
        std::memcpy(r.at + at, &value, sizeof value);
      }
  }
  rio_rq* queue() { return queues_[rng_.next() % queues_.size()]; }
  void post_garbage() {
    rio_rq* rq = queue();
    for (int i = 0; i < 8; ++i) {
      rio_abi_request& slot = rq->slots[rq->position & rq->mask];
      auto* bytes = reinterpret_cast<std::byte*>(&slot) + sizeof slot.sequence;
      for (size_t k = 0; k + sizeof slot.sequence < sizeof slot; ++k)
        if (rng_.next() % 3 == 0) bytes[k] = static_cast<std::byte>(rng_.next());
      if (rng_.next() % 2 == 0) slot.opcode = static_cast<uint8_t>(rng_.next() % 5);
      rio_post_(rq, &slot);
    }
  }
  void post_and_never_drain() {
    rio_rq* rq = queue();
    const rio_slice data = app_.slice(static_cast<uint32_t>(rng_.next() % 4096), 1400);
    for (int i = 0; i < 64; ++i) {
      rq->sends_done = rq->sends, rq->receives_done = rq->receives;
      (void)(rng_.next() % 2 ? rio_send(rq, &data, 0, 1) : rio_receive(rq, &data, 0, 2));
    }
  }
  void flood_doorbells() {
    rio_rq* rq = queue();
    for (int i = 0; i < 200; ++i)
      rio_doorbell_ring(rq->session_header->doorbell_summary, rq->doorbell_words,
                        static_cast<uint32_t>(rng_.next() % (RIO_DOORBELL_WORDS * 64)));
    for (int i = 0; i < 20; ++i) rio_signal_core(app_.session.get());
  }
  void corrupt_positions() {
    rio_cq* cq = cqs_[rng_.next() % kSockets].get();
    if (rng_.next() % 8 == 0)  // otherwise it would not live for long
      rio_word_store(&cq->header->consumed, static_cast<uint32_t>(word()));
    rio_rq* rq = queue();
    rq->slots[rng_.next() & rq->mask].sequence = static_cast<uint32_t>(word());
  }
  void honest_traffic() {
    rio_result results[16];
    for (int i = 0; i < kSockets; ++i) {
      const rio_slice in = app_.slice(32768, 2048), out = app_.slice(0, 1400);
      (void)sockets_[i].receive(&in), (void)sockets_[i].send(&out);
      (void)cqs_[i].notify();
      (void)cqs_[i].dequeue(results, 16);
    }
  }
  void abuse_descriptors() {
    const std::vector<int>& kept = client_.kept;
    if (kept.empty()) return;
    const int fd = kept[rng_.next() % kept.size()];
    switch (rng_.next() % 6) {
      case 0: (void)!ftruncate(fd, static_cast<off_t>(rng_.next() % 2 * 4096)); break;
      case 1: (void)!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096); break;
      case 2: fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE); break;
      case 3: fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK); break;
      case 4: {
        const char bytes[64] = {};
        for (int i = 0; i < 100; ++i) (void)!::send(fd, bytes, 64, MSG_DONTWAIT | MSG_NOSIGNAL);
        break;
      }
      case 5: shutdown(fd, SHUT_RDWR); break;
    }
  }
  void abuse_mappings() {
    const Range& r = ranges_[rng_.next() % ranges_.size()];
    switch (rng_.next() % 5) {
      case 0: madvise(r.at, 4096, MADV_REMOVE); break;
      case 1: madvise(r.at, 4096, MADV_DONTNEED); break;
      case 2: mlock(r.at, r.bytes); break;
      case 3: {  // the same pages at another address
        const int flags = MREMAP_MAYMOVE | MREMAP_DONTUNMAP;
        if (rng_.next() % 8 == 0) mremap(r.at, r.bytes, r.bytes, flags);
        break;
      }
      case 4:
        if (rng_.next() % 16 == 0) munmap(r.at, r.bytes);
        break;
    }
  }
  void cold_calls() {
    rio::Socket socket;
    if (socket.create(app_.session, rng_.next() % 3 != 0 ? RIO_TYPE_STREAM : RIO_TYPE_DATAGRAM))
      return;
    rio_address at;
    rio_parse_address("10.0.0.1", static_cast<uint16_t>(rng_.next()), &at);
    if (socket.bind(at) == 0 && rng_.next() % 2 == 0) socket.listen(1u << 31);
    rio_parse_address("10.0.0.77", static_cast<uint16_t>(rng_.next()), &at);
    (void)socket.connect(at);
    (void)sockets_[rng_.next() % kSockets].set_option(static_cast<uint32_t>(rng_.next() % 32),
                                                      static_cast<int64_t>(rng_.next() % 1000));
    void* memory = nullptr;
    if (rng_.next() % 4 == 0 && app_.session.map_memory(1 + rng_.next() % (1u << 20), &memory) == 0)
      (void)app_.session.unmap_memory(memory);
    if (rng_.next() % 8 == 0) (void)app_.session.deregister_buffer(app_.buffer);
  }
  void junk_to_the_door() {
    RawClient stranger(path_);
    rio_control m = RawClient::attach();
    auto* bytes = reinterpret_cast<std::byte*>(&m);
    for (int i = 0; i < 4; ++i) bytes[rng_.next() % sizeof m] = static_cast<std::byte>(rng_.next());
    if (stranger.connected()) (void)stranger.send(m, {1, 2});
    // On its own connection the answer is never taken, so the next honest call gets a wrong one.
    if (rng_.next() % 8 == 0) (void)client_.send(m);
  }
  void fork_a_scribbler() {
    for (const Range& r : ranges_) madvise(r.at, r.bytes, MADV_DOFORK);
    if (fork() != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const Nanos end = monotonic_now() + 20 * kMilli;
    while (monotonic_now() < end) scribble(64), post_garbage();
    _exit(0);
  }
  void close_something() {
    sockets_[rng_.next() % kSockets].shutdown();
    if (rng_.next() % 2 == 0) close(client_.kept[rng_.next() % client_.kept.size()]);
    if (rng_.next() % 4 == 0) client_.hang_up();
  }

  Rng rng_;
  uint64_t* acts_;
  std::string path_;
  RawClient client_;
  Application app_;
  rio::CompletionQueue cqs_[kSockets];
  rio::Socket sockets_[kSockets];
  std::vector<rio_rq*> queues_;
  std::vector<Range> ranges_;
  uint64_t places_ = 0;
};

}  // namespace pinion::testing
