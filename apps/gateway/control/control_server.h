// The gateway's control socket, served by the housekeeping thread: gatewayctl, or anybody who can
// write a line (socat) and is the gateway's own user or root.
//
//   client:   one command a line: printable ASCII, at most Mailbox::kLineMax bytes
//   gateway:  the answer's lines, each beginning with '{' (answer.h), and then one of
//             ok
//             error <sentence>
//
// A command runs in two places, in this order: in a handler of its first word, on this thread, if
// there is one (a file to read, latencies to add up); then, unless that was all, in the trading
// thread, through the mailbox. Clients are few, and take turns at it, a piece of an answer each.
#pragma once
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gateway/control/connection.h"
#include "gateway/control/mailbox.h"

namespace pinion::control {

class ControlServer {
 public:
  static constexpr size_t kClientsMax = 8;
  static constexpr Nanos kAnswerWithin = kSecond;    // the trading thread, each piece
  static constexpr Nanos kSlowAfter = 5 * kSecond;   // a client that does not take its answer
  static constexpr Nanos kIdleAfter = 60 * kSecond;  // and one that does not ask

  // `arguments` is what stands behind the word.
  enum class Then { done, trading_thread };
  using Handler = std::function<Then(std::string_view arguments, Answer& out)>;

  explicit ControlServer(Mailbox& mailbox);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  void on(const std::string& word, Handler handler) { handlers_[word] = std::move(handler); }
  // Makes the socket, for this user and root alone. What a gateway that was killed has left there
  // is replaced; a gateway that lives is not. False, and why.
  bool open(const std::string& path, std::string& why);

  // Everything that can be done now; never waits.
  void turn(Nanos now);
  // What to poll() for before the next turn. While busy(), for a millisecond at most: the trading
  // thread does not wake anybody.
  void watch(std::vector<pollfd>& fds) const;
  bool busy() const;

 private:
  enum class State { reading, waiting, asked };
  struct Client {
    Connection connection;
    State state = State::reading;
    std::string line;
    uint64_t cursor = 0;
    Nanos deadline = 0;
  };

  void accept_clients(Nanos now);
  void welcome(int fd, Nanos now);
  void read_command(Client& c, Nanos now);
  void start(Client& c, std::string_view line, Nanos now);
  void ask_for_next(Nanos now);
  void take_answer(Nanos now);
  void end_late(Client& c, Nanos now);
  void drop(Client& c);
  void settle(Client& c, Nanos now);

  Mailbox& mailbox_;
  std::map<std::string, Handler, std::less<>> handlers_;
  std::string path_;
  int listener_ = -1;
  std::array<Client, kClientsMax> clients_;
  size_t last_ = 0;          // who was served last: the next one after it comes next
  Client* asker_ = nullptr;  // for whom the mailbox is asked
  bool orphan_ = false;      // what it was asked is nobody's any more
  std::unique_ptr<char[]> memory_;
  Answer answer_;  // of handlers
};

}  // namespace pinion::control
