// How an EthdevPort begins: the device is probed, asked what it can do, configured, given a pool
// and started. What a driver does not support is tolerated where the stack can do without it, and
// shows in describe().
#include <net/if.h>
#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <string_view>

#include "pmd-glue/device_args.h"
#include "pmd-glue/dpdk_log.h"
#include "pmd-glue/eal.h"
#include "pmd-glue/ethdev_device.h"
#include "pmd-glue/ethdev_limits.h"
#include "pmd-glue/ethdev_port.h"

namespace pinion {
namespace {

constexpr uint64_t kRxL4Offloads = RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM;
constexpr uint64_t kRxOffloads = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | kRxL4Offloads;
constexpr uint64_t kTxOffloads =
    RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
// What it takes to send bytes from where they lie: a segment of their own, and their checksum.
constexpr uint64_t kAttachOffloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
constexpr uint64_t kTsoOffloads =
    RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
constexpr uint32_t kLinkOverhead = RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN;  // Port: "mtu_bytes + 18"
constexpr uint32_t kBufferBytesMin = RTE_MBUF_DEFAULT_DATAROOM;
// An IP packet before it is cut, and what of it is no payload: IPv6, and TCP with all options.
constexpr uint32_t kTsoPacketMax = UINT16_MAX, kHeadersMax = 40 + 60;
// A cache line of its own, which also keeps the packet's first byte at the start of one.
constexpr uint16_t kPrivateBytes = RTE_CACHE_LINE_SIZE;
static_assert(sizeof(Frame) <= kPrivateBytes && kPrivateBytes % RTE_MBUF_PRIV_ALIGN == 0);
static_assert(alignof(Frame) <= RTE_MBUF_PRIV_ALIGN);
static_assert((sizeof(rte_mbuf) + kPrivateBytes) % RTE_CACHE_LINE_SIZE == 0);

bool fail(std::string& error, uint16_t port_id, const std::string& what, int status) {
  error = "port " + std::to_string(port_id) + ": " + what + " (" + rte_strerror(-status) + ")";
  return false;
}

// virtio and vhost with these switched on hand over packets whose checksum nobody has filled in,
// marked NONE; switched off, the other side has to fill it in.
uint64_t rx_offloads(const rte_eth_dev_info& info) {
  const std::string_view driver = info.driver_name;
  const bool may_say_none = driver.starts_with("net_virtio") || driver.starts_with("net_vhost");
  return info.rx_offload_capa & (may_say_none ? kRxOffloads & ~kRxL4Offloads : kRxOffloads);
}

uint8_t offered(uint64_t offloads) {
  unsigned bits = kTxNone;
  if (offloads & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM) bits |= kTxIpv4Csum;
  if (offloads & RTE_ETH_TX_OFFLOAD_UDP_CKSUM) bits |= kTxUdpCsum;
  if (offloads & RTE_ETH_TX_OFFLOAD_TCP_CKSUM) bits |= kTxTcpCsum;
  return static_cast<uint8_t>(bits);
}

// Drivers that have copied or passed on a frame when tx_burst returns. Others release late; what
// rte_eth_tx_done_cleanup promises in addition is supported by hardly any of them.
bool releases_promptly(std::string_view driver) {
  constexpr std::array<std::string_view, 4> kCopying = {"net_af_packet", "net_tap", "net_memif",
                                                        "net_null"};
  return std::find(kCopying.begin(), kCopying.end(), driver) != kCopying.end();
}

// The MTU of the kernel interface under a port, 0 when there is none.
uint32_t kernel_mtu(unsigned if_index) {
  ifreq request{};
  if (if_index == 0 || if_indextoname(if_index, request.ifr_name) == nullptr) return 0;
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return 0;
  const bool ok = ioctl(fd, SIOCGIFMTU, &request) == 0;
  close(fd);
  return ok ? static_cast<uint32_t>(request.ifr_mtu) : 0;
}

// As ethdev judges it, which would say it without the key that mends it.
bool takes(const rte_eth_dev_info& info, uint16_t mtu, std::string& error) {
  constexpr uint32_t kNotSaid = RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;
  const bool says = info.max_mtu != UINT16_MAX && info.max_rx_pktlen > info.max_mtu;
  const uint32_t link = says ? info.max_rx_pktlen - info.max_mtu : kNotSaid;
  if (info.max_rx_pktlen < link || mtu <= info.max_rx_pktlen - link) return true;
  error = "packets of " + std::to_string(mtu) + " bytes, and DPDK's " + info.driver_name +
          " takes " + std::to_string(info.max_rx_pktlen - link) + ": set mtu_bytes to that at most";
  return false;
}

// Buffers that a driver may keep for one descriptor of its transmit ring. Of a frame in several
// each has a descriptor of its own as a rule; but virtio's driver puts up to seven of them behind
// one.
uint32_t buffers_kept(std::string_view driver, bool attaches, bool cuts) {
  constexpr uint32_t kBehindOneOfVirtio = 7;
  if (cuts && driver == "net_virtio") return kBehindOneOfVirtio;
  return attaches ? 2 : 1;
}

uint32_t frames_needed(const PortConfig& config, uint32_t rx_descriptors, uint32_t tx_buffers) {
  const uint32_t bursts = 2 * static_cast<uint32_t>(kBurstFrames);  // one in, one out
  const uint32_t cached = kPoolThreads * kPoolCacheFrames * 3 / 2;  // full, before it gives back
  return rx_descriptors + tx_buffers * config.tx_rings + bursts + config.transmit_frames + cached;
}

std::string mac_text(const Mac& mac) {
  char text[18];
  std::snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", mac.b[0], mac.b[1], mac.b[2],
                mac.b[3], mac.b[4], mac.b[5]);
  return text;
}

// A locally administered address for a device that has none: other for each process and port.
Mac made_up_mac(uint16_t port_id) {
  const auto pid = static_cast<uint32_t>(getpid());
  const auto byte = [](uint32_t v) { return static_cast<uint8_t>(v); };
  return {{0x02, byte(pid >> 16), byte(pid >> 8), byte(pid), byte(port_id >> 8u), byte(port_id)}};
}

}  // namespace

