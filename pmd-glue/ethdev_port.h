// EthdevPort: one receive and one transmit queue of any DPDK ethdev, as a Port. A Frame lives in
// its mbuf's private area, so a burst converts nothing. Bursts, alloc and free belong to one
// thread, the core's; link_up may be read by any; refresh_link and stats are for housekeeping. Of a
// device with several queues each has a port, and the first one's speaks for the device.
#pragma once
#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pmd-glue/device_clock.h"
#include "pmd-glue/kernel_link.h"
#include "port/capture_tap.h"
#include "port/port.h"

struct rte_device;
struct rte_eth_dev_info;
struct rte_mbuf;
struct rte_mempool;

namespace pinion {

// Whose times received frames have: of a device that has none, software's; or it is not opened.
enum class RxStamps : uint8_t { software, device_or_software, device };

struct PortConfig {
  std::string device{};            // "net_af_packet0,iface=veth0", or one that EAL has probed
  uint16_t rx_descriptors = 1024;  // the driver may adjust both
  uint16_t tx_descriptors = 1024;
  uint16_t mtu_bytes = 1500;
  int pool_frames = 0;                      // 0: as many as are needed
  uint16_t transmit_frames = 512;           // that may wait, for tx_burst or a neighbour
  bool rx_interrupt = false;                // ask the driver for receive interrupts
  uint8_t tx_rings = 1;                     // that the pool's frames may lie in: of a bond both
  bool attach = true;                       // transmit payloads where they lie, if the driver can
  bool tso = true;                          // let the device cut what TCP sends, if it can
  RxStamps rx_stamps = RxStamps::software;  // else calibrate() is called as it says
  uint16_t vlan_id = 0;                     // of all frames; 0: untagged
  Mac mac{};                                // to have in place of its own; zeros: its own
};

// The device's own counters, and what this file dropped.
struct PortStats {
  uint64_t rx_frames = 0, rx_bytes = 0, tx_frames = 0, tx_bytes = 0;
  uint64_t rx_missed = 0;  // no descriptor was free: the core was too slow
  uint64_t rx_errors = 0;
  uint64_t rx_no_frame = 0;  // the pool was dry
  uint64_t tx_errors = 0;
  uint64_t rx_segments = 0;        // of several segments, and too long for one frame
  uint64_t rx_foreign = 0;         // of a pool without room for a Frame
  uint64_t tx_refused = 0;         // the driver cannot fill in what the frame asks for
  uint64_t tx_attached = 0;        // frames whose payload was sent from where it lay
  uint64_t rx_stamped = 0;         // whose time is the device's
  uint64_t rx_stamps_refused = 0;  // that cannot be right, or its clock is not known yet
  uint64_t capture_lost = 0;       // that whoever captures was too slow for
  uint64_t restarts = 0;           // by watch()
  bool device_stamps = false;      // it has a clock for them
  bool stopped = false;            // and it does not start again: watch() goes on trying
};

class TscClock;
struct EthdevDevice;
struct RingPair;
struct PoolDeleter {
  void operator()(rte_mempool* pool) const;
};
using MempoolPtr = std::unique_ptr<rte_mempool, PoolDeleter>;

class EthdevPort final : public Port {
 public:
  using Pair = std::pair<std::unique_ptr<EthdevPort>, std::unique_ptr<EthdevPort>>;

  // Null, and in error what was wrong. Needs a started Eal, and must be gone before it ends.
  static std::unique_ptr<EthdevPort> open(const PortConfig& config, std::string& error);
  // The same with several queue pairs: one port each, in the order of the queues, each for a core
  // of its own, with a pool of its own. false: the device has not so many, and error says why; none
  // is open then. The first port looks after the device: refresh_link, watch, stats and describe
  // are its. They go together, in any order: the first that goes stops the device. What it does to
  // spread packets over the queues stands in capabilities().rss of each; a device whose RSS cannot
  // be known says nothing there.
  static bool open_queues(const PortConfig& config, uint32_t queues,
                          std::vector<std::unique_ptr<EthdevPort>>& out, std::string& error);
  // Two ports of this process, wired to each other by rings of tx_descriptors frames: what one
  // transmits, the other receives, without a copy. config.device names the pair. A frame goes back
  // to the pool it came from, whichever port frees it.
  static Pair open_ring_pair(const PortConfig& config, std::string& error);
  ~EthdevPort() override;
  EthdevPort(const EthdevPort&) = delete;
  EthdevPort& operator=(const EthdevPort&) = delete;

