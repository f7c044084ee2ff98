// The server's side of one SoupBinTCP 3.00 connection, without a socket: it serves the sequenced
// stream out of a MessageStore from wherever the login asks for. Used by the exchange simulator
// and by tests of the client.
#pragma once
#include "gateway/soupbintcp/soupbintcp.h"
#include "gateway/wire/message_store.h"

namespace pinion::soupbintcp {

struct ServerConfig {
  Alpha<10> session = Alpha<10>::of("");
  Nanos heartbeat = kSecond;
  Nanos peer_timeout = 15 * kSecond;
  Nanos login_timeout = 30 * kSecond;
};

inline constexpr char kNotAuthorised = 'A', kSessionNotAvailable = 'S', kAuthorised = '\0';

class ServerConnection {
 public:
  ServerConnection(const ServerConfig& config, const MessageStore& store, Nanos now)
      : config_(config), store_(&store), opened_(now), last_heard_(now), last_sent_(now) {}

  // The stream to serve, where the login decides which: called from authorise.
  void serve(const MessageStore& store) { store_ = &store; }

  bool active() const { return state_ == State::active; }
  bool wants_close() const { return state_ == State::closed; }
  // True if there are sequenced messages that output() has not written yet.
  bool behind() const { return active() && next_ < store_->next(); }

  // As Client::input. authorise(login) says kAuthorised or the reason for the refusal;
  // on_message(bytes) gets each unsequenced message.
  template <class Authorise, class OnMessage>
  size_t input(Bytes stream, Nanos now, Authorise&& authorise, OnMessage&& on_message) {
    size_t total = 0, used = 0;
    Bytes packet;
    if (!stream.empty()) last_heard_ = now;
    while (state_ == State::login || state_ == State::active) {
      const Framing framing = next_packet(stream.subspan(total), packet, used);
      if (framing == Framing::incomplete) break;
      if (framing == Framing::malformed) {
        state_ = State::closed;
        break;
      }
      total += used;
      const Read what = read(packet, [&](const auto& p, Bytes rest) {
        using Packet = std::decay_t<decltype(p)>;
        if constexpr (std::is_same_v<Packet, LoginRequest>) {
          on_login(p, authorise(p));
        } else if constexpr (std::is_same_v<Packet, UnsequencedData>) {
          if (active()) on_message(rest);
          else state_ = State::closed;
        } else {
          on_other(Packet::kType);
        }
      });
      if (what != Read::ok) state_ = State::closed;
    }
    return total;
  }

  void poll(Nanos now);
  // Writes what is to be sent, as many packets as have room. 0: nothing.
  size_t output(MutableBytes out, Nanos now);
  // No more messages will be stored: End of Session follows the last one.
  void end_session() { ending_ = true; }

 private:
  enum class State : uint8_t { login, accepting, rejecting, active, closed };
  void on_login(const LoginRequest& login, char refusal);
  void on_other(char type);
  size_t output_answer(MutableBytes out);

  ServerConfig config_;
  const MessageStore* store_;
  State state_ = State::login;
  bool ending_ = false;
  char refusal_ = kAuthorised;
  uint64_t next_ = 0;
  Nanos opened_, last_heard_, last_sent_;
};

}  // namespace pinion::soupbintcp