std::unique_ptr<EthdevPort> EthdevPort::open(const PortConfig& config, std::string& error) {
  Queues one;
  return open_queues(config, 1, one, error) ? std::move(one.front()) : nullptr;
}

bool EthdevPort::open_queues(const PortConfig& config, uint32_t queues, Queues& out,
                             std::string& error) {
  if (!Eal::running()) {
    error = "port '" + config.device + "': EAL is not running";
    return false;
  }
  PortConfig complete = config;
  complete.device = complete_device(config.device, config.mtu_bytes, queues);
  const std::string name = device_name(config.device);
  uint16_t port_id = 0;
  LogCapture log;
  const bool present = rte_eth_dev_get_port_by_name(name.c_str(), &port_id) == 0;
  if (!present) {
    const int status = rte_dev_probe(complete.device.c_str());
    if (status != 0 || rte_eth_dev_get_port_by_name(name.c_str(), &port_id) != 0) {
      error = "port '" + complete.device + "': no such device, or its driver refuses it (" +
              rte_strerror(-status) + ")" + log.quote();
      return false;
    }
  }
  const auto device = std::make_shared<EthdevDevice>(port_id, !present);
  if (open_id(device, complete, queues, out, error)) return true;
  error += log.quote();
  return false;
}

EthdevPort::EthdevPort(std::shared_ptr<EthdevDevice> device, uint16_t queue)
    : whole_(std::move(device)), port_id_(whole_->port_id), queue_(queue) {}