  const PortCapabilities& capabilities() const override { return capabilities_; }
  size_t rx_burst(std::span<Frame*> out) override;
  Nanos burst_time() const override { return burst_time_; }
  // From now on bursts have a time. The clock is the core's, and stays as long as the port.
  void use_clock(const TscClock& clock) { clock_ = &clock; }
  // Taken frames are released when the driver gets round to it: some (virtio, e1000) only in later
  // calls with frames, which is why the pool covers all transmit descriptors. net_af_packet may
  // block here while the kernel's ring is full.
  size_t tx_burst(std::span<Frame*> frames) override;
  size_t alloc(std::span<Frame*> out) override;
  size_t released(std::span<uint64_t> out) override;
  void free(std::span<Frame*> frames) override;
  bool link_up() const override { return first_->link_up_.load(std::memory_order_relaxed); }

  // Asks the driver, which may cost a system call: not for a core thread. Returns link_up().
  bool refresh_link();
  // Restarts the device when it has taken no frame for kStall though the stack had some and the
  // link was up. What was with the device is lost, which every protocol above survives. For the
  // thread of refresh_link, now and then; the core may go on. True: it was restarted.
  bool watch(Nanos now);
  static constexpr Nanos kStall = 2 * kSecond;
  // Reads the device's clock, if received frames have its times: each DeviceClock::kPeriod, by the
  // thread of refresh_link. Needs use_clock.
  void calibrate();
  // For a core that sleeps (host/port_wake.h), and its thread. arm asks for an interrupt at the
  // next frame: the descriptor that becomes readable then, or -1; what has come before makes none.
  int arm();
  bool waiting();  // a frame is there: the next rx_burst gives it
  void disarm();
  uint64_t rx_taken() const { return rx_taken_; }
  bool has_rx_interrupt() const { return rx_interrupt_; }
  PortStats stats() const;
  // One line: driver, MAC, MTU, what is offloaded, and what the driver would not do.
  std::string describe() const;
  // Transmitted frames are released at once. Where they are not, a completion must not wait for
  // the release: give such a port copies.
  bool tx_release_prompt() const { return tx_release_prompt_; }
  // The device reads memory by itself, through an IOMMU: DmaArena::map comes before it can.
  bool needs_dma_map() const;
  // For whoever wants copies of what goes in and out here.
  CaptureTap& tap() { return tap_; }
  size_t pool_frames() const;
  size_t pool_frames_free() const;  // counts; for tests and housekeeping
  uint16_t port_id() const { return port_id_; }
  rte_device* device() const;

 private:
  // While it is not open the core does not touch the driver: restart() does. The core answers
  // closing by closed. Stopped: the device did not start again, and nobody touches the driver; what
  // it let go of is the core's to collect.
  enum class Gate : uint8_t { open, closing, closed, stopped };
  // What the times of received frames count: the device's own counter, or, by net_pcap, Linux's
  // CLOCK_REALTIME in microseconds.
  enum class StampSource : uint8_t { none, counter, realtime_us };

