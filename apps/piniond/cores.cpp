// See cores.h.
#include "piniond/cores.h"

namespace pinion::daemon {

bool Cores::make(const config::Config& config, const std::vector<NicPorts>& ports,
                 const Clock& clock, std::string& why) {
  const RunSecrets secrets = make_secrets();
  for (size_t i = 0; i < config.cores.size(); ++i) {
    Core& core = *cores_.emplace_back(std::make_unique<Core>());
    if (core.link.open(why) != 0) return false;
  }
  if (any_shared(config)) joined_ = cores_.size();
  if (joined_ > 1) owners_ = std::make_unique<PortOwners>();
  for (size_t i = 0; i < joined_ * joined_; ++i)
    rings_.push_back(i % joined_ == i / joined_ ? nullptr : std::make_unique<HandOver>());
  for (size_t i = 0; i < cores_.size(); ++i) {
    Core& core = *cores_[i];
    core.name = config.cores[i].name;
    core.nics = nics_of(config, i);
    CoreThreadConfig thread = core_config(config, i, ports, clock);
    thread.peers = links();
    core.thread = std::make_unique<CoreThread>(thread, core.link);
    KernelConfig kernel = kernel_config(config, i, ports, secrets);
    kernel.hooks = core.thread->hooks();
    join(i, kernel.net.mesh);
    core.kernel = std::make_unique<Kernel>(kernel);
  }
  return true;
}

void Cores::join(size_t core, Mesh& mesh) const {
  if (joined_ == 1) return;
  mesh.core = static_cast<uint32_t>(core), mesh.cores = static_cast<uint32_t>(joined_);
  mesh.owners = owners_.get();
  for (size_t other = 0; other < joined_; ++other) {
    mesh.to.push_back(rings_[core * joined_ + other].get());
    mesh.from.push_back(rings_[other * joined_ + core].get());
  }
}

bool Cores::start(std::string& why) {
  for (const auto& core : cores_)
    if (core->thread->start(*core->kernel, why) != 0) return false;
  return true;
}

// All threads before the first Kernel goes: they hand over to each other.
void Cores::stop() {
  for (const auto& core : cores_)
    if (core->thread) core->thread->stop();
}

void Cores::wake() {
  for (const auto& core : cores_) core->link.wake();
}

std::vector<CoreLink*> Cores::links() {
  std::vector<CoreLink*> out;
  for (const auto& core : cores_) out.push_back(&core->link);
  return out;
}

}  // namespace pinion::daemon