bool EthdevPort::open_id(const std::shared_ptr<EthdevDevice>& device, const PortConfig& config,
                         uint32_t queues, Queues& out, std::string& error) {
  Queues ports;
  for (uint32_t q = 0; q < queues; ++q)
    ports.emplace_back(new EthdevPort(device, static_cast<uint16_t>(q)));
  if (ports.empty()) return fail(error, device->port_id, "no queue was asked for", -EINVAL);
  EthdevPort& first = *ports.front();
  PortConfig taken = config;
  bool ready = start(ports, taken, error);
  std::vector<std::string> given_up;
  const auto try_without = [&](const char* what) {
    given_up.push_back(what + (" (" + error + ")"));
    first.unsupported_ = given_up;
    ready = start(ports, taken, error);
  };
  if (!ready && config.rx_interrupt) {
    taken.rx_interrupt = false;
    try_without("rx interrupt");
  }
  if (!ready && first.stamps_asked() && config.rx_stamps != RxStamps::device) {
    taken.rx_stamps = RxStamps::software;
    try_without("rx timestamps");
  }
  if (!ready) return false;
  device->started = true;
  if (!first.begin_stamps(taken.rx_stamps, error)) return false;
  if (!first.set_address(config.mac, error)) return false;
  first.set_filters();
  if (!first.watch_kernel_link(error)) return false;
  first.rx_interrupt_ =
      taken.rx_interrupt && std::all_of(ports.begin(), ports.end(), [](const auto& port) {
        return port->try_rx_interrupt();
      });
  first.refresh_link();
  if (first.is_device_ && first.capabilities_.tx_attach) {
    first.tx_release_prompt_ = first.release_is_prompt();
    first.capabilities_.tx_attach = first.tx_release_prompt_;
  }
  if (queues > 1) first.ask_rss();
  for (EthdevPort* other : first.others_) other->take_after(first);
  out = std::move(ports);
  return true;
}

// The first port configures the device, then each sets up its own queue. Some drivers refuse to
// start with receive interrupts, when they get too few vectors for instance.
bool EthdevPort::start(const Queues& ports, const PortConfig& config, std::string& error) {
  EthdevPort& first = *ports.front();
  const auto queues = static_cast<uint32_t>(ports.size());
  if (!first.configure(config, queues, error)) return false;
  for (const auto& port : ports) {
    if (port.get() != &first) port->take_after(first);
    if (!port->pool_ && !port->make_pool(config, error)) return false;
    if (!port->make_queue(error)) return false;
  }
  const int status = rte_eth_dev_start(first.port_id_);
  return status == 0 || fail(error, first.port_id_, "does not start", status);
}

// What holds for the device holds for each queue.
void EthdevPort::take_after(EthdevPort& first) {
  if (first_ != &first) first.others_.push_back(this);
  first_ = &first;
  capabilities_ = first.capabilities_;
  capabilities_.queue = queue_;
  driver_ = first.driver_;
  is_device_ = first.is_device_;
  tx_prepares_ = first.tx_prepares_;
  tx_release_prompt_ = first.tx_release_prompt_;
  tso_buffers_ = first.tso_buffers_;
  rx_interrupt_ = first.rx_interrupt_;
  rx_descriptors_ = first.rx_descriptors_, tx_descriptors_ = first.tx_descriptors_;
  stamp_source_ = first.stamp_source_, stamp_clock_ = first.stamp_clock_;
  stamp_flag_ = first.stamp_flag_, stamp_offset_ = first.stamp_offset_;
}

