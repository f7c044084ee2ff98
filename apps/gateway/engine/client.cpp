#include "gateway/engine/client.h"

#include <cstring>

namespace pinion::gateway {

namespace {

constexpr size_t kBytesOfAMessage = 128;  // of a day's shortest: how many the store can hold

}  // namespace

Client::Client(const ClientConfig& config, uint16_t index, ClientSink& sink)
    : config_(config), index_(index), sink_(sink) {}

bool Client::open(const std::string& state_dir, std::string& why) {
  const std::string path = state_dir + "/fix-" + config_.name + ".store";
  if (const int status = file_.open(path, config_.store_bytes); status != 0) {
    why = path + ": " +
          (status == -EWOULDBLOCK ? "another process has it: is a gateway running?"
                                  : std::strerror(-status));
    return false;
  }
  store_ =
      std::make_unique<fix::Store>(file_.memory(), config_.store_bytes / kBytesOfAMessage);
  fix::SessionConfig session;
  session.version = config_.version;
  session.sender_comp_id = config_.sender_comp_id;
  session.target_comp_id = config_.target_comp_id;
  session.heartbeat_s = config_.heartbeat_s;
  session.reset_on_logon = config_.reset_on_logon;
  if (config_.schedule.set) {
    fix::ScheduleConfig schedule;
    if (const int status = schedule.zone.load(config_.schedule.zone); status != 0) {
      why = "session " + config_.name + ": time zone " + config_.schedule.zone + ": " +
            std::strerror(-status) + " (package tzdata)";
      return false;
    }
    schedule.start_s = config_.schedule.start_s;
    schedule.end_s = config_.schedule.end_s;
    session.schedule = fix::Schedule(std::move(schedule));
  }
  session_ = std::make_unique<fix::Session>(session, *store_, *this);
  return true;
}

}  // namespace pinion::gateway
