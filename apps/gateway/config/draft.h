// A configuration that was read but not yet checked as a whole, and where its parts stood in the
// file. A place that is not known() belongs to a value that was absent or has been reported: checks
// leave it out, so one mistake makes one message.
#pragma once
#include <string>
#include <vector>

#include "config/errors.h"
#include "config/section.h"
#include "gateway/config/config.h"

namespace pinion::gateway {

struct LinePlaces {
  config::Place line, nic;  // of the line: when all of it was accepted
};
struct OrderEntryPlaces {
  config::Place nic, heartbeat, peer_timeout, reconnect_first, reconnect_max;
};
struct ClientPlaces {
  config::Place name, nic, listen, identity, risk;
};
struct ProfilePlaces {
  config::Place open_orders, duplicate;
};
struct LoopbackUse {
  config::Place place;
  std::string address;
};
struct SectionPlace {
  std::string key;
  config::Place place;
};

// Each vector of places runs beside the one of the same name in config.
struct Draft {
  Config config;
  std::vector<SectionPlace> sections;  // the keys of the file
  config::Place stack;                 // known unless it was reported
  std::vector<config::Place> nics;     // of the addresses
  bool all_nics = false;               // none was missing or reported
  std::vector<LoopbackUse> loopbacks;  // which only the kernel's sockets have
  config::Place open_orders_max, orders_per_day_max;
  std::vector<LinePlaces> lines;
  OrderEntryPlaces order_entry;
  std::vector<ClientPlaces> clients;
  std::vector<ProfilePlaces> profiles;
  bool all_profiles = false;
  config::Place revision, kill_file, metrics;
};

// sections.cpp: the top of the file, every value on its own.
void read_sections(const config::Node& root, Draft& draft, config::Errors& errors);
void read_venues(config::Section& root, Draft& draft);   // venue_section.cpp
void read_clients(config::Section& root, Draft& draft);  // client_section.cpp
void read_risk(config::Section& root, Draft& draft);     // risk_section.cpp
// cross_check.cpp: values against each other; fills in the addresses of the NICs that are named.
void cross_check(Draft& draft, config::Errors& errors);

}  // namespace pinion::gateway