bool EthdevPort::configure(const PortConfig& config, uint32_t queues, std::string& error) {
  rte_eth_dev_info info{};
  if (const int status = rte_eth_dev_info_get(port_id_, &info); status != 0) {
    return fail(error, port_id_, "says nothing of itself", status);
  }
  whole_->device = info.device;
  driver_ = info.driver_name;
  is_device_ = std::string_view(rte_bus_name(rte_dev_bus(info.device))) != "vdev";
  tx_release_prompt_ = releases_promptly(driver_) &&
                       device_argument(config.device, "zero-copy") != "yes";  // of net_memif

  const uint32_t most = std::min(info.max_rx_queues, info.max_tx_queues);
  if (queues == 0 || queues > most) {
    error = "port " + std::to_string(port_id_) + ": " + std::to_string(queues) +
            " queues for as many cores, and the device has " + std::to_string(most);
    return false;
  }
  rte_eth_conf conf{};
  conf.rxmode.offloads = rx_offloads(info);
  conf.txmode.offloads = info.tx_offload_capa & kTxOffloads;  // never MBUF_FAST_FREE: frames of
  conf.intr_conf.rxq = config.rx_interrupt;                   // other pools pass through a port
  // A device is asked, once it is open.
  capabilities_.tx_attach = config.attach && (tx_release_prompt_ || is_device_) &&
                            (info.tx_offload_capa & kAttachOffloads) == kAttachOffloads &&
                            rte_eal_iova_mode() == RTE_IOVA_VA;
  if (capabilities_.tx_attach) conf.txmode.offloads |= RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
  // Of a virtual device it would be software's work, and net_tap's does not take full segments.
  const bool cuts =
      config.tso && is_device_ && (info.tx_offload_capa & kTsoOffloads) == kTsoOffloads;
  if (cuts) conf.txmode.offloads |= kTsoOffloads;
  if (!choose_stamps(config.rx_stamps, info, conf.rxmode.offloads, error)) return false;
  const uint16_t mtu = std::clamp(config.mtu_bytes, info.min_mtu, info.max_mtu);
  if (!takes(info, mtu, error)) return false;
  conf.rxmode.mtu = mtu;
  // Some fill buffers of certain sizes only; adopt() puts the segments together.
  if (is_device_ && mtu > RTE_ETHER_MTU)
    conf.rxmode.offloads |= info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER;
  if (config.vlan_id != 0 && (info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_VLAN_FILTER) != 0) {
    conf.rxmode.offloads |= RTE_ETH_RX_OFFLOAD_VLAN_FILTER;
    vlan_id_ = config.vlan_id;
  }
  if (queues > 1) conf.rx_adv_conf.rss_conf.rss_hf = rss_wanted(info.flow_type_rss_offloads);
  if (conf.rx_adv_conf.rss_conf.rss_hf != 0) conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
  const auto pairs = static_cast<uint16_t>(queues);
  if (const int status = rte_eth_dev_configure(port_id_, pairs, pairs, &conf); status != 0) {
    return fail(error, port_id_, "refuses " + std::to_string(queues) + " queue pair(s)", status);
  }
  capabilities_.queues = pairs;
  capabilities_.tx_offload = offered(conf.txmode.offloads);
  capabilities_.rx_csum = (conf.rxmode.offloads & kRxOffloads) != 0;
  capabilities_.tx_headroom_bytes = RTE_PKTMBUF_HEADROOM;
  tx_prepares_ = capabilities_.tx_offload != kTxNone;
  set_mtu(mtu);
  const uint32_t kernel = kernel_mtu(info.if_index);
  if (kernel != 0) capabilities_.mtu_bytes = std::min<uint32_t>(capabilities_.mtu_bytes, kernel);

  // Not every driver has limits, and one without makes the call fail: its numbers then stand.
  rx_descriptors_ = config.rx_descriptors;
  tx_descriptors_ = config.tx_descriptors;
  const int status = rte_eth_dev_adjust_nb_rx_tx_desc(port_id_, &rx_descriptors_, &tx_descriptors_);
  if (status != 0) note_unsupported("descriptor limits", status);
  if (cuts) tso_buffers_ = buffers_for_tso(info);
  return true;
}

