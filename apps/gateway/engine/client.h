// One client of the gateway: its FIX session, what it must remember, and what the engine knows of
// it. Its index is its account in the risk checks, and its source in the journal.
#pragma once
#include <memory>
#include <string>

#include "gateway/config/config.h"
#include "gateway/fix/acceptor.h"
#include "gateway/fix/store_file.h"
#include "gateway/orders/report_fix.h"

namespace pinion::gateway {

class Client;

// Connections that came to nothing, as far as people are told of them.
struct Dropped {
  Nanos next = 0;  // when the next one is worth a notice
  uint64_t untold = 0;
};

class ClientSink {
 public:
  virtual ~ClientSink() = default;
  virtual fix::Answer on_client_message(Client& client, const fix::Message& message,
                                        const fix::Now& now) = 0;
  virtual void on_client_frame(const Client& client, journal::Kind direction,
                               std::string_view frame, const fix::Now& now) = 0;
  virtual void on_client_logon(Client& client) = 0;
  virtual void on_client_logout(Client& client, const fix::Now& now) = 0;
};

class Client final : public fix::Application {
 public:
  Client(const ClientConfig& config, uint16_t index, ClientSink& sink);

  // Opens the store in this directory. False, and why.
  bool open(const std::string& state_dir, std::string& why);

  // For any thread, now and then: what its store will write next.
  void keep_writable() const { file_.keep_writable(store_->end()); }

  const ClientConfig& config() const { return config_; }
  uint16_t index() const { return index_; }
  fix::Session& session() { return *session_; }
  const fix::Session& session() const { return *session_; }

  // The last report that this client was sent, connected or not.
  ReportId last_report = {};
  // The ClOrdID of the cancel reject that was its last message before this start, if it was one and
  // the journal does not know of it: such a message does not say which record caused it.
  std::string last_cancel_reject = {};
  // Its store had no room for a report. Then it gets none of the later ones either, so that the
  // reports after last_report are those that it is told after a start with a larger store. A store
  // that was emptied, by a new day or the client, ends that.
  bool store_is_full() const { return session_->store().next_out() >= full_at_; }
  void note_full_store() {
    full_at_ = session_->store().next_out();
    full_store_untold = true;
  }
  bool full_store_untold = false;  // to people
  // Since when it is away with orders that shall go then; kNever: it is not, or they are gone.
  Nanos away_since = kNever;
  Dropped dropped = {};  // that named this session in their Logons

  fix::Answer on_message(fix::Session&, const fix::Message& m, const fix::Now& now) override {
    return sink_.on_client_message(*this, m, now);
  }
  void on_logon(fix::Session&, const fix::Now&) override { sink_.on_client_logon(*this); }
  void on_logout(fix::Session&, const fix::Now& now) override {
    sink_.on_client_logout(*this, now);
  }
  void on_frame_in(fix::Session&, std::string_view frame, const fix::Now& now) override {
    sink_.on_client_frame(*this, journal::Kind::fix_in, frame, now);
  }
  void on_frame_out(fix::Session&, std::string_view frame, const fix::Now& now) override {
    sink_.on_client_frame(*this, journal::Kind::fix_out, frame, now);
  }

 private:
  uint64_t full_at_ = UINT64_MAX;  // the number that a report would have had
  ClientConfig config_;
  uint16_t index_;
  ClientSink& sink_;
  fix::StoreFile file_;
  std::unique_ptr<fix::Store> store_;
  std::unique_ptr<fix::Session> session_;
};

}  // namespace pinion::gateway
