// The status page of a daemon (rio/status.h), as pinionctl reads it.
#pragma once
#include <rio/status.h>

#include <memory>
#include <string>

namespace pinion::ctl {

inline constexpr double kSilent_s = 2;  // the page is written several times a second

// A consistent copy of the page; null, and a sentence on stderr.
std::unique_ptr<rio_status_page> read_page(const std::string& path);
bool is_alive(const rio_status_page& page);
double age_s(const rio_status_page& page);

}  // namespace pinion::ctl
