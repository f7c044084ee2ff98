// F6: the control socket. Messages and descriptor sets against the AttachServer, from several
// connections, halfway and all the way; what it knows of shared memory is the rings' part (F5).
// After each input every session is gone and this process holds the descriptors that it held
// before.
#include <dirent.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "base/check.h"
#include "fuzz/ops.h"
#include "host/attach_server.h"
#include "host/clock.h"
#include "host/core_thread.h"
#include "kernel/kernel.h"

namespace pinion::fuzz {
namespace {

constexpr size_t kClients = 4, kForeign = 6, kFdsMax = 8;
constexpr uint32_t kRegionBytes = 65536, kRingEntries = 4;
constexpr int kOpsMax = 200;

size_t open_descriptors() {
  size_t n = 0;
  DIR* dir = opendir("/proc/self/fd");
  STACK_CHECK(dir != nullptr);
  while (readdir(dir) != nullptr) ++n;
  closedir(dir);
  return n;
}

// The daemon without threads: its turns are taken by hand.
struct Host {
  std::string dir;
  SystemClock clock;
  CoreLink link;
  std::unique_ptr<CoreThread> core;
  std::unique_ptr<Kernel> kernel;
  std::unique_ptr<AttachServer> server;
  std::array<int, kForeign> foreign{};

  Host() {
    char name[] = "/tmp/pinion-fuzz-XXXXXX";
    STACK_CHECK(mkdtemp(name) != nullptr);
    dir = name;
    std::string why;
    STACK_CHECK(link.open(why) == 0);
    CoreThreadConfig core_config;
    core_config.clock = clock.clock();
    core = std::make_unique<CoreThread>(core_config, link);
    KernelConfig config;
    config.server.sessions_max = kClients;
    config.server.sockets_max = config.server.request_queues_max = 64;
    config.server.requests_max = 1024, config.server.backlog_chunks = 64;
    config.server.session_queues_max = 64;
    config.net.tcp.connections_max = config.net.tcp.bound_max = 16;
    config.net.tcp.segments_max = 256;
    config.net.udp_sockets_max = 64;
    config.hooks = core->hooks();
    kernel = std::make_unique<Kernel>(config);
    core->attach_kernel(*kernel);
    AttachServerConfig attach;
    attach.path = dir + "/control.sock";
    attach.handshake_timeout = 1000 * kSecond;
    attach.reply_max = kSecond;  // a busy machine must not decide what is answered
    attach.half_open_per_user_max = kClients - 1;
    attach.sessions.sessions_max = kClients - 1;
    SessionPolicy policy;
    policy.id = getuid();
    policy.attaches_per_s_max = 0;
    policy.memory_bytes_max = 4 * kRegionBytes;
    policy.quota.regions_max = 6, policy.quota.sockets_max = 8, policy.quota.cqs_max = 4;
    attach.policies = {policy};
    server = std::make_unique<AttachServer>(attach, std::vector<CoreLink*>{&link});
    STACK_CHECK(server->open(why) == 0);
    foreign = {memfd_create("foreign", MFD_ALLOW_SEALING),
               open("/dev/null", O_RDWR),
               socket(AF_UNIX, SOCK_DGRAM, 0),
               open("/", O_RDONLY | O_DIRECTORY),
               epoll_create1(0),
               open("/proc/self/exe", O_RDONLY)};
  }
  ~Host() {
    server.reset();
    unlink((dir + "/control.sock").c_str());
    rmdir(dir.c_str());
  }
  void turn() {
    server->run_once(0);
    core->run_once();
  }
};

Host& host() {
  static Host one;
  return one;
}

struct Client {
  int fd = -1;
  int region = -1;  // the last that came
  std::byte* memory = nullptr;
  rio_control reply{};
  uint32_t step = 0;

