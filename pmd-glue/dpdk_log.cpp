// A stream over fopencookie: EAL and PMDs write into it from any of their threads.
#include "pmd-glue/dpdk_log.h"

#include <rte_log.h>
#include <sys/types.h>

#include <cstdio>
#include <mutex>

namespace pinion {
namespace {

constexpr size_t kKeptBytesMax = 2048;

// Lives as long as the process: EAL's threads may log at any time and hold the stream meanwhile.
struct Sink {
  std::mutex lock;
  std::string kept;
  bool keeping = false;
};

Sink& sink() {
  static Sink* only = new Sink;
  return *only;
}

ssize_t sink_write(void*, const char* text, size_t length) {
  Sink& s = sink();
  const std::lock_guard guard(s.lock);
  std::fwrite(text, 1, length, stderr);
  if (s.keeping && s.kept.size() < kKeptBytesMax) s.kept.append(text, length);
  return static_cast<ssize_t>(length);
}

void install() {
  static const bool done = [] {
    FILE* stream = fopencookie(nullptr, "w", {nullptr, sink_write, nullptr, nullptr});
    if (stream == nullptr) return rte_openlog_stream(stderr) == 0;
    setvbuf(stream, nullptr, _IOLBF, BUFSIZ);
    return rte_openlog_stream(stream) == 0;
  }();
  (void)done;  // without it DPDK keeps its own stream: nothing to be done about
}

}  // namespace

LogCapture::LogCapture() {
  install();
  const std::lock_guard guard(sink().lock);
  sink().kept.clear();
  sink().keeping = true;
}

LogCapture::~LogCapture() {
  const std::lock_guard guard(sink().lock);
  sink().keeping = false;
}

std::string LogCapture::quote() const {
  const std::lock_guard guard(sink().lock);
  std::string text;
  for (const char c : sink().kept) {
    if (c == '\n') text += "; ";
    else text += c;
  }
  while (!text.empty() && (text.back() == ' ' || text.back() == ';')) text.pop_back();
  return text.empty() ? text : ": " + text;
}

}  // namespace pinion
