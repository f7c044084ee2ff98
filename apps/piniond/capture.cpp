// See capture.h.
#include "piniond/capture.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>
#include <utility>

#include "piniond/pcapng.h"

namespace pinion::daemon {
namespace {

constexpr size_t kPacketsPerTurn = 256;  // of a port
constexpr int kTurnMs = 2;               // between looks at ports that have nothing
constexpr int kRetryMs = 100;            // no descriptor was free
constexpr mode_t kOnlyOwner = 0600;

}  // namespace

Capture::Capture(const config::Config& config, const std::vector<NicPorts>& ports,
                 const TscClock& clock)
    : clock_(clock), lock_memory_(config.host.lock_memory) {
  for (size_t i = 0; i < ports.size(); ++i) {
    std::vector<EthdevPort*> queues;
    for (const auto& queue : ports[i].queues) queues.push_back(queue.get());
    add(config.nics[i].name, queues);
    if (ports[i].backup) add(config.nics[i].name + " backup", {ports[i].backup.get()});
  }
}

void Capture::add(const std::string& name, const std::vector<EthdevPort*>& ports) {
  const auto interface = static_cast<uint32_t>(interfaces_.size());
  interfaces_.push_back(name);
  for (EthdevPort* port : ports) sources_.push_back({&port->tap(), interface});
}

Capture::~Capture() {
  stop();
  if (listener_ >= 0) close(listener_);
  if (stop_ >= 0) close(stop_);
}

// Nobody can connect before listen, so nobody sees it with other permissions.
bool Capture::open(const std::string& path, std::string& why) {
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  if (path.size() < sizeof at.sun_path) {
    std::memcpy(at.sun_path, path.c_str(), path.size() + 1);
    struct stat old {};
    if (lstat(path.c_str(), &old) == 0 && !S_ISSOCK(old.st_mode)) {
      why = path + ": a file that is no socket is there";
      return false;
    }
    unlink(path.c_str());
    stop_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (stop_ >= 0 && listener_ >= 0 &&
        bind(listener_, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0 &&
        chmod(path.c_str(), kOnlyOwner) == 0 && listen(listener_, 1) == 0)
      return true;
  } else {
    errno = ENAMETOOLONG;
  }
  why = path + ": " + std::strerror(errno);
  if (listener_ >= 0) close(std::exchange(listener_, -1));
  return false;
}

void Capture::start() {
  if (listener_ < 0) return;
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "capture");  // by another thread it would open a file
    run();
  });
}

void Capture::stop() {
  if (!thread_.joinable()) return;
  eventfd_write(stop_, 1);
  thread_.join();
}

bool Capture::is_stopping() const {
  pollfd entry{stop_, POLLIN, 0};
  return poll(&entry, 1, 0) != 0;
}

void Capture::run() {
  while (true) {
    pollfd entries[] = {{stop_, POLLIN, 0}, {listener_, POLLIN, 0}};
    poll(entries, 2, -1);
    if (entries[0].revents != 0) return;
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client < 0) {
      poll(entries, 1, kRetryMs);
      continue;
    }
    // Memory for a capture may not be there: the daemon does not end for that.
    try {
      serve(client);
    } catch (const std::bad_alloc&) {
      std::fputs("piniond: no memory for a capture\n", stderr);
    }
    for (const Source& source : sources_) source.tap->stop();
    close(client);
  }
}

// They are made behind the last that mlockall() has seen, and the core writes into them.
void Capture::lock_rings() {
  for (Source& source : sources_) {
    if (source.locked) continue;
    const MutableBytes ring = source.tap->ring_memory();
    source.locked = mlock(ring.data(), ring.size()) == 0;
    if (source.locked) continue;
    std::fprintf(stderr, "piniond: a capture's memory cannot be locked: %s\n", strerror(errno));
    return;
  }
}

bool Capture::begin(int client) {
  std::string out;
  put_section(out, "piniond");
  for (const std::string& name : interfaces_) put_interface(out, name);
  if (lock_memory_) lock_rings();
  for (const Source& source : sources_) source.tap->start();
  return send_all(client, out);
}

void Capture::serve(int client) {
  const Nanos begun = clock_.now();
  bool more = false, good = begin(client);
  while (good && wants_more(client, more ? 0 : kTurnMs)) {
    turn_away();
    good = pass_on(client, begun, more);
  }
  for (const Source& source : sources_) source.tap->stop();
  for (more = true; good && more;) good = pass_on(client, begun, more);
}

// Some packets of each port; more: there were any. What a port took before the capture began is
// another one's rest. False: as send_all.
bool Capture::pass_on(int client, Nanos begun, bool& more) {
  rio_abi_clock words{};
  clock_.fill(words);
  more = false;
  for (const Source& source : sources_) {
    std::string out;
    const auto put = [&](const CaptureTap::Packet& packet) {
      if (packet.time < begun) return;
      const auto time = static_cast<uint64_t>(packet.time + words.realtime_offset_ns);
      put_packet(out, source.interface, time, packet);
    };
    if (source.tap->each(kPacketsPerTurn, put) == 0) continue;
    more = true;
    if (!send_all(client, out)) return false;
  }
  return true;
}

// False: the reader is gone, or the daemon ends before it has room.
bool Capture::send_all(int client, const std::string& out) {
  for (size_t sent = 0; sent < out.size();) {
    const ssize_t n =
        send(client, out.data() + sent, out.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
      sent += static_cast<size_t>(n);
      continue;
    }
    if (errno != EAGAIN && errno != EINTR) return false;
    pollfd entries[] = {{stop_, POLLIN, 0}, {client, POLLOUT, 0}, {listener_, POLLIN, 0}};
    poll(entries, 3, -1);
    if (entries[0].revents != 0) return false;
    if (entries[2].revents != 0) turn_away();
  }
  return true;
}

// Until it ends its half. What it says is not looked at.
bool Capture::wants_more(int client, int patience_ms) {
  pollfd entry{client, POLLIN, 0};
  if (is_stopping()) return false;
  if (poll(&entry, 1, patience_ms) <= 0) return true;
  char said[256];
  const ssize_t n = recv(client, said, sizeof said, MSG_DONTWAIT);
  return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

void Capture::turn_away() const {
  const int other = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (other >= 0) close(other);
  else if (errno != EAGAIN) poll(nullptr, 0, kRetryMs);  // no descriptor: it stays in front
}

}  // namespace pinion::daemon