  void connect() {
    hang_up();
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = host().dir + "/control.sock";
    std::memcpy(address.sun_path, path.data(), path.size());
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) hang_up();
  }
  void hang_up() {
    if (memory != nullptr) munmap(memory, kRegionBytes);
    if (region >= 0) close(region);
    if (fd >= 0) close(fd);
    *this = {};
  }
  void send(const void* bytes, size_t n, const int* fds = nullptr, size_t count = 0) {
    iovec io{const_cast<void*>(bytes), n};
    msghdr header{};
    header.msg_iov = &io, header.msg_iovlen = 1;
    alignas(cmsghdr) char control[CMSG_SPACE(kFdsMax * sizeof(int))] = {};
    if (count != 0) {
      header.msg_control = control, header.msg_controllen = CMSG_SPACE(count * sizeof(int));
      cmsghdr* c = CMSG_FIRSTHDR(&header);
      c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS;
      c->cmsg_len = CMSG_LEN(count * sizeof(int));
      std::memcpy(CMSG_DATA(c), fds, count * sizeof(int));
    }
    (void)!sendmsg(fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  // One answer, if there is one. What a daemon gives beside it is looked at and closed.
  void receive() {
    alignas(cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))];
    iovec io{&reply, sizeof reply};
    msghdr header{};
    header.msg_iov = &io, header.msg_iovlen = 1;
    header.msg_control = control, header.msg_controllen = sizeof control;
    if (recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != sizeof reply) return;
    STACK_CHECK(reply.magic == RIO_CONTROL_MAGIC);
    STACK_CHECK(reply.status <= 0);
    STACK_CHECK(std::memchr(reply.why, 0, sizeof reply.why) != nullptr);
    const cmsghdr* c = CMSG_FIRSTHDR(&header);
    if (c == nullptr) return;
    STACK_CHECK(reply.status == 0);
    int fds[2] = {-1, -1};
    std::memcpy(fds, CMSG_DATA(c), std::min(sizeof fds, c->cmsg_len - CMSG_LEN(0)));
    if (reply.opcode == RIO_CTL_REGION_CREATE) {
      if (region >= 0) close(region);
      region = fds[0], fds[0] = -1;
    }
    for (const int got : fds)
      if (got >= 0) close(got);
  }
  // What librio would ask next, so that a short input comes far.
  rio_control honest() {
    rio_control m{};
    m.magic = RIO_CONTROL_MAGIC, m.tag = ++step;
    switch (step) {
      case 1: m.opcode = RIO_CTL_ATTACH, m.a = RIO_ABI_VERSION; break;
      case 2: m.opcode = RIO_CTL_ATTACH_COMMIT; break;
      case 3: m.opcode = RIO_CTL_REGION_CREATE, m.size = kRegionBytes, m.a = 4096; break;
      case 4:
        m.opcode = RIO_CTL_REGION_COMMIT, m.handle = reply.handle;
        format();
        break;
      case 5: m.opcode = RIO_CTL_BUFFER_REGISTER, m.size = kRegionBytes; break;
      case 6:
        m.opcode = RIO_CTL_CQ_CREATE, m.a = kRingEntries / 2, m.c = 1, m.handle2 = reply.handle;
        m.size = sizeof(rio_abi_cq) + kRingEntries * sizeof(rio_abi_completion);
        break;
      default:
        m.opcode = step % 2 == 0 ? RIO_CTL_SOCKET_CLOSE : RIO_CTL_SOCKET;
        if (step % 2 != 0) m.a = RIO_FAMILY_IPV4, m.b = 1 + step / 2 % 2;
        else m.handle = reply.handle;
    }
    return m;
  }
  // A completion ring at the front of its memory.
  void format() {
    if (region < 0 || memory != nullptr) return;
    void* p = mmap(nullptr, kRegionBytes, PROT_READ | PROT_WRITE, MAP_SHARED, region, 0);
    if (p == MAP_FAILED) return;
    memory = static_cast<std::byte*>(p);
    auto* cq = reinterpret_cast<rio_abi_cq*>(memory);
    cq->slot_bytes = RIO_SLOT_BYTES, cq->capacity = kRingEntries;
    auto* slots = reinterpret_cast<rio_abi_completion*>(cq + 1);
    for (uint32_t i = 0; i < kRingEntries; ++i) slots[i].sequence = i;
  }
  // An honest message with some of its bytes changed.
  static void mutate(rio_control& m, Ops& ops) {
    auto* bytes = reinterpret_cast<uint8_t*>(&m);
    for (int n = ops.u8() % 4; n >= 0; --n) bytes[ops.u8() % sizeof m] = ops.u8();
  }
};

void act(Client& c, Ops& ops) {
  rio_control m = c.honest();
  switch (ops.u8() % 8) {
    case 0: --c.step, c.connect(); break;
    case 1:
    case 2: c.send(&m, sizeof m); break;
    case 3:
      --c.step, Client::mutate(m, ops);
      c.send(&m, sizeof m);
      break;
    case 4: {
      --c.step;
      const Bytes raw = ops.bytes(ops.u8());
      c.send(raw.data(), raw.size());
      break;
    }
    case 5: {
      --c.step;
      int fds[kFdsMax];
      const size_t count = 1 + ops.u8() % kFdsMax;
      for (size_t i = 0; i < count; ++i) fds[i] = host().foreign[ops.u8() % kForeign];
      c.send(&m, sizeof m, fds, count);
      break;
    }
    case 6: --c.step, c.hang_up(); break;
    case 7:  // what it may do to memory before it is sealed
      --c.step;
      if (c.region >= 0) (void)!ftruncate(c.region, ops.u8() * 4096);
      break;
  }
}

}  // namespace
}  // namespace pinion::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace pinion::fuzz;
  Host& h = host();
  const size_t before = open_descriptors();
  Ops ops(pinion::Bytes{reinterpret_cast<const std::byte*>(data), size});
  std::array<Client, kClients> clients;
  for (int n = 0; n < kOpsMax && !ops.empty(); ++n) {
    const uint8_t which = ops.u8();
    Client& c = clients[which % kClients];
    act(c, ops);
    for (int turns = which >> 6; turns > 0; --turns) h.turn();
    if ((which & 32) == 0 && c.fd >= 0) c.receive();
  }
  for (Client& c : clients) c.hang_up();
  int turns = 0;
  do h.turn();
  while (h.server->status().sessions.load() + h.server->status().half_open.load() != 0 &&
         ++turns < 1000);
  for (int n = 0; n < 4; ++n) h.turn();  // closed descriptors come back in a note
  STACK_CHECK(turns < 1000);
  STACK_CHECK(h.kernel->server().usage().sessions == 0 && h.kernel->server().usage().sockets == 0);
  STACK_CHECK(open_descriptors() == before);
  return 0;
}
