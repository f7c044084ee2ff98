// A configuration that was read but not yet checked as a whole, and where its parts stood in the
// file. A place that is not known() belongs to a value that was absent or has been reported:
// checks leave it out, so one mistake makes one message.
#pragma once
#include <vector>

#include "config/config.h"
#include "config/errors.h"
#include "config/yaml_tree.h"

namespace pinion::config {

struct CorePlaces {
  Place name, cpu;
};
struct NicPlaces {
  Place name, device, backup;
  std::vector<Place> cores;  // one for each of Nic::cores
  bool all_cores = false;    // none was missing or reported
  std::vector<Place> addresses;  // one for each of Nic::addresses
  bool all_addresses = false;    // none was missing or reported
};
struct RoutePlaces {
  Place prefix, via, nic;
};
struct NeighbourPlaces {
  Place address, nic;
  bool nic_given = false;  // perhaps badly
};
struct TcpPlaces {
  Place initial_rto, min_rto, max_rto;
};
struct SessionPlaces {
  Place who, core;
  std::vector<Place> bind;  // one for each of Session::bind
};

// Each vector runs beside the one of the same name in config.
struct Draft {
  Config config;
  Place control_group;
  std::vector<CorePlaces> cores;
  std::vector<NicPlaces> nics;
  std::vector<RoutePlaces> routes;
  std::vector<NeighbourPlaces> neighbours;
  TcpPlaces tcp;
  std::vector<SessionPlaces> sessions;
  Errors warnings;
};

// sections.cpp: every value on its own.
void read_sections(const Node& root, Draft& draft, Errors& errors);
// cross_check.cpp: values against each other; fills in the indices and ids that follow from them.
void cross_check(Draft& draft, const Lookups& lookups, Errors& errors);

}  // namespace pinion::config
