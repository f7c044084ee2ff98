// See status_page.h.
#include "piniond/status_page.h"

#include <fcntl.h>
#include <rio/ring.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

#include "config/parse.h"

namespace pinion::daemon {

namespace {

void copy_text(char* out, size_t size, std::string_view text) {
  const size_t n = std::min(text.size(), size - 1);
  std::memcpy(out, text.data(), n);
  std::memset(out + n, 0, size - n);
}

// A word that the core writes while we look: whole, and any recent value will do.
uint64_t glance(const uint64_t& word) { return rio_word64_load(&word); }

uint64_t realtime_ns() {
  timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(t.tv_nsec);
}

uint64_t sum(const uint64_t (&of)[kStrayCount]) {
  uint64_t total = 0;
  for (const uint64_t& value : of) total += glance(value);
  return total;
}

const char* state_text(AddressState state) {
  switch (state) {
    case AddressState::tentative: return "is being claimed";
    case AddressState::valid: return "in use";
    case AddressState::duplicate: return "NOT used: another station has it";
  }
  return "";
}

constexpr uint32_t kGroupsShown = 128;  // of a core

// The first one's, with the frames of both.
InterfaceStatus add_up(InterfaceStatus first, const InterfaceStatus& second) {
  first.rx_frames += second.rx_frames, first.rx_bytes += second.rx_bytes;
  first.tx_frames += second.tx_frames, first.tx_bytes += second.tx_bytes;
  return first;
}

const char* wake_text(WakeState state) {
  switch (state) {
    case WakeState::none: return "the sleeping core naps: this port has no receive interrupt";
    case WakeState::on_trial: return "on trial: the core naps until interrupts have come";
    case WakeState::works: return "wakes the sleeping core";
    case WakeState::failed: return "did NOT come with frames, or without: the sleeping core naps";
  }
  return "";
}

struct Line {
  std::string_view name, text;
  uint64_t Counters::*counter;
};
struct CoreLine {
  const char *name, *text;
  uint64_t value;
};

// A page that a daemon left behind, whole or as it was when it was killed. Any other file is
// somebody's.
bool is_ours(int fd) {
  struct stat file {};
  uint32_t magic = 0;
  if (fstat(fd, &file) != 0 || !S_ISREG(file.st_mode)) return false;
  if (file.st_size == 0) return true;
  if (pread(fd, &magic, sizeof magic, 0) != sizeof magic) return false;
  const bool unfinished = magic == 0 && file.st_size == sizeof(rio_status_page);
  return magic == RIO_STATUS_MAGIC || unfinished;
}

bool remove_old(const std::string& path, std::string& error) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return true;
  if (fd < 0 && errno != ELOOP) {
    error = path + ": cannot be looked at: " + std::strerror(errno);
    return false;
  }
  const bool ours = fd >= 0 && is_ours(fd);
  if (fd >= 0) ::close(fd);
  if (ours && unlink(path.c_str()) == 0) return true;
  error = path + (ours ? std::string(": cannot be removed: ") + std::strerror(errno)
                       : ": a file that is no status page is there");
  return false;
}

}  // namespace

