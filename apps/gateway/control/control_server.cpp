// See control_server.h.
#include "gateway/control/control_server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "gateway/control/requests.h"

namespace pinion::control {

namespace {

constexpr size_t kReadMax = Mailbox::kLineMax + 2;  // and its end, "\r\n"

void send_end(Connection& connection, std::string_view failure) {
  if (failure.empty()) {
    connection.send("ok\n");
    return;
  }
  connection.send("error ");
  connection.send(failure);
  connection.send("\n");
}

void send_end(Connection& connection, const Answer& answer) {
  if (answer.failure().empty() && answer.rows_left_out() != 0) {
    send_end(connection, std::to_string(answer.rows_left_out()) +
                             " lines of the answer are missing: they were too long");
    return;
  }
  send_end(connection, answer.failure());
}

// Removes a socket that nobody listens on. False: somebody does, or it is something else.
bool clear_path(const sockaddr_un& at, std::string& why) {
  struct stat st {};
  if (lstat(at.sun_path, &st) == 0 && !S_ISSOCK(st.st_mode)) {
    why = std::string(at.sun_path) + " is no socket, and is in the way: move it";
    return false;
  }
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int status = connect(probe, reinterpret_cast<const sockaddr*>(&at), sizeof at);
  const int error = status == 0 ? 0 : errno;
  ::close(probe);
  if (error == ENOENT) return true;
  if (error == ECONNREFUSED && unlink(at.sun_path) == 0) return true;
  why = std::string(at.sun_path) + ": " +
        (error == 0 || error == EAGAIN
             ? "another gateway serves this socket: end it, or give this one a state_dir of its own"
             : std::string("cannot be replaced: ") + std::strerror(error));
  return false;
}

}  // namespace

ControlServer::ControlServer(Mailbox& mailbox)
    : mailbox_(mailbox),
      memory_(new char[Mailbox::kAnswerBytes]),
      answer_({memory_.get(), Mailbox::kAnswerBytes}) {}

ControlServer::~ControlServer() {
  if (listener_ < 0) return;
  ::close(listener_);
  unlink(path_.c_str());
}

bool ControlServer::open(const std::string& path, std::string& why) {
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  if (path.size() >= sizeof at.sun_path) {
    why = path + ": a socket's path has at most " + std::to_string(sizeof at.sun_path - 1) +
          " bytes: shorten state_dir";
    return false;
  }
  std::memcpy(at.sun_path, path.c_str(), path.size() + 1);
  if (!clear_path(at, why)) return false;
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  // The mode before bind(): the file never has another one (unix(7)).
  if (fd < 0 || fchmod(fd, 0600) != 0 ||
      bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 ||
      listen(fd, kClientsMax) != 0) {
    why = path + ": cannot make the control socket: " + std::strerror(errno);
    if (fd >= 0) ::close(fd);
    return false;
  }
  listener_ = fd;
  path_ = path;
  return true;
}

void ControlServer::turn(Nanos now) {
  accept_clients(now);
  for (Client& c : clients_) {
    if (c.connection.is_open() && c.state == State::reading && !c.connection.sending())
      read_command(c, now);
  }
  take_answer(now);
  ask_for_next(now);
  for (Client& c : clients_) {
    if (c.connection.is_open()) settle(c, now);
  }
}

void ControlServer::accept_clients(Nanos now) {
  for (size_t i = 0; i < 2 * kClientsMax; ++i) {  // who floods us gets no more than that of a turn
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    welcome(fd, now);
  }
}

void ControlServer::welcome(int fd, Nanos now) {
  Connection refused;
  ucred peer{};
  socklen_t size = sizeof peer;
  const bool known = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
  if (!known || (peer.uid != geteuid() && peer.uid != 0)) {
    refused.open(fd, now);
    send_end(refused, "only root and the gateway's own user (uid " + std::to_string(geteuid()) +
                          ") may do this; this is uid " + std::to_string(peer.uid));
    refused.flush(now);
    return;
  }
  const auto free = std::find_if(clients_.begin(), clients_.end(),
                                 [](const Client& c) { return !c.connection.is_open(); });
  if (free == clients_.end()) {
    refused.open(fd, now);
    send_end(refused, std::to_string(kClientsMax) + " others are connected: try again");
    refused.flush(now);
    return;
  }
  free->connection.open(fd, now);
  free->state = State::reading;
}

void ControlServer::read_command(Client& c, Nanos now) {
  const bool there = c.connection.read(kReadMax, now);
  std::string_view line;
  size_t used = 0;
  switch (first_line(c.connection.received(), Mailbox::kLineMax, line, used)) {
    case Line::good: {
      const std::string copy(line);
      c.connection.use(used);
      return start(c, copy, now);
    }
    case Line::incomplete:
      if (!there) drop(c);
      return;
    case Line::unprintable:
      c.connection.use(used);
      return send_end(c.connection, "a command is printable ASCII");
    case Line::too_long:  // where the next one begins is anybody's guess
      send_end(c.connection, "a command has at most " + std::to_string(Mailbox::kLineMax) +
                                 " bytes and ends with a newline");
      (void)c.connection.flush(now);
      return drop(c);
  }
}

void ControlServer::start(Client& c, std::string_view line, Nanos now) {
  std::string_view arguments = line;
  const auto handler = handlers_.find(take_word(arguments));
  if (handler != handlers_.end()) {
    answer_.clear();
    const Then then = handler->second(arguments, answer_);
    c.connection.send(answer_.text());
    if (then == Then::done || !answer_.failure().empty() || answer_.rows_left_out() != 0)
      return send_end(c.connection, answer_);
  }
  c.line = line;
  c.cursor = 0;
  c.state = State::waiting;
  c.deadline = now + kAnswerWithin;
}

void ControlServer::ask_for_next(Nanos now) {
  for (size_t i = 1; i <= kClientsMax && asker_ == nullptr && !orphan_; ++i) {
    Client& c = clients_[(last_ + i) % kClientsMax];
    // A piece goes out before the next is asked for: a slow client holds up nobody's.
    if (c.state != State::waiting || c.connection.sending()) continue;
    if (!mailbox_.ask(c.line, c.cursor)) return;
    asker_ = &c;
    last_ = static_cast<size_t>(&c - clients_.data());
    c.state = State::asked;
    c.deadline = now + kAnswerWithin;
  }
}

void ControlServer::take_answer(Nanos now) {
  const Answer* answer = mailbox_.answer();
  if (answer != nullptr && asker_ != nullptr) {
    Client& c = *asker_;
    c.connection.send(answer->text());
    c.state = answer->wants_more() ? State::waiting : State::reading;
    c.cursor = answer->next();
    c.deadline = now + kAnswerWithin;
    // Rows that were too long end it: an answer with a hole is no answer.
    if (answer->rows_left_out() != 0 || !answer->failure().empty()) c.state = State::reading;
    if (c.state == State::reading) send_end(c.connection, *answer);
  }
  if (answer != nullptr) {
    mailbox_.finish();
    asker_ = nullptr;
    orphan_ = false;
  }
}

void ControlServer::end_late(Client& c, Nanos now) {
  if (c.state == State::reading) return;
  if (c.connection.sending()) c.deadline = now + kAnswerWithin;  // the client is what is slow
  if (now < c.deadline) return;
  std::string_view failure =
      "the trading thread has not answered within 1 s. Nothing was done; it is stuck, or starved "
      "of its CPU";
  if (&c == asker_) {
    orphan_ = !mailbox_.withdraw();
    if (orphan_) {
      failure =
          "the trading thread has not answered within 1 s. It has begun, and may still do what was "
          "asked: look at the status later";
    }
    asker_ = nullptr;
  }
  c.state = State::reading;
  send_end(c.connection, failure);
}

// The mailbox may be asked for it: then nobody takes the answer.
void ControlServer::drop(Client& c) {
  if (&c == asker_) {
    orphan_ = !mailbox_.withdraw();
    asker_ = nullptr;
  }
  c.connection.close();
  c.state = State::reading;
}

void ControlServer::settle(Client& c, Nanos now) {
  end_late(c, now);
  const bool there = c.connection.flush(now);
  const Nanos patience = c.connection.sending() ? kSlowAfter : kIdleAfter;
  if (!there || now - c.connection.moved() > patience) drop(c);
}

void ControlServer::watch(std::vector<pollfd>& fds) const {
  fds.push_back({listener_, POLLIN, 0});
  for (const Client& c : clients_) {
    if (!c.connection.is_open() || (c.state != State::reading && !c.connection.sending())) continue;
    fds.push_back(c.connection.interest());
  }
}

bool ControlServer::busy() const {
  // Also a second command that came with the first: nothing more will arrive for poll() to see.
  return asker_ != nullptr || orphan_ ||
         std::any_of(clients_.begin(), clients_.end(), [](const Client& c) {
           if (!c.connection.is_open() || c.connection.sending()) return false;
           return c.state == State::waiting ||
                  c.connection.received().find('\n') != std::string::npos;
         });
}

}  // namespace pinion::control