  EthdevPort(std::shared_ptr<EthdevDevice> device, uint16_t queue);
  using Queues = std::vector<std::unique_ptr<EthdevPort>>;
  static bool open_id(const std::shared_ptr<EthdevDevice>& device, const PortConfig& config,
                      uint32_t queues, Queues& out, std::string& error);
  static bool start(const Queues& ports, const PortConfig& config, std::string& error);
  bool configure(const PortConfig& config, uint32_t queues, std::string& error);
  void take_after(EthdevPort& first);
  uint32_t buffers_for_tso(const rte_eth_dev_info& info) const;
  bool choose_stamps(RxStamps wanted, const rte_eth_dev_info& info, uint64_t& offloads,
                     std::string& error);
  bool give_up_stamps(RxStamps wanted, const std::string& why, std::string& error);
  bool begin_stamps(RxStamps wanted, std::string& error);
  bool stamps_asked() const { return stamp_source_ == StampSource::counter; }
  bool read_counter(uint64_t& out) const;
  [[gnu::noinline]] void read_stamps(std::span<Frame*> frames);  // rx_burst is short without
  bool make_pool(const PortConfig& config, std::string& error);
  bool make_queue(std::string& error);
  static uint64_t rss_wanted(uint64_t offered);
  void ask_rss();
  void set_mtu(uint16_t wanted);
  bool set_address(const Mac& wanted, std::string& error);
  bool watch_kernel_link(std::string& error);
  void set_filters();
  void set_vlan_filter();
  void note_unsupported(const char* what, int status);
  bool try_rx_interrupt();
  size_t take(std::span<Frame*> out);
  size_t take_early(std::span<Frame*> out);
  bool adopt(rte_mbuf* m, Frame*& out);
  bool attach(Frame* frame, rte_mbuf* m);
  void drop_refused(const Frame* frame);
  bool may_enter();
  template <class Each>
  void each_queue(const Each& each) {  // the first one's
    each(*this);
    for (EthdevPort* other : others_) each(*other);
  }
  bool await_gate();
  void set_gates(Gate to);
  bool await_gates();
  bool restart();
  bool stalls(Nanos now);
  bool release_is_prompt();
  static void on_release(void* address, void* attached);

  const std::shared_ptr<EthdevDevice> whole_;  // of all its queues
  const uint16_t port_id_, queue_;
  EthdevPort* first_ = this;         // of the first queue
  std::vector<EthdevPort*> others_;  // of the first queue's: of all other ones
  bool tx_prepares_ = false;         // offloads are on: the driver wants to see frames beforehand
  bool tx_release_prompt_ = false;
  bool rx_interrupt_ = false;
  uint16_t vlan_id_ = 0;            // that the device is told of; 0: none
  bool is_device_ = false;          // needs_dma_map()
  uint32_t tso_buffers_ = 0;        // of a frame that the device cuts; 0: it cuts none
  uint64_t tokens_out_ = 0;         // with the driver, or in released_
  std::vector<uint64_t> released_;  // tokens, reserved: never more than are with the driver
  uint16_t rx_descriptors_ = 0, tx_descriptors_ = 0;
  PortCapabilities capabilities_;
  std::atomic<bool> link_up_{false};
  std::atomic<Gate> gate_{Gate::open};
  std::atomic<bool> tx_full_{false};   // the last burst was refused in whole
  std::atomic<uint64_t> tx_taken_{0};  // frames
  uint64_t watched_taken_ = 0;         // watch()'s, as the next three
  Nanos stalled_since_ = 0;
  bool stopped_ = false;  // it did not start again: tried each time
  std::atomic<uint64_t> restarts_{0}, tx_attached_{0};
  uint64_t rx_taken_ = 0;
  // Of the device; null: frames have no times of its own.
  const DeviceClock* stamp_clock_ = nullptr;
  DeviceClock::Line stamp_line_{};  // as it was last seen
  uint64_t stamp_flag_ = 0;         // of an mbuf whose stamp stands at stamp_offset_
  int stamp_offset_ = -1;
  StampSource stamp_source_ = StampSource::none;
  std::vector<Frame*> early_;        // that waiting() has taken; reserved
  Frame* kept_by_driver_ = nullptr;  // of the self-test
  std::atomic<uint64_t> rx_segments_{0}, rx_foreign_{0}, tx_refused_{0};  // written by the core,
  std::atomic<uint64_t> rx_stamped_{0}, rx_stamps_refused_{0};            // as these
  KernelLink kernel_link_;  // open: it is asked beside the driver
  MempoolPtr pool_;
  std::string driver_;
  std::vector<std::string> unsupported_;
  const TscClock* clock_ = nullptr;
  Nanos burst_time_ = 0;
  CaptureTap tap_;
};

}  // namespace pinion