// Frames of several buffers, of which a ring holds some at least.
uint32_t EthdevPort::buffers_for_tso(const rte_eth_dev_info& info) const {
  constexpr uint32_t kInARing = 4;
  uint32_t most = std::min<uint32_t>(Port::kTsoBuffersMax, tx_descriptors_ / kInARing);
  if (info.tx_desc_lim.nb_seg_max != 0)
    most = std::min<uint32_t>(most, info.tx_desc_lim.nb_seg_max);
  return most > 1 ? most : 0;
}

// Only a size that is not the usual one is worth a call: with AF_PACKET and tap it changes the
// kernel's interface.
void EthdevPort::set_mtu(uint16_t wanted) {
  capabilities_.mtu_bytes = wanted;
  if (wanted == RTE_ETHER_MTU) return;
  const int status = rte_eth_dev_set_mtu(port_id_, wanted);
  if (status != 0) note_unsupported("setting the MTU", status);
}

bool EthdevPort::make_pool(const PortConfig& config, std::string& error) {
  const uint32_t kept = buffers_kept(driver_, capabilities_.tx_attach, tso_buffers_ != 0);
  const uint32_t needed = frames_needed(config, rx_descriptors_, tx_descriptors_ * kept);
  const uint32_t frames = config.pool_frames == 0 ? needed : uint32_t(config.pool_frames);
  if (config.pool_frames < 0 || frames < needed) {
    error = "port " + std::to_string(port_id_) + ": a pool of " +
            std::to_string(config.pool_frames) +
            " frames is too small: " + std::to_string(rx_descriptors_) + " + " +
            std::to_string(tx_descriptors_) + " descriptors, " +
            std::to_string(config.transmit_frames) +
            " frames waiting to be transmitted, bursts and caches need " + std::to_string(needed);
    return false;
  }
  const uint32_t packet = std::max({kBufferBytesMin, required_buffer_bytes(config.device),
                                    capabilities_.mtu_bytes + kLinkOverhead});
  const uint32_t room = RTE_PKTMBUF_HEADROOM + RTE_ALIGN_CEIL(packet, RTE_CACHE_LINE_SIZE);
  if (room > UINT16_MAX) return fail(error, port_id_, "packets too long for a buffer", -EINVAL);
  if (tso_buffers_ != 0)
    capabilities_.tx_tso_bytes =
        std::min(tso_buffers_ * (room - RTE_PKTMBUF_HEADROOM), kTsoPacketMax) - kHeadersMax;
  static std::atomic<unsigned> pools{0};  // a port number comes back, a pool may be left behind
  const std::string name = "pinion_pool" + std::to_string(pools.fetch_add(1));
  const int numa = rte_eth_dev_socket_id(port_id_);
  pool_.reset(rte_pktmbuf_pool_create(name.c_str(), frames, kPoolCacheFrames, kPrivateBytes,
                                      uint16_t(room), numa < 0 ? SOCKET_ID_ANY : numa));
  if (pool_) {
    released_.reserve(size_t{tx_descriptors_} + kBurstFrames);
    return true;
  }
  const uint64_t bytes = uint64_t{frames} * (sizeof(rte_mbuf) + kPrivateBytes + room);
  const std::string what = "no memory for a pool of " + std::to_string(frames) + " frames, " +
                           std::to_string(bytes >> 20) + " MB: raise hugepages_mb";
  return fail(error, port_id_, what, -rte_errno);
}

bool EthdevPort::make_queue(std::string& error) {
  const int numa = rte_eth_dev_socket_id(port_id_);
  const unsigned socket = numa < 0 ? static_cast<unsigned>(SOCKET_ID_ANY) : unsigned(numa);
  int status =
      rte_eth_rx_queue_setup(port_id_, queue_, rx_descriptors_, socket, nullptr, pool_.get());
  if (status != 0) return fail(error, port_id_, "no receive queue", status);
  status = rte_eth_tx_queue_setup(port_id_, queue_, tx_descriptors_, socket, nullptr);
  if (status != 0) return fail(error, port_id_, "no transmit queue", status);
  return true;
}

