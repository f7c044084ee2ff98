// A trading client on QuickFIX's library, FIX 4.2: logs on, sends orders with the ids first..last,
// prints each one that comes back, and ends when all of first_wanted..last are there (with a
// Logout), or, as if it had been killed, when `die_after` are there and all are sent.
//
//   quickfix_client HOST PORT STORE_DIRECTORY first last first_wanted die_after
//                   [SENDER TARGET [DICTIONARY]]
//
// With a data dictionary every message of ours is checked by QuickFIX, which rejects what is wrong.
#include <quickfix/Application.h>
#include <quickfix/FileStore.h>
#include <quickfix/Message.h>
#include <quickfix/Session.h>
#include <quickfix/SessionSettings.h>
#include <quickfix/SocketInitiator.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <set>
#include <sstream>
#include <string>

namespace {

struct Plan {
  int first, last, first_wanted, die_after;
};

struct Peers {
  std::string sender = "TW", target = "ISLD", dictionary;
};

class Client : public FIX::Application {
 public:
  explicit Client(const Plan& plan) : plan_(plan) {}

  void onCreate(const FIX::SessionID&) override {}
  void onLogon(const FIX::SessionID& id) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    session_ = id;
    on_ = true;
    changed_.notify_all();
  }
  void onLogout(const FIX::SessionID&) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    on_ = false;
    changed_.notify_all();
  }
  void toAdmin(FIX::Message& message, const FIX::SessionID&) override {
    if (message.getHeader().getField(35) != "3") return;
    std::printf("rejected: %s\n", message.toString().c_str());
    std::fflush(stdout);
  }
  void toApp(FIX::Message&, const FIX::SessionID&) throw(FIX::DoNotSend) override {}
  void fromAdmin(const FIX::Message&,
                 const FIX::SessionID&) throw(FIX::FieldNotFound, FIX::IncorrectDataFormat,
                                              FIX::IncorrectTagValue, FIX::RejectLogon) override {}
  void fromApp(const FIX::Message& message,
               const FIX::SessionID&) throw(FIX::FieldNotFound, FIX::IncorrectDataFormat,
                                            FIX::IncorrectTagValue,
                                            FIX::UnsupportedMessageType) override {
    const bool again = message.getHeader().isSetField(43);
    const std::string id = message.getField(11);
    std::printf("got %s%s\n", id.c_str(), again ? " again" : "");
    std::fflush(stdout);
    std::unique_lock<std::mutex> lock(mutex_);
    got_.insert(std::atoi(id.c_str()));
    if (plan_.die_after > 0 && static_cast<int>(got_.size()) == plan_.die_after) {
      changed_.wait(lock, [this] { return sent_; });
      _exit(0);
    }
    changed_.notify_all();
  }

  bool wait_until_on() {
    return wait([this] { return on_; });
  }
  bool wait_until_all() {
    return wait([this] {
      for (int i = plan_.first_wanted; i <= plan_.last; ++i)
        if (got_.count(i) == 0) return false;
      return true;
    });
  }
  bool wait_until_off() {
    return wait([this] { return !on_; });
  }
  void send_all() {
    for (int i = plan_.first; i <= plan_.last; ++i) {
      FIX::Message order;
      order.getHeader().setField(35, "D");
      order.setField(11, std::to_string(i));
      order.setField(21, "1");
      order.setField(38, "100");
      order.setField(40, "2");
      order.setField(44, "12.50");
      order.setField(54, "1");
      order.setField(55, "AAPL");
      order.setField(FIX::TransactTime());
      FIX::Session::sendToTarget(order, session_);
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    sent_ = true;
    changed_.notify_all();
  }

 private:
  template <class Condition>
  bool wait(Condition condition) {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), condition);
  }

  const Plan plan_;
  FIX::SessionID session_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<int> got_;
  bool on_ = false, sent_ = false;
};

int run(const std::string& host, const std::string& port, const std::string& store,
        const Plan& plan, const Peers& peers) {
  const std::string dictionary =
      peers.dictionary.empty() ? "N" : "Y\nDataDictionary=" + peers.dictionary;
  std::istringstream text(
      "[DEFAULT]\nConnectionType=initiator\nSocketConnectHost=" + host +
      "\nSocketConnectPort=" + port +
      "\nHeartBtInt=30\nReconnectInterval=1\nStartTime=00:00:00\nEndTime=00:00:00\n"
      "UseDataDictionary=" +
      dictionary + "\nFileStorePath=" + store +
      "\n[SESSION]\nBeginString=FIX.4.2\nSenderCompID=" + peers.sender +
      "\nTargetCompID=" + peers.target + "\n");
  FIX::SessionSettings settings(text);
  FIX::FileStoreFactory stores(settings);
  Client client(plan);
  FIX::SocketInitiator initiator(client, stores, settings);
  initiator.start();
  const bool on = client.wait_until_on();
  if (on) client.send_all();
  const bool all = on && client.wait_until_all();
  initiator.stop();  // logs out
  std::puts(!on ? "no logon" : all ? "all came back" : "not all came back");
  return all && client.wait_until_off() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 8 || argc == 9 || argc > 11) return 2;
  const Plan plan{std::atoi(argv[4]), std::atoi(argv[5]), std::atoi(argv[6]), std::atoi(argv[7])};
  try {
    Peers peers;
    if (argc > 9) peers.sender = argv[8], peers.target = argv[9];
    if (argc > 10) peers.dictionary = argv[10];
    return run(argv[1], argv[2], argv[3], plan, peers);
  } catch (const std::exception& e) {
    std::printf("%s\n", e.what());
    return 1;
  }
}
