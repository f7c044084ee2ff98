// See hugepages.h.
#include "pmd-glue/hugepages.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string_view>

namespace pinion {

namespace fs = std::filesystem;

uint64_t free_hugepages_mb(const std::string& folder) {
  constexpr std::string_view kPrefix = "hugepages-";  // hugepages-2048kB
  uint64_t kilobytes = 0;
  std::error_code none;
  for (fs::directory_iterator it(folder, none), end; !none && it != end; it.increment(none)) {
    const std::string name = it->path().filename();
    if (!name.starts_with(kPrefix)) continue;
    uint64_t pages = 0;
    std::ifstream(it->path() / "free_hugepages") >> pages;
    kilobytes += pages * std::strtoull(name.c_str() + kPrefix.size(), nullptr, 10);
  }
  return kilobytes >> 10;
}

}  // namespace pinion
