// Counting descriptors in advance; see descriptors.h.
#include "host/descriptors.h"

#include <dirent.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>

#include "host/attach_server.h"

namespace pinion {

namespace {

constexpr uint64_t kOwn = 64;  // epolls, events, the listener, the spare one; logs and captures

uint64_t open_now() {
  DIR* dir = opendir("/proc/self/fd");
  if (dir == nullptr) return 0;
  uint64_t n = 0;
  while (readdir(dir) != nullptr) ++n;
  closedir(dir);
  return n;
}

}  // namespace

uint64_t descriptors_needed(const AttachServerConfig& config) {
  // Connection, pidfd and signal eventfd; a memfd until it is live; what is on its way out.
  constexpr uint64_t kPerSession = 3 + Sessions::kUncommittedMax + 4;
  std::vector<uint64_t> each;
  for (const SessionPolicy& p : config.policies)
    each.insert(each.end(), std::min(p.sessions_max, config.sessions.sessions_max),
                kPerSession + p.quota.cqs_max);
  std::sort(each.rbegin(), each.rend());  // the most expensive ones may come
  if (each.size() > config.sessions.sessions_max) each.resize(config.sessions.sessions_max);
  uint64_t need = kOwn + 2 * uint64_t{config.half_open_max};
  for (const uint64_t n : each) need += n;
  return need;
}

int raise_descriptor_limit(uint64_t need, std::string& why) {
  need += open_now();
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= need) return 0;
  const rlimit wanted{need, std::max<rlim_t>(need, limit.rlim_max)};
  if (setrlimit(RLIMIT_NOFILE, &wanted) == 0) return 0;
  why = "the configured sessions may need " + std::to_string(need) +
        " descriptors, and this process is allowed " + std::to_string(limit.rlim_max) +
        ": set LimitNOFILE=" + std::to_string(need) + " (or ulimit -n), or lower sessions_max";
  return -EPERM;
}

}  // namespace pinion
