// What an application gets of the machine: its own regions and no one else's, no DPDK, no
// privilege; and registered memory that both sides see at addresses of their own.
#include <fcntl.h>
#include <sys/mman.h>

#include <cinttypes>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "isolation/application.h"
#include "isolation/daemon.h"

namespace pinion::testing {
namespace {

struct Mapping {
  uintptr_t begin = 0, end = 0;
  bool shared = false;
  uint64_t inode = 0;
  std::string path;
};

std::vector<Mapping> mappings_of(pid_t pid) {
  std::vector<Mapping> all;
  std::FILE* maps = std::fopen(("/proc/" + std::to_string(pid) + "/maps").c_str(), "r");
  if (maps == nullptr) return all;
  char line[1024];
  while (std::fgets(line, sizeof line, maps) != nullptr) {
    Mapping m;
    char modes[5] = {};
    int path = 0;
    if (std::sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %*s %*s %" SCNu64 " %n", &m.begin, &m.end,
                    modes, &m.inode, &path) != 4)
      continue;
    m.shared = modes[3] == 's';
    m.path = std::string(line + path, std::strcspn(line + path, "\n"));
    all.push_back(m);
  }
  std::fclose(maps);
  return all;
}

std::set<uint64_t> regions_of(const std::vector<Mapping>& mappings) {
  std::set<uint64_t> inodes;
  for (const Mapping& m : mappings)
    if (m.path.find("memfd:pinion-region") != std::string::npos) inodes.insert(m.inode);
  return inodes;
}

// The value of a line of /proc/<pid>/status.
std::string status_line(pid_t pid, const std::string& name) {
  std::FILE* status = std::fopen(("/proc/" + std::to_string(pid) + "/status").c_str(), "r");
  if (status == nullptr) return "";
  char line[256];
  std::string value;
  while (std::fgets(line, sizeof line, status) != nullptr)
    if (std::strncmp(line, (name + ":\t").c_str(), name.size() + 2) == 0)
      value = line + name.size() + 2;
  std::fclose(status);
  return value;
}

std::string output_of(const std::string& command) {
  std::string all;
  std::FILE* pipe = popen(command.c_str(), "r");
  char part[256];
  while (std::fgets(part, sizeof part, pipe) != nullptr) all += part;
  EXPECT_EQ(pclose(pipe), 0) << command;
  return all;
}

class Memory : public DaemonTest {
 protected:
  // What a process maps together with others must be regions; which, is looked at below.
  static void expect_only_regions_shared(const std::vector<Mapping>& mappings) {
    for (const Mapping& m : mappings) {
      if (!m.shared) continue;
      EXPECT_NE(m.path.find("memfd:pinion-region"), std::string::npos) << m.path;
    }
  }
};

TEST_F(Memory, ApplicationsMapTheirOwnRegionsOnly) {
  start();
  const auto body = [&] {
    Application app;
    int status = app.attach(path_);
    if (status == 0) status = app.connect();
    if (status == 0) status = app.echo(1);
    if (status != 0) return status;
    Process::ready();
    pause();
    return 0;
  };
  Process one(body);
  ASSERT_TRUE(one.wait_ready());
  Process two(body);
  ASSERT_TRUE(two.wait_ready());

  std::map<uint64_t, int> holders;  // of a region, among the applications
  for (const Process* app : {&one, &two}) {
    const auto mappings = mappings_of(app->pid());
    expect_only_regions_shared(mappings);
    const auto regions = regions_of(mappings);
    EXPECT_GE(regions.size(), 3u);  // the session's header, its rings, the memory asked for
    for (const uint64_t inode : regions) ++holders[inode];
  }
  const auto ours = regions_of(mappings_of(getpid()));
  EXPECT_EQ(holders.size(), ours.size());
  for (const auto& [inode, count] : holders) {
    EXPECT_EQ(count, 1) << "two applications map the same region";
    EXPECT_TRUE(ours.count(inode)) << "a region that the daemon does not have";
  }
  one.kill(), two.kill();
}

// A program of its own: nothing in it was inherited from the daemon.
TEST_F(Memory, ASampleRunsWithoutPrivilegeAndWithoutDpdk) {
  start();
  const int binary = open(PINION_ECHO, O_RDONLY | O_CLOEXEC);
  ASSERT_GE(binary, 0) << PINION_ECHO;
  Process echo([&] {
    const std::string socket = "--socket=" + path_;
    const char* arguments[] = {"echo", socket.c_str(), "--block", nullptr};
    const int null = open("/dev/null", O_WRONLY);
    dup2(null, STDOUT_FILENO);
    fexecve(binary, const_cast<char* const*>(arguments), environ);
    return 99;
  });
  // Attached, and its regions are live: header, rings, receive buffers.
  ASSERT_GE(ms_until([&] { return regions_of(mappings_of(getpid())).size() >= 3; }), 0);
  const auto mappings = mappings_of(echo.pid());
  expect_only_regions_shared(mappings);
  EXPECT_FALSE(regions_of(mappings).empty());
  for (const Mapping& m : mappings) EXPECT_EQ(m.path.find("librte_"), std::string::npos) << m.path;

  EXPECT_EQ(std::stoul(status_line(echo.pid(), "Uid")), application_user());
  EXPECT_EQ(std::stoull(status_line(echo.pid(), "CapEff"), nullptr, 16), 0u);
  echo.kill();
  echo.wait();
  close(binary);
}

TEST(Links, LibraryAndSamplesKnowNoDpdk) {
  EXPECT_EQ(output_of("ldd " PINION_LIBRIO).find("librte_"), std::string::npos);
  for (const char* sample : {PINION_SAMPLES}) {
    const std::string libraries = output_of(std::string("ldd ") + sample);
    EXPECT_NE(libraries.find("libc.so"), std::string::npos) << sample;
    EXPECT_EQ(libraries.find("librte_"), std::string::npos) << sample;
    EXPECT_EQ(libraries.find("libibverbs"), std::string::npos) << sample;
  }
#ifdef PINION_DAEMON  // the control: where DPDK is linked, this is how it shows
  EXPECT_NE(output_of("ldd " PINION_DAEMON).find("librte_"), std::string::npos);
#endif
}

// The patent's two addresses: the application keeps its own, the core has another, one memory.
TEST_F(Memory, AWriteOfEachSideIsSeenAtTheOthersDifferentAddress) {
  constexpr size_t kBytes = 1u << 20, kApart = size_t{1} << 30;
  start();
  int to_app[2], from_app[2];
  ASSERT_EQ(pipe(to_app), 0);
  ASSERT_EQ(pipe(from_app), 0);
  Process process([&] {
    // In the middle of a gibibyte that is free in the daemon too: its mapping cannot be there.
    auto* wide = static_cast<std::byte*>(
        mmap(nullptr, kApart, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    auto* memory = static_cast<std::byte*>(mmap(wide + kApart / 2, kBytes, PROT_READ | PROT_WRITE,
                                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    if (wide == MAP_FAILED || memory == MAP_FAILED) return 1;
    for (uint32_t i = 0; i < kBytes / 2; ++i) memory[i] = Application::pattern(1, i);
    rio::Session session;
    rio_buffer_id id;
    if (session.open(path_.c_str()) != 0) return 2;
    if (session.register_buffer(memory, kBytes, &id) != 0) return 3;
    for (uint32_t i = kBytes / 2; i < kBytes; ++i) memory[i] = Application::pattern(1, i);
    char byte;
    if (write(from_app[1], &memory, sizeof memory) != sizeof memory) return 4;
    if (read(to_app[0], &byte, 1) != 1) return 5;
    for (uint32_t i = 0; i < kBytes; ++i)
      if (memory[i] != Application::pattern(2, i)) return 6;
    return 0;
  });
  close(from_app[1]);
  std::byte* theirs = nullptr;
  ASSERT_EQ(read(from_app[0], &theirs, sizeof theirs), ssize_t{sizeof theirs});
  uint64_t inode = 0;
  for (const Mapping& m : mappings_of(process.pid()))
    if (m.begin == reinterpret_cast<uintptr_t>(theirs)) inode = m.inode;
  std::byte* ours = nullptr;
  for (const Mapping& m : mappings_of(getpid()))
    if (m.inode == inode && inode != 0) ours = reinterpret_cast<std::byte*>(m.begin);
  ASSERT_NE(ours, nullptr);
  EXPECT_NE(ours, theirs);
  // Puts this thread behind the control thread, which mapped the region, in ThreadSanitizer's eyes.
  ASSERT_EQ(daemon_->status().sessions.load(), 1u);
  for (uint32_t i = 0; i < kBytes; ++i) ASSERT_EQ(ours[i], Application::pattern(1, i)) << i;
  for (uint32_t i = 0; i < kBytes; ++i) ours[i] = Application::pattern(2, i);
  ASSERT_EQ(write(to_app[1], "g", 1), 1);
  EXPECT_EQ(process.wait(), 0);
  close(to_app[0]), close(to_app[1]), close(from_app[0]);
}

}  // namespace
}  // namespace pinion::testing
