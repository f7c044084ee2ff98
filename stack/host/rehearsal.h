// Rehearsal: what a core does while nothing happens, so that the first request after a silence does
// not find its way cold. Silence costs: a core that polls for a second uses a small part of its
// code, and what else runs on its processor (ticks of the system, the host of a virtual machine)
// takes the caches and the branch predictors from the rest.
//
// A stack of its own, with an application and a port that leads back to it, sends itself a datagram
// and a segment each kEvery of silence. It shares nothing with the real one but the code, so
// nothing of it is seen or counted anywhere; and it goes in steps of one pass, so that a request
// that comes meanwhile waits for less than a microsecond.
#pragma once
#include <rio/rio.h>

#include <memory>
#include <string>

#include "host/embedded.h"
#include "host/mirror_port.h"
#include "kernel/kernel.h"

namespace pinion {

class Rehearsal {
 public:
  static constexpr Nanos kEvery = 50 * kMicro;

  // Null, and why. `real` is the core's Kernel, `clock` its clock.
  static std::unique_ptr<Rehearsal> create(Kernel& real, const Clock& clock, std::string& why);
  ~Rehearsal();
  Rehearsal(const Rehearsal&) = delete;
  Rehearsal& operator=(const Rehearsal&) = delete;

  // After each pass of the core, on its thread.
  void after_pass(Nanos now) {
    if (real_.busy()) next_ = now + kEvery;
    else if (now >= next_ && !gave_up_) step(now);
  }
  // From any thread: there and back by both protocols.
  uint64_t rounds() const { return rio_word64_load(&rounds_); }

 private:
  struct Way {  // of one protocol
    rio_rq* rq = nullptr;
    rio_slice out{}, in{};
  };

  Rehearsal(Kernel& real, const Clock& clock);
  int open();
  int open_way(Way& way, uint32_t type, rio_buffer_id buffer, uint32_t offset);
  void step(Nanos now);
  bool post();
  bool take();

  Kernel& real_;
  EmbeddedHost host_;
  MirrorPort port_;
  Kernel kernel_;
  rio_session* session_ = nullptr;
  rio_cq* cq_ = nullptr;
  Way datagrams_, stream_;
  uint32_t awaited_ = 0;  // completions of this round
  Nanos next_ = 0;
  bool gave_up_ = false;
  uint64_t rounds_ = 0;
};

}  // namespace pinion
