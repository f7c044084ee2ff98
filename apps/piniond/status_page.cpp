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

const char* state_text(AddressState state) {
  switch (state) {
    case AddressState::tentative: return "is being claimed";
    case AddressState::valid: return "in use";
    case AddressState::duplicate: return "NOT used: another station has it";
  }
  return "";
}

constexpr uint32_t kGroupsShown = 128;  // the page has room for so many lines more

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
  const uint64_t& value;
};

}  // namespace

bool StatusPage::open(const std::string& path, uint32_t mode, std::optional<uint32_t> group,
                      std::string& error) {
  unlink(path.c_str());
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  void* at = MAP_FAILED;
  const gid_t owner = group.value_or(static_cast<gid_t>(-1));
  if (fd >= 0 && ftruncate(fd, sizeof(rio_status_page)) == 0 &&
      fchown(fd, static_cast<uid_t>(-1), owner) == 0 && fchmod(fd, mode & 0444) == 0)
    at = mmap(nullptr, sizeof(rio_status_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) {
    error = path + ": cannot make the status page: " + std::strerror(errno);
    if (fd >= 0) ::close(fd);
    return false;
  }
  ::close(fd);
  path_ = path;
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
  munmap(page_, sizeof *page_);
  unlink(path_.c_str());
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

void StatusPage::add_tcp_gauges(const Tcp& tcp) {
  add(RIO_STATUS_GAUGE, "tcp_connections", "with those that open, close or wait (TIME-WAIT)",
      tcp.tcbs_used());
  add(RIO_STATUS_GAUGE, "tcp_half_open", "begun by peers, not finished", tcp.half_open());
  add(RIO_STATUS_GAUGE, "tcp_time_wait", "over, until no old segment can be about",
      tcp.time_waiting());
  add(RIO_STATUS_GAUGE, "tcp_listeners", "", tcp.listeners());
  add(RIO_STATUS_GAUGE, "tcp_segments", "sent and not acknowledged", tcp.segments_used());
}

void StatusPage::add_counters(const Counters& c) {
  for (const auto& [name, text, value] : {
           Line{"udp_received", "datagrams that a socket took", c.udp_received},
           {"fragments_received", "taken, and not the last that was missing", c.fragments_received},
           {"reassembled", "datagrams that came in fragments", c.reassembled},
           {"reassembly_timeouts", "datagrams whose rest never came", c.reassembly_timeouts},
           {"reassembly_evicted", "datagrams given up for newer ones", c.reassembly_evicted},
           {"udp_sent", "datagrams accepted for transmission", c.udp_sent},
           {"udp_path_mtu_lowered", "a router told of a narrower path", c.udp_path_mtu_lowered},
           {"tcp_received", "segments that were of use", c.tcp_received},
           {"tcp_sent", "segments", c.tcp_sent},
           {"tcp_retransmitted", "segments", c.tcp_retransmitted},
           {"tcp_opened", "connections, by connect", c.tcp_opened},
           {"tcp_accepted", "connections, by a listener", c.tcp_accepted},
           {"tcp_resets_sent", "", c.tcp_resets_sent},
           {"tcp_resets_received", "", c.tcp_resets_received},
           {"tcp_timeouts", "connections that ended by time", c.tcp_timeouts},
           {"tcp_cookies_sent", "SYNs answered without state", c.tcp_cookies_sent},
           {"tcp_cookies_accepted", "", c.tcp_cookies_accepted},
           {"tcp_challenge_acks", "to segments that may be forged", c.tcp_challenge_acks},
           {"tcp_window_probes", "", c.tcp_window_probes},
           {"tcp_keepalives", "", c.tcp_keepalives},
           {"tcp_output_blocked", "no frame, or a full port", c.tcp_output_blocked},
           {"tcp_time_wait_evicted", "ended early for a new connection", c.tcp_time_wait_evicted},
           {"tcp_orphans_evicted", "closed, and reset for a new connection", c.tcp_orphans_evicted},
           {"tcp_path_mtu_lowered", "", c.tcp_path_mtu_lowered},
           {"igmp_received", "queries, and reports of other hosts", c.igmp_received},
           {"igmp_reports_sent", "", c.igmp_reports_sent},
           {"arp_requests_sent", "", c.arp_requests_sent},
           {"arp_replies_sent", "", c.arp_replies_sent},
           {"nd_solicitations_sent", "claims of our own addresses too", c.nd_solicitations_sent},
           {"nd_advertisements_sent", "", c.nd_advertisements_sent},
           {"nd_received", "messages of use", c.nd_received},
           {"nd_duplicate_addresses", "addresses of ours that another station has",
            c.nd_duplicate_addresses},
           {"mld_received", "queries, and reports of other hosts", c.mld_received},
           {"mld_reports_sent", "", c.mld_reports_sent},
           {"icmp_echo_replies", "pings answered", c.icmp_echo_replies},
           {"icmp_errors_received", "about datagrams of ours", c.icmp_errors_received},
           {"icmp_errors_sent", "", c.icmp_errors_sent},
           {"icmp_errors_suppressed", "forbidden, or over the limit", c.icmp_errors_suppressed},
       })
    add(RIO_STATUS_COUNTER, name, text, glance(value));
}

void StatusPage::add_port(const std::string& name, const PortStats& port) {
  add(RIO_STATUS_COUNTER, name + ".tx_attached", "frames with payload from where it lay",
      port.tx_attached);
  add(RIO_STATUS_COUNTER, name + ".rx_missed", "no descriptor was free: the core was too slow",
      port.rx_missed);
  add(RIO_STATUS_COUNTER, name + ".rx_no_frame", "the pool was dry", port.rx_no_frame);
  add(RIO_STATUS_COUNTER, name + ".rx_errors", "as the NIC counts them", port.rx_errors);
  add(RIO_STATUS_COUNTER, name + ".tx_errors", "as the NIC counts them", port.tx_errors);
  add(RIO_STATUS_COUNTER, name + ".restarts", "of a NIC that sent nothing any more", port.restarts);
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
  add(RIO_STATUS_GAUGE, name + ".device_link", "1: up", nic.device->link_up());
  add(RIO_STATUS_GAUGE, name + ".backup_link", "1: up", nic.backup->link_up());
  add(RIO_STATUS_COUNTER, name + ".failovers", "the link was lost and the other one's was there",
      glance(bond.moves));
  add(RIO_STATUS_COUNTER, name + ".rx_standby", "frames that the one standing by heard as well",
      glance(bond.rx_dropped));
  add_port(name + ".backup", nic.backup->stats());
}

void StatusPage::add_interface(const InterfaceStatus& s, const NicPorts& nic) {
  const std::string name = s.name;
  add(RIO_STATUS_GAUGE, name + ".link", "1: up", s.link_up);
  add(RIO_STATUS_COUNTER, name + ".rx_frames", "", s.rx_frames);
  add(RIO_STATUS_COUNTER, name + ".rx_bytes", "", s.rx_bytes);
  add(RIO_STATUS_COUNTER, name + ".tx_frames", "", s.tx_frames);
  add(RIO_STATUS_COUNTER, name + ".tx_bytes", "", s.tx_bytes);
  add_port(name, nic.device->stats());
  if (nic.bond) add_bond(name, nic);
  for (const AddressClaim& c : s.ipv6)
    add(RIO_STATUS_GAUGE, name + ".ipv6",
        config::to_text(c.address.address) + std::string(" ") + state_text(c.state),
        c.state == AddressState::valid);
  for (const auto& [of, querier] : {std::pair{".igmp_querier", s.igmp}, {".mld_querier", s.mld}})
    if (querier.version != 0)
      add(RIO_STATUS_GAUGE, name + of, "its version; from " + config::to_text(querier.address),
          querier.version);
}

// Each group that is joined: where, with which filter, and what came.
void StatusPage::add_groups(const Net& net) {
  const GroupTable& groups = net.groups();
  for (uint32_t i = 0, shown = 0; i < groups.capacity() && shown < kGroupsShown; ++i) {
    const Group& g = groups.slot(i);
    if (g.any_members + g.source_members == g.own) continue;  // nobody's, or ours alone
    ++shown;
    const std::string where = net.interface_status(g.interface).name;
    add(RIO_STATUS_COUNTER, where + "." + config::to_text(g.address),
        "datagrams taken; joined from " +
            (g.any_members != 0 ? "every source" : std::to_string(g.source_members) + " sources") +
            ", " + std::to_string(g.not_wanted) + " unwanted (port, source, full)",
        g.received);
  }
}

void StatusPage::update(const Kernel& kernel, const CoreThread& core,
                        const AttachServer::Status& attach,
                        const std::vector<NicPorts>& ports, const DmaRegions& regions) {
  rio_word_store(&page_->seqlock, page_->seqlock + 1);
  next_ = fixed_;
  const auto usage = kernel.server().usage();
  add(RIO_STATUS_GAUGE, "sessions", "attached applications", usage.sessions);
  add(RIO_STATUS_GAUGE, "sockets", "", usage.sockets);
  add(RIO_STATUS_GAUGE, "streams", "of these: TCP", usage.streams);
  add(RIO_STATUS_GAUGE, "request_queues", "", usage.request_queues);
  add(RIO_STATUS_GAUGE, "hot_queues", "request queues that the core polls", usage.hot_queues);
  add(RIO_STATUS_GAUGE, "requests", "accepted and not completed", usage.requests);
  add(RIO_STATUS_GAUGE, "waiting_chunks", "pieces of received data without a receive",
      usage.chunks);
  add(RIO_STATUS_GAUGE, "dma_mappings", "regions of applications that NICs reach",
      regions.mappings());
  add_tcp_gauges(kernel.net().tcp());
  add(RIO_STATUS_COUNTER, "passes", "of the core", core.passes());
  add(RIO_STATUS_COUNTER, "sleeps", "of the core", core.sleeps());
  add(RIO_STATUS_COUNTER, "slow_signals", "of the core, over 100 us: see signals_handed_over",
      core.signaller().slow());
  add(RIO_STATUS_COUNTER, "signals_handed_over", "to the control thread, of users with slow ones",
      core.signaller().handed_over());
  add(RIO_STATUS_COUNTER, "attached", "sessions since the start", attach.attached.load());
  add(RIO_STATUS_COUNTER, "refused", "attempts to attach", attach.refused.load());
  add(RIO_STATUS_COUNTER, "broken", "sessions ended for breaking the rules", attach.broken.load());
  add(RIO_STATUS_COUNTER, "barriers_failed", "membarrier forbidden: queues stay hot",
      attach.barriers_failed.load());
  add_counters(kernel.counters());
  for (size_t i = 0; i < kernel.net().interface_count(); ++i) {
    const InterfaceStatus s = kernel.net().interface_status(i);
    add_interface(s, ports[i]);
    if (core.sleeps_at_all()) add_wake(s.name, core.wakes(), i);
  }
  add_groups(kernel.net());
  for (size_t d = 1; d < kDropCount; ++d) {
    const auto drop = static_cast<Drop>(d);
    add(RIO_STATUS_DROP, drop_name(drop), drop_text(drop), glance(kernel.counters().drops[d]));
  }
  page_->updated_realtime_ns = realtime_ns();
  ++page_->updates;
  page_->entries = next_;
  rio_word_store(&page_->seqlock, page_->seqlock + 1);
}

}  // namespace pinion::daemon