// An address that was asked for is needed: what is sent to it must not be filtered out.
bool EthdevPort::set_address(const Mac& wanted, std::string& error) {
  rte_ether_addr address{};
  rte_eth_macaddr_get(port_id_, &address);
  Mac& mac = capabilities_.mac;
  std::copy_n(address.addr_bytes, sizeof mac.b, mac.b);
  const bool asked = !wanted.is_zero();
  if (asked ? mac == wanted : !mac.is_zero()) return true;
  mac = asked ? wanted : made_up_mac(port_id_);
  std::copy_n(mac.b, sizeof address.addr_bytes, address.addr_bytes);
  const int status = rte_eth_dev_default_mac_addr_set(port_id_, &address);
  if (status == 0) return true;
  if (asked) return fail(error, port_id_, "does not take the MAC address " + mac_text(mac), status);
  note_unsupported("setting the MAC", status);
  return true;
}

// net_af_packet says "up" at its start and nothing ever after.
bool EthdevPort::watch_kernel_link(std::string& error) {
  rte_eth_dev_info info{};
  if (driver_ != "net_af_packet" || rte_eth_dev_info_get(port_id_, &info) != 0) return true;
  return kernel_link_.open(info.if_index, error);
}

// The stack filters by itself: groups come and go without the device being told, so the device
// has to let all of them through.
void EthdevPort::set_filters() {
  int status = rte_eth_promiscuous_disable(port_id_);
  if (status != 0) note_unsupported("leaving promiscuous mode", status);
  status = rte_eth_allmulticast_enable(port_id_);
  if (status != 0) note_unsupported("all multicast", status);
  set_vlan_filter();
}

// virtio and the virtual functions of other NICs let only those VLANs through that they are told.
void EthdevPort::set_vlan_filter() {
  if (vlan_id_ == 0) return;
  const int status = rte_eth_dev_vlan_filter(port_id_, vlan_id_, 1);
  if (status != 0) note_unsupported("VLAN filter", status);
}

void EthdevPort::note_unsupported(const char* what, int status) {
  unsupported_.push_back(std::string(what) + " (" + rte_strerror(-status) + ")");
}

std::string EthdevPort::describe() const {
  const auto who = [this](TxOffload bit) {
    return capabilities_.tx_offload & bit ? " device" : " software";
  };
  char name[RTE_ETH_NAME_MAX_LEN] = "?";
  rte_eth_dev_get_name_by_port(port_id_, name);
  std::string text = std::string(name) + ": driver " + driver_ + ", MAC " +
                     mac_text(capabilities_.mac) + ", MTU " +
                     std::to_string(capabilities_.mtu_bytes) + ", descriptors rx " +
                     std::to_string(rx_descriptors_) + " tx " + std::to_string(tx_descriptors_) +
                     ", pool " + std::to_string(pool_frames()) + " frames, checksums: rx" +
                     (capabilities_.rx_csum ? " device" : " software") + ", tx IPv4" +
                     who(kTxIpv4Csum) + ", UDP" + who(kTxUdpCsum) + ", TCP" + who(kTxTcpCsum) +
                     ", timestamps" + (stamp_clock_ != nullptr ? " device" : " software") +
                     ", segmentation" + (tso_buffers_ != 0 ? " device" : " software") +
                     ", payload " + (capabilities_.tx_attach ? "attached" : "copied") +
                     ", rx interrupt " + (rx_interrupt_ ? "yes" : "no") + ", tx release " +
                     (tx_release_prompt_ ? "prompt" : "late (gets copies)") + ", link " +
                     (link_up() ? "up" : "down");
  if (capabilities_.queues > 1)
    text += ", queues " + std::to_string(capabilities_.queues) +
            (capabilities_.rss.tuples != 0 ? ", RSS known" : ", RSS not known");
  for (size_t i = 0; i < unsupported_.size(); ++i) {
    text += (i == 0 ? ", without: " : "; ") + unsupported_[i];
  }
  return text;
}

}  // namespace pinion
