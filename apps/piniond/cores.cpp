// See cores.h.
#include "piniond/cores.h"

namespace pinion::daemon {

bool Cores::make(const config::Config& config, const std::vector<NicPorts>& ports,
                 const Clock& clock, std::string& why) {
  const RunSecrets secrets = make_secrets();
  for (size_t i = 0; i < config.cores.size(); ++i) {
    Core& core = *cores_.emplace_back(std::make_unique<Core>());
    core.name = config.cores[i].name;
    core.nics = nics_of(config, i);
    if (core.link.open(why) != 0) return false;
    core.thread = std::make_unique<CoreThread>(core_config(config, i, clock), core.link);
    KernelConfig kernel = kernel_config(config, i, ports, secrets);
    kernel.hooks = core.thread->hooks();
    core.kernel = std::make_unique<Kernel>(kernel);
  }
  return true;
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

std::vector<CoreLink*> Cores::links() {
  std::vector<CoreLink*> out;
  for (const auto& core : cores_) out.push_back(&core->link);
  return out;
}

}  // namespace pinion::daemon
