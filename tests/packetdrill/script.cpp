// See script.h.
#include "packetdrill/script.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>

namespace pinion::packetdrill {

namespace {

constexpr Nanos kQuiet = 3600 * kSecond;  // a timer beyond it is nothing to wait for
constexpr auto kPatience = std::chrono::milliseconds(30);  // real time
constexpr auto kReadsTheClock = std::chrono::seconds(2);   // real time

}  // namespace

Script::Script(const Settings& settings)
    : main_(std::this_thread::get_id()),
      main_tid_(syscall(SYS_gettid)),
      world_(settings),
      sockets_(world_, settings.profile) {}

std::unique_lock<std::mutex> Script::enter() {
  std::unique_lock lock(mutex_);
  if (on_main_thread()) ++entries_;
  return lock;
}

int64_t Script::as_posix(int64_t result) {
  if (result >= 0) return result;
  errno = result == kWouldBlock ? EAGAIN : static_cast<int>(-result);
  return -1;
}

// What a caller waits for may have come with this step. It gets its result, and must read the clock
// before time goes on: that is when its call has ended.
void Script::serve_waiters(std::unique_lock<std::mutex>& lock) {
  for (Waiter& w : waiters_) {
    if (w.done) continue;
    w.result = (*w.attempt)();
    if (w.result == kWouldBlock) continue;
    w.done = true;
    changed_.notify_all();
    changed_.wait_for(lock, kReadsTheClock, [&w] { return w.read; });
  }
  std::erase_if(waiters_, [](const Waiter& w) { return w.read; });
}

// False: nothing is going to happen until `limit`.
bool Script::step(std::unique_lock<std::mutex>& lock, Nanos limit) {
  const bool due = world_.next_timer() <= limit;
  world_.step(limit);
  serve_waiters(lock);
  return due;
}

void Script::advance(std::unique_lock<std::mutex>& lock, Nanos to) {
  while (world_.now() < to) step(lock, to);
}

int64_t Script::wait_for(int fd, int flags, const Attempt& attempt, int error_at_once) {
  std::unique_lock lock = enter();
  const int64_t result = attempt();
  if (result != kWouldBlock) return as_posix(result);
  if (!sockets_.may_wait(fd, flags)) return as_posix(-error_at_once);
  if (on_main_thread()) return as_posix(wait_here(lock, attempt, world_.now() + kQuiet));
  return as_posix(wait_asleep(lock, attempt));
}

// Nobody else moves the clock.
int64_t Script::wait_here(std::unique_lock<std::mutex>& lock, const Attempt& attempt,
                          Nanos until) {
  while (world_.now() < until) {
    const bool due = step(lock, until);
    const int64_t result = attempt();
    if (result != kWouldBlock || !due) return result;
  }
  return kWouldBlock;
}

bool Script::main_thread_sleeps() const {
  char path[64], text[256] = {};
  std::snprintf(path, sizeof path, "/proc/self/task/%ld/stat", main_tid_);
  std::FILE* file = std::fopen(path, "r");
  if (file == nullptr) return false;
  const size_t n = std::fread(text, 1, sizeof text - 1, file);
  std::fclose(file);
  const char* name_end = n == 0 ? nullptr : std::strrchr(text, ')');
  return name_end != nullptr && name_end[1] == ' ' && name_end[2] == 'S';
}

// The main thread looks whether this one sleeps before it goes on. If it waits for this very call
// itself, it sleeps too, and the clock stands: then this thread moves it.
int64_t Script::wait_asleep(std::unique_lock<std::mutex>& lock, const Attempt& attempt) {
  waiters_.push_back({.attempt = &attempt, .thread = std::this_thread::get_id()});
  Waiter& w = waiters_.back();
  uint64_t entries = entries_;
  while (!w.done) {
    if (changed_.wait_for(lock, kPatience, [&w] { return w.done; })) break;
    const bool stands = entries == entries_ && main_thread_sleeps();
    entries = entries_;
    if (!stands || world_.next_timer() > world_.now() + kQuiet) continue;
    world_.step(world_.now() + kQuiet);
    w.result = attempt();
    if (w.result == kWouldBlock) continue;
    w.done = true;
  }
  return w.result;
}

int Script::connect(int fd, const sockaddr* address, socklen_t length) {
  bool begun = false;
  return static_cast<int>(wait_for(
      fd, 0,
      [&] {
        if (std::exchange(begun, true)) return sockets_.connected(fd);
        return sockets_.connect(fd, address, length);
      },
      EINPROGRESS));
}

int Script::accept(int fd, sockaddr* address, socklen_t* length) {
  const Attempt attempt = [&] { return sockets_.accept(fd, address, length); };
  return static_cast<int>(wait_for(fd, 0, attempt, EAGAIN));
}

int64_t Script::receive(int fd, size_t length, int flags, std::string& out) {
  const Attempt attempt = [&] { return sockets_.receive(fd, length, flags, out); };
  return wait_for(fd, flags, attempt, EAGAIN);
}

int64_t Script::send(int fd, Bytes data, int flags) {
  return wait_for(fd, flags, [&] { return sockets_.send(fd, data, flags); }, EAGAIN);
}

int Script::poll(pollfd* fds, nfds_t count, int timeout_ms) {
  std::unique_lock lock = enter();
  const Attempt attempt = [&]() -> int64_t {
    int64_t ready = 0;
    for (pollfd& p : std::span(fds, count)) {
      const int always = POLLERR | POLLHUP | POLLNVAL;
      p.revents = static_cast<short>(sockets_.events(p.fd) & (p.events | always));
      ready += p.revents != 0;
    }
    return ready == 0 ? kWouldBlock : ready;
  };
  int64_t ready = attempt();
  const Nanos until = timeout_ms < 0 ? world_.now() + kQuiet : world_.now() + timeout_ms * kMilli;
  if (ready == kWouldBlock && timeout_ms != 0) {
    if (!on_main_thread()) ready = wait_asleep(lock, attempt);
    while (ready == kWouldBlock && world_.now() < until) {
      step(lock, until);
      ready = attempt();
    }
  }
  return ready == kWouldBlock ? 0 : static_cast<int>(ready);
}

int Script::netdev_send(Bytes packet) {
  std::unique_lock lock = enter();
  if (!world_.arrives(packet)) return -1;
  serve_waiters(lock);
  return 0;
}

int Script::netdev_receive(void* to, size_t* length, long long* time_us) {
  std::unique_lock lock = enter();
  while (!world_.has_left() && world_.next_timer() <= world_.now() + kQuiet)
    step(lock, world_.now() + kQuiet);
  const auto left = world_.take_left();
  *time_us = world_.now() / kMicro;
  if (!left) {  // an empty packet fails the script at once
    std::fprintf(stderr, "pinion: nothing leaves, and no timer runs\n");
    *length = 0;
    return 0;
  }
  *time_us = left->time / kMicro;
  *length = std::min(*length, left->packet.size());
  std::memcpy(to, left->packet.data(), *length);
  return 0;
}

void Script::sleep(Nanos duration) {
  std::unique_lock lock = enter();
  advance(lock, world_.now() + duration);
}

// Who waits for an event spins on the clock, so a look at it takes a microsecond; but not for the
// thread of a call that has waited, which reads when that call has ended.
Nanos Script::clock() {
  std::unique_lock lock = enter();
  for (Waiter& w : waiters_) {
    if (!w.done || w.read || w.thread != std::this_thread::get_id()) continue;
    w.read = true;
    changed_.notify_all();
    return world_.now();
  }
  advance(lock, world_.now() + kMicro);
  return world_.now();
}

}  // namespace pinion::packetdrill