bool StatusPage::open(const std::string& path, uint32_t mode, std::optional<uint32_t> group,
                      std::string& error) {
  // All of it now: a page that its file system has no room for later would be a SIGBUS, and the end
  // of a daemon that works.
  const auto reserve = [](int fd) {
    errno = posix_fallocate(fd, 0, sizeof(rio_status_page));
    return errno == 0;
  };
  if (!remove_old(path, error)) return false;
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  void* at = MAP_FAILED;
  const gid_t owner = group.value_or(static_cast<gid_t>(-1));
  if (fd >= 0 && reserve(fd) && fchown(fd, static_cast<uid_t>(-1), owner) == 0 &&
      fchmod(fd, mode & 0444) == 0)
    at = mmap(nullptr, sizeof(rio_status_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) {
    error = path + ": cannot make the status page: " + std::strerror(errno);
    if (fd >= 0) unlink(path.c_str()), ::close(fd);
    return false;
  }
  ::close(fd);
  page_ = static_cast<rio_status_page*>(at);
  page_->version = RIO_STATUS_VERSION;
  page_->pid = static_cast<uint32_t>(getpid());
  page_->entry_bytes = sizeof(rio_status_entry);
  page_->updated_realtime_ns = realtime_ns();
  rio_word_store(&page_->magic, RIO_STATUS_MAGIC);
  return true;
}

StatusPage::~StatusPage() {
  if (page_ == nullptr) return;
  rio_word_store(&page_->pid, 0);
  munmap(page_, sizeof *page_);
}

// What does not fit one entry goes on in the next, which has no name.
void StatusPage::info(std::string_view name, std::string_view text) {
  next_ = fixed_;
  while (text.size() >= sizeof rio_status_entry{}.text) {
    const size_t space = text.rfind(' ', sizeof rio_status_entry{}.text - 1);
    if (space == std::string_view::npos || space == 0) break;
    add(RIO_STATUS_INFO, name, text.substr(0, space), 0);
    name = "", text.remove_prefix(space + 1);
  }
  add(RIO_STATUS_INFO, name, text, 0);
  fixed_ = next_;
}

void StatusPage::add(uint32_t section, std::string_view name, std::string_view text,
                     uint64_t value) {
  if (next_ == RIO_STATUS_ENTRIES_MAX) return;
  rio_status_entry& e = page_->entry[next_++];
  e.section = section, e.value = value;
  copy_text(e.name, sizeof e.name, name);
  copy_text(e.text, sizeof e.text, text);
}

void StatusPage::add_usage(const Cores& cores, const DmaRegions& regions) {
  const auto sum = [&](const auto& of) {
    uint64_t total = 0;
    for (size_t i = 0; i < cores.size(); ++i) total += of(cores[i].kernel->server().usage());
    return total;
  };
  using Usage = Server::Usage;
  add(RIO_STATUS_GAUGE, "sessions", "attached applications",
      sum([](const Usage& u) { return u.sessions; }));
  add(RIO_STATUS_GAUGE, "sockets", "", sum([](const Usage& u) { return u.sockets; }));
  add(RIO_STATUS_GAUGE, "streams", "of these: TCP", sum([](const Usage& u) { return u.streams; }));
  add(RIO_STATUS_GAUGE, "request_queues", "", sum([](const Usage& u) { return u.request_queues; }));
  add(RIO_STATUS_GAUGE, "hot_queues", "request queues that cores poll",
      sum([](const Usage& u) { return u.hot_queues; }));
  add(RIO_STATUS_GAUGE, "requests", "accepted and not completed",
      sum([](const Usage& u) { return u.requests; }));
  add(RIO_STATUS_GAUGE, "waiting_chunks", "pieces of received data without a receive",
      sum([](const Usage& u) { return u.chunks; }));
  add(RIO_STATUS_GAUGE, "dma_mappings", "regions of applications that NICs reach",
      regions.mappings());
}

void StatusPage::add_tcp_gauges(const Cores& cores) {
  const auto sum = [&](const auto& of) {
    uint64_t total = 0;
    for (size_t i = 0; i < cores.size(); ++i) total += of(cores[i].kernel->net().tcp());
    return total;
  };
  add(RIO_STATUS_GAUGE, "tcp_connections", "with those that open, close or wait (TIME-WAIT)",
      sum([](const Tcp& t) { return t.tcbs_used(); }));
  add(RIO_STATUS_GAUGE, "tcp_half_open", "begun by peers, not finished",
      sum([](const Tcp& t) { return t.half_open(); }));
  add(RIO_STATUS_GAUGE, "tcp_time_wait", "over, until no old segment can be about",
      sum([](const Tcp& t) { return t.time_waiting(); }));
  add(RIO_STATUS_GAUGE, "tcp_listeners", "", sum([](const Tcp& t) { return t.listeners(); }));
  add(RIO_STATUS_GAUGE, "tcp_segments", "sent and not acknowledged",
      sum([](const Tcp& t) { return t.segments_used(); }));
}

void StatusPage::add_threads(const Cores& cores) {
  uint64_t passes = 0, sleeps = 0, rehearsals = 0, slow = 0, handed_over = 0;
  for (size_t i = 0; i < cores.size(); ++i) {
    const CoreThread& thread = *cores[i].thread;
    passes += thread.passes(), sleeps += thread.sleeps(), rehearsals += thread.rehearsals();
    slow += thread.signaller().slow(), handed_over += thread.signaller().handed_over();
  }
  const char* whose = cores.size() == 1 ? "of the core" : "of all cores";
  add(RIO_STATUS_COUNTER, "passes", whose, passes);
  add(RIO_STATUS_COUNTER, "sleeps", whose, sleeps);
  add(RIO_STATUS_COUNTER, "rehearsals", "of busy cores in silence", rehearsals);
  add(RIO_STATUS_COUNTER, "slow_signals", "of a core, over 100 us: see signals_handed_over", slow);
  add(RIO_STATUS_COUNTER, "signals_handed_over", "to the control thread, of users with slow ones",
      handed_over);
}

void StatusPage::add_attach(const AttachServer::Status& attach) {
  add(RIO_STATUS_COUNTER, "attached", "sessions since the start", attach.attached.load());
  add(RIO_STATUS_COUNTER, "refused", "attempts to attach", attach.refused.load());
  add(RIO_STATUS_COUNTER, "broken", "sessions ended for breaking the rules", attach.broken.load());
  add(RIO_STATUS_COUNTER, "hung_up", "sessions ended for not reading answers, or slowing them down",
      attach.hung_up.load());
  add(RIO_STATUS_GAUGE, "ending", "sessions whose memory a NIC may still read, or about to end",
      attach.ending.load());
  add(RIO_STATUS_COUNTER, "barriers_failed", "membarrier forbidden: queues stay hot",
      attach.barriers_failed.load());
}

void StatusPage::add_counters(const Cores& cores) {
  for (const auto& [name, text, counter] : {
           Line{"udp_received", "datagrams that a socket took", &Counters::udp_received},
           {"fragments_received", "taken, and not the last that was missing",
            &Counters::fragments_received},
           {"reassembled", "datagrams that came in fragments", &Counters::reassembled},
           {"reassembly_timeouts", "datagrams whose rest never came",
            &Counters::reassembly_timeouts},
           {"reassembly_evicted", "datagrams given up for newer ones",
            &Counters::reassembly_evicted},
           {"udp_sent", "datagrams accepted for transmission", &Counters::udp_sent},
           {"udp_path_mtu_lowered", "a router told of a narrower path",
            &Counters::udp_path_mtu_lowered},
           {"tcp_received", "segments that were of use", &Counters::tcp_received},
           {"tcp_sent", "segments", &Counters::tcp_sent},
           {"tcp_tso_frames", "of several segments, cut by the NIC", &Counters::tcp_tso_frames},
           {"tcp_retransmitted", "segments", &Counters::tcp_retransmitted},
           {"tcp_opened", "connections, by connect", &Counters::tcp_opened},
           {"tcp_accepted", "connections, by a listener", &Counters::tcp_accepted},
           {"tcp_resets_sent", "", &Counters::tcp_resets_sent},
           {"tcp_resets_received", "", &Counters::tcp_resets_received},
           {"tcp_timeouts", "connections that ended by time", &Counters::tcp_timeouts},
           {"tcp_cookies_sent", "SYNs answered without state", &Counters::tcp_cookies_sent},
           {"tcp_cookies_accepted", "", &Counters::tcp_cookies_accepted},
           {"tcp_challenge_acks", "to segments that may be forged", &Counters::tcp_challenge_acks},
           {"tcp_window_probes", "", &Counters::tcp_window_probes},
           {"tcp_keepalives", "", &Counters::tcp_keepalives},
           {"tcp_output_blocked", "no frame, or a full port", &Counters::tcp_output_blocked},
           {"tcp_time_wait_evicted", "ended early for a new connection",
            &Counters::tcp_time_wait_evicted},
           {"tcp_orphans_evicted", "closed, and reset for a new connection",
            &Counters::tcp_orphans_evicted},
           {"tcp_path_mtu_lowered", "", &Counters::tcp_path_mtu_lowered},
           {"igmp_received", "queries, and reports of other hosts", &Counters::igmp_received},
           {"igmp_reports_sent", "", &Counters::igmp_reports_sent},
           {"arp_requests_sent", "", &Counters::arp_requests_sent},
           {"arp_replies_sent", "", &Counters::arp_replies_sent},
           {"nd_solicitations_sent", "claims of our own addresses too",
            &Counters::nd_solicitations_sent},
           {"nd_advertisements_sent", "", &Counters::nd_advertisements_sent},
           {"nd_received", "messages of use", &Counters::nd_received},
           {"nd_duplicate_addresses", "addresses of ours that another station has",
            &Counters::nd_duplicate_addresses},
           {"mld_received", "queries, and reports of other hosts", &Counters::mld_received},
           {"mld_reports_sent", "", &Counters::mld_reports_sent},
           {"icmp_echo_replies", "pings answered", &Counters::icmp_echo_replies},
           {"icmp_errors_received", "about datagrams of ours", &Counters::icmp_errors_received},
           {"icmp_errors_sent", "", &Counters::icmp_errors_sent},
           {"icmp_errors_suppressed", "forbidden, or over the limit",
            &Counters::icmp_errors_suppressed},
       }) {
    uint64_t total = 0;
    for (size_t i = 0; i < cores.size(); ++i) total += glance(cores[i].kernel->counters().*counter);
    add(RIO_STATUS_COUNTER, name, text, total);
  }
}

// Why packets went from one core to another.
void StatusPage::add_strays(const Cores& cores) {
  for (size_t why = 0; why < kStrayCount; ++why) {
    uint64_t handed_over = 0, copied = 0;
    for (size_t i = 0; i < cores.size(); ++i) {
      const Counters& c = cores[i].kernel->counters();
      handed_over += glance(c.handed_over[why]), copied += glance(c.copied[why]);
    }
    const std::string name = stray_name(static_cast<Stray>(why));
    add(RIO_STATUS_COUNTER, "handed_over." + name, "packets that came to the wrong core",
        handed_over);
    add(RIO_STATUS_COUNTER, "copied." + name, "packets that concern other cores, too", copied);
  }
}

void StatusPage::add_drops(const Cores& cores) {
  for (size_t d = 1; d < kDropCount; ++d) {
    uint64_t total = 0;
    for (size_t i = 0; i < cores.size(); ++i) total += glance(cores[i].kernel->counters().drops[d]);
    const auto drop = static_cast<Drop>(d);
    add(RIO_STATUS_DROP, drop_name(drop), drop_text(drop), total);
  }
}

// What tells one core from another. Their sum stands elsewhere.
void StatusPage::add_core(const Core& core) {
  const auto usage = core.kernel->server().usage();
  const Counters& c = core.kernel->counters();
  uint64_t drops = 0;
  for (size_t d = 1; d < kDropCount; ++d) drops += glance(c.drops[d]);
  for (const auto& [name, text, value] : {
           CoreLine{"passes", "", core.thread->passes()},
           {"sleeps", "", core.thread->sleeps()},
           {"sessions", "in use now", usage.sessions},
           {"sockets", "in use now", usage.sockets},
           {"requests", "in use now", usage.requests},
           {"tcp_connections", "in use now", core.kernel->net().tcp().tcbs_used()},
           {"rx_frames", "", glance(c.rx_frames)},
           {"tx_frames", "", glance(c.tx_frames)},
           {"udp_received", "", glance(c.udp_received)},
           {"udp_sent", "", glance(c.udp_sent)},
           {"tcp_received", "", glance(c.tcp_received)},
           {"tcp_sent", "", glance(c.tcp_sent)},
           {"tcp_opened", "", glance(c.tcp_opened)},
           {"tcp_accepted", "", glance(c.tcp_accepted)},
           {"handed_over", "that came here and were another core's", sum(c.handed_over)},
           {"copied", "to other cores", sum(c.copied)},
           {"taken", "from other cores, of both kinds", sum(c.taken)},
           {"dropped", "frames, for all reasons", drops},
       })
    add(RIO_STATUS_CORE, core.name + "." + name, text, value);
}

void StatusPage::add_port(const std::string& name, const PortStats& port) {
  add(RIO_STATUS_COUNTER, name + ".tx_attached", "frames with payload from where it lay",
      port.tx_attached);
  add(RIO_STATUS_COUNTER, name + ".tx_refused", "frames that the driver could not send",
      port.tx_refused);
  add(RIO_STATUS_COUNTER, name + ".capture_lost", "frames that pinionctl capture was too slow for",
      port.capture_lost);
  add(RIO_STATUS_COUNTER, name + ".rx_missed", "no descriptor was free: the core was too slow",
      port.rx_missed);
  add(RIO_STATUS_COUNTER, name + ".rx_no_frame", "the pool was dry", port.rx_no_frame);
  add(RIO_STATUS_COUNTER, name + ".rx_errors", "as the NIC counts them", port.rx_errors);
  add(RIO_STATUS_COUNTER, name + ".tx_errors", "as the NIC counts them", port.tx_errors);
  if (port.device_stamps) {
    add(RIO_STATUS_COUNTER, name + ".rx_stamped", "frames whose time is the NIC's own",
        port.rx_stamped);
    add(RIO_STATUS_COUNTER, name + ".stamps_refused",
        "its time cannot be right, or its clock is not known yet: software's",
        port.rx_stamps_refused);
  }
  add(RIO_STATUS_COUNTER, name + ".restarts", "of a NIC that sent nothing any more", port.restarts);
  if (port.stopped)
    add(RIO_STATUS_GAUGE, name + ".stopped", "it did NOT start again: tried every 2 s", 1);
}

void StatusPage::add_wakes(const Core& core) {
  if (!core.thread->sleeps_at_all()) return;
  for (size_t i = 0; i < core.nics.size(); ++i) {
    std::string name = core.kernel->net().interface_status(i).name;
    if (const size_t queue = core.nics[i].queue; queue != 0)
      name.append(".queue").append(std::to_string(queue));
    add_wake(name, core.thread->wakes(), i);
  }
}

// 2: its receive interrupts wake the core.
void StatusPage::add_wake(const std::string& name, const PortWakes& wakes, size_t port) {
  const WakeState state = wakes.state(port);
  add(RIO_STATUS_GAUGE, name + ".rx_interrupt", wake_text(state), static_cast<uint64_t>(state));
  add(RIO_STATUS_COUNTER, name + ".rx_wakes", "sleeps that its interrupt ended", wakes.woken(port));
}

// Which of the two works, whether the other one could, and how often they changed places.
void StatusPage::add_bond(const std::string& name, const NicPorts& nic) {
  const BondStatus& bond = nic.bond->status();
  const bool backup = glance(bond.active) != 0;
  add(RIO_STATUS_GAUGE, name + ".active", backup ? "2: the backup works" : "1: the device works",
      backup ? 2 : 1);
  add(RIO_STATUS_GAUGE, name + ".device_link", "1: up", nic.device().link_up());
  add(RIO_STATUS_GAUGE, name + ".backup_link", "1: up", nic.backup->link_up());
  add(RIO_STATUS_COUNTER, name + ".failovers", "the link was lost and the other one's was there",
      glance(bond.moves));
  add(RIO_STATUS_COUNTER, name + ".rx_standby", "frames that the one standing by heard as well",
      glance(bond.rx_dropped));
  add_port(name + ".backup", nic.backup->stats());
}

// Of all cores that poll it; what there is once is told by the first of them.
void StatusPage::add_interface(const Cores& cores, size_t nic, const NicPorts& ports) {
  InterfaceStatus all;
  for (size_t i = 0; i < cores.size(); ++i) {
    const std::vector<CoreNic>& nics = cores[i].nics;
    for (size_t at = 0; at < nics.size(); ++at) {
      if (nics[at].nic != nic) continue;
      const InterfaceStatus s = cores[i].kernel->net().interface_status(at);
      if (nics[at].queue == 0) all = add_up(s, all);
      else all = add_up(all, s);
    }
  }
  const std::string name = all.name;
  add(RIO_STATUS_GAUGE, name + ".link", "1: up", all.link_up);
  add(RIO_STATUS_COUNTER, name + ".rx_frames", "", all.rx_frames);
  add(RIO_STATUS_COUNTER, name + ".rx_bytes", "", all.rx_bytes);
  add(RIO_STATUS_COUNTER, name + ".tx_frames", "", all.tx_frames);
  add(RIO_STATUS_COUNTER, name + ".tx_bytes", "", all.tx_bytes);
  add_port(name, ports.device().stats());
  if (ports.bond) add_bond(name, ports);
  for (const AddressClaim& c : all.ipv6)
    add(RIO_STATUS_GAUGE, name + ".ipv6",
        config::to_text(c.address.address) + std::string(" ") + state_text(c.state),
        c.state == AddressState::valid);
  for (const auto& [of, querier] :
       {std::pair{".igmp_querier", all.igmp}, {".mld_querier", all.mld}})
    if (querier.version != 0)
      add(RIO_STATUS_GAUGE, name + of, "its version; from " + config::to_text(querier.address),
          querier.version);
}

// Each group that is joined: where, with which filter, and what came.
void StatusPage::add_groups(const Core& core, bool alone) {
  const Net& net = core.kernel->net();
  const GroupTable& groups = net.groups();
  for (uint32_t i = 0, shown = 0; i < groups.capacity() && shown < kGroupsShown; ++i) {
    const Group& g = groups.slot(i);
    if (g.any_members + g.source_members == g.own) continue;  // nobody's, or ours alone
    ++shown;
    const std::string where = net.interface_status(g.interface).name;
    add(RIO_STATUS_COUNTER, where + "." + config::to_text(g.address),
        "datagrams taken; joined from " +
            (g.any_members != 0 ? "every source" : std::to_string(g.source_members) + " sources") +
            (alone ? "" : " on " + core.name) + ", " + std::to_string(g.not_wanted) +
            " unwanted (port, source, full)",
        g.received);
  }
}

void StatusPage::update(const Cores& cores, const AttachServer::Status& attach,
                        const std::vector<NicPorts>& ports, const DmaRegions& regions) {
  rio_word_store(&page_->seqlock, page_->seqlock + 1);
  next_ = fixed_;
  const bool alone = cores.size() == 1;
  add_usage(cores, regions);
  add_tcp_gauges(cores);
  add_threads(cores);
  add_attach(attach);
  add_counters(cores);
  if (!alone) add_strays(cores);
  for (size_t nic = 0; nic < ports.size(); ++nic) add_interface(cores, nic, ports[nic]);
  add_drops(cores);
  for (size_t i = 0; i < cores.size(); ++i) add_wakes(cores[i]);
  for (size_t i = 0; i < cores.size() && !alone; ++i) add_core(cores[i]);
  // At the end, where the page may be full.
  for (size_t i = 0; i < cores.size(); ++i) add_groups(cores[i], alone);
  page_->updated_realtime_ns = realtime_ns();
  ++page_->updates;
  page_->entries = next_;
  rio_word_store(&page_->seqlock, page_->seqlock + 1);
}

}  // namespace pinion::daemon
